//! What every [`AccountStore`](parlance_domain::accounts::AccountStore) must do.

use futures_util::future::join_all;
use parlance_domain::accounts::{
    Account, CefrLevel, InsertAccountError, PasswordHash, Patch, ProfilePatch, SaveAccountError,
};
use parlance_domain::time::TimeZone;

use crate::stores::{Stores, account, at, session, terms, user};

/// Makes a test of each rule of an account store; the expression makes [`Stores`].
#[macro_export]
macro_rules! account_store_contract {
    ($make:expr) => {
        $crate::tests_of_rules!(
            accounts,
            $make,
            [
                what_was_kept_is_found_by_id_email_and_username,
                who_is_unknown_is_found_by_nothing,
                a_second_account_with_the_same_email_is_refused,
                a_second_account_with_the_same_username_is_refused,
                when_both_are_taken_the_email_is_named,
                a_refused_account_leaves_no_session_behind,
                of_registrations_at_once_with_one_email_one_is_kept,
                accounts_without_a_username_are_not_each_other,
                a_saved_profile_is_read_back,
                a_save_of_another_revision_is_a_conflict_and_changes_nothing,
                of_saves_at_once_one_wins,
                a_save_of_nobody_is_a_conflict,
                a_save_touches_no_other_account,
                a_hash_is_replaced_only_while_it_is_the_old_one,
            ]
        );
    };
}

async fn keep(
    stores: &Stores,
    number: u128,
    email: &str,
    name: Option<&str>,
) -> Result<(), InsertAccountError> {
    let account = account(number, email, name);
    let session = session(number, account.account.id, 0);
    stores.keep(&account, &session).await
}

async fn kept(stores: &Stores, number: u128) -> Account {
    let email = format!("ann{number}@example.com");
    keep(stores, number, &email, None).await.unwrap();
    stores.accounts.by_id(user(number)).await.unwrap().unwrap()
}

fn patched(account: &Account) -> Account {
    let patch = ProfilePatch {
        display_name: Patch::Clear,
        native_language: Patch::Set("fr".parse().unwrap()),
        target_language: Patch::Clear,
        proficiency_level: Patch::Set(CefrLevel::C2),
        time_zone: Patch::Set(TimeZone::UTC),
    };
    account.patched(patch, at(60))
}

/// All members come back as they were kept, whichever key it is asked by.
pub async fn what_was_kept_is_found_by_id_email_and_username(stores: &Stores) {
    let account = account(1, "Ann@Example.com", Some("Ann_B"));
    let session = session(1, account.account.id, 0);
    stores.keep(&account, &session).await.unwrap();
    let by_id = stores.accounts.by_id(account.account.id).await.unwrap();
    assert_eq!(by_id.as_ref(), Some(&account.account));
    let by_email = stores
        .accounts
        .by_email(&"ann@EXAMPLE.com".parse().unwrap())
        .await;
    assert_eq!(by_email.unwrap().as_ref(), Some(&account));
    let by_username = stores.accounts.by_username(&"aNN_b".parse().unwrap()).await;
    assert_eq!(by_username.unwrap(), Some(account));
    assert!(
        stores
            .sessions
            .rotate(session.id, 0, terms(1))
            .await
            .unwrap()
            .is_some()
    );
}

/// Absence is no error.
pub async fn who_is_unknown_is_found_by_nothing(stores: &Stores) {
    keep(stores, 1, "ann@example.com", Some("ann")).await.unwrap();
    assert_eq!(stores.accounts.by_id(user(2)).await.unwrap(), None);
    let by_email = stores
        .accounts
        .by_email(&"bob@example.com".parse().unwrap())
        .await;
    assert_eq!(by_email.unwrap(), None);
    let by_username = stores.accounts.by_username(&"bob".parse().unwrap()).await;
    assert_eq!(by_username.unwrap(), None);
}

/// Addresses are the same when their keys are.
pub async fn a_second_account_with_the_same_email_is_refused(stores: &Stores) {
    keep(stores, 1, "jos\u{e9}@example.com", Some("ann"))
        .await
        .unwrap();
    let again = keep(stores, 2, "JOSE\u{301}@Example.COM", Some("bob")).await;
    assert!(matches!(again, Err(InsertAccountError::EmailTaken)), "{again:?}");
    assert_eq!(stores.accounts.by_id(user(2)).await.unwrap(), None);
}

/// Usernames are the same without regard to case.
pub async fn a_second_account_with_the_same_username_is_refused(stores: &Stores) {
    keep(stores, 1, "ann@example.com", Some("ann")).await.unwrap();
    let again = keep(stores, 2, "bob@example.com", Some("ANN")).await;
    assert!(
        matches!(again, Err(InsertAccountError::UsernameTaken)),
        "{again:?}"
    );
    assert_eq!(stores.accounts.by_id(user(2)).await.unwrap(), None);
}

/// Of two refusals, the one of the email is told.
pub async fn when_both_are_taken_the_email_is_named(stores: &Stores) {
    keep(stores, 1, "ann@example.com", Some("ann")).await.unwrap();
    keep(stores, 2, "bob@example.com", Some("bob")).await.unwrap();
    let again = keep(stores, 3, "bob@example.com", Some("ann")).await;
    assert!(matches!(again, Err(InsertAccountError::EmailTaken)), "{again:?}");
}

/// The account and its first session are kept both or neither.
pub async fn a_refused_account_leaves_no_session_behind(stores: &Stores) {
    keep(stores, 1, "ann@example.com", None).await.unwrap();
    let refused = account(2, "ann@example.com", None);
    let its_session = session(77, refused.account.id, 0);
    assert!(stores.keep(&refused, &its_session).await.is_err());
    let rotated = stores.sessions.rotate(its_session.id, 0, terms(1)).await.unwrap();
    assert_eq!(rotated, None);
}

/// Whoever comes first, and however close together they come.
pub async fn of_registrations_at_once_with_one_email_one_is_kept(stores: &Stores) {
    let outcomes = join_all((1..=16).map(|number| keep(stores, number, "ann@example.com", None))).await;
    let kept = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    let taken = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Err(InsertAccountError::EmailTaken)))
        .count();
    assert_eq!((kept, taken), (1, 15));
}

/// No username is not a username.
pub async fn accounts_without_a_username_are_not_each_other(stores: &Stores) {
    keep(stores, 1, "ann@example.com", None).await.unwrap();
    keep(stores, 2, "bob@example.com", None).await.unwrap();
}

/// A save that names the right revision is kept whole.
pub async fn a_saved_profile_is_read_back(stores: &Stores) {
    let before = kept(stores, 1).await;
    let after = patched(&before);
    stores.save(&after, before.revision).await.unwrap();
    assert_eq!(stores.accounts.by_id(user(1)).await.unwrap(), Some(after));
}

/// Somebody else's change is not overwritten.
pub async fn a_save_of_another_revision_is_a_conflict_and_changes_nothing(stores: &Stores) {
    let before = kept(stores, 1).await;
    for expected in [before.revision + 1, before.revision - 1] {
        let saved = stores.save(&patched(&before), expected).await;
        assert!(matches!(saved, Err(SaveAccountError::Conflict)), "{saved:?}");
    }
    assert_eq!(stores.accounts.by_id(user(1)).await.unwrap(), Some(before));
}

/// Of those that name the same revision, only the first is kept.
pub async fn of_saves_at_once_one_wins(stores: &Stores) {
    let before = kept(stores, 1).await;
    let after = patched(&before);
    let saves = join_all((0..16).map(|_| stores.save(&after, before.revision))).await;
    assert_eq!(saves.iter().filter(|saved| saved.is_ok()).count(), 1);
    let conflicts = saves
        .iter()
        .filter(|saved| matches!(saved, Err(SaveAccountError::Conflict)));
    assert_eq!(conflicts.count(), 15);
}

/// An account that is gone has changed meanwhile.
pub async fn a_save_of_nobody_is_a_conflict(stores: &Stores) {
    let nobody = account(9, "nobody@example.com", None).account;
    let saved = stores.save(&patched(&nobody), nobody.revision).await;
    assert!(matches!(saved, Err(SaveAccountError::Conflict)), "{saved:?}");
    assert_eq!(stores.accounts.by_id(nobody.id).await.unwrap(), None);
}

/// Isolation: what one account's owner does is not seen at another's.
pub async fn a_save_touches_no_other_account(stores: &Stores) {
    let (ann, bob) = (kept(stores, 1).await, kept(stores, 2).await);
    stores.save(&patched(&ann), ann.revision).await.unwrap();
    let bob_hash = account(2, "bob@example.com", None).password_hash;
    let new = PasswordHash::from_stored("new".to_owned());
    stores
        .accounts
        .replace_password_hash(ann.id, &bob_hash, &new)
        .await
        .unwrap();
    let email = bob.email.clone();
    let found = stores.accounts.by_email(&email).await.unwrap().unwrap();
    assert_eq!((found.account, found.password_hash), (bob, bob_hash));
}

/// A password that was changed meanwhile wins.
pub async fn a_hash_is_replaced_only_while_it_is_the_old_one(stores: &Stores) {
    let account = kept(stores, 1).await;
    let hash = |text: &str| PasswordHash::from_stored(text.to_owned());
    let current = async || {
        let found = stores.accounts.by_email(&account.email).await.unwrap();
        found.unwrap().password_hash
    };
    let replace = async |old: &PasswordHash, new: &PasswordHash| {
        stores
            .accounts
            .replace_password_hash(account.id, old, new)
            .await
            .unwrap();
    };
    let first = current().await;
    replace(&first, &hash("second")).await;
    assert_eq!(current().await, hash("second"));
    replace(&first, &hash("third")).await;
    assert_eq!(current().await, hash("second"));
}
