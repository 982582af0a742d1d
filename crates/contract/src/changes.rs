//! What every [`AccountStore::save`](parlance_domain::accounts::AccountStore::save) must do beyond saving a profile.

use futures_util::future::join_all;
use parlance_domain::accounts::{
    Account, AccountChange, Deletion, Ends, OneTimeSecret, PasswordHash, Purpose, Role, SaveAccountError,
    Standing,
};
use parlance_domain::consequences::Consequences;
use parlance_domain::ids::{SessionId, UserId};

use crate::secrets::{is_good, issue, secret};
use crate::stores::{Stores, at, session};

/// Makes a test of each rule of changes of accounts; the expression makes [`Stores`].
#[macro_export]
macro_rules! account_change_contract {
    ($make:expr) => {
        $crate::tests_of_rules!(
            changes,
            $make,
            [
                a_change_of_everything_is_read_back,
                a_secret_is_used_up_by_the_change_that_names_it,
                a_secret_that_is_spent_expired_or_foreign_refuses_the_change,
                threat_07_of_16_changes_with_one_secret_one_is_made,
                an_email_that_another_account_has_is_refused,
                threat_31_the_last_active_administrator_stays_one,
                threat_31_of_administrators_who_go_at_once_one_stays,
                sessions_end_with_a_change_and_are_told_once,
                all_sessions_but_one_end_with_a_change,
                what_is_refused_leaves_nothing,
                another_password_or_email_spends_the_secrets_until_then,
                another_profile_spends_no_secrets,
            ]
        );
    };
}

async fn kept(stores: &Stores, number: u128) -> Account {
    let id = stores.learner(number).await;
    present(stores, id).await
}

async fn present(stores: &Stores, id: UserId) -> Account {
    stores.accounts.by_id(id).await.unwrap().unwrap()
}

/// A change of nothing but the revision, this many seconds after the beginning.
fn touched(before: &Account, seconds: i64) -> AccountChange {
    let after = before.changed(at(seconds), |_| ());
    AccountChange::new(before, after, Consequences::default())
}

/// A change by which an account administers no more.
fn demoted(before: &Account) -> AccountChange {
    let after = before.changed(at(1), |next| next.roles = [Role::User].into());
    AccountChange::new(before, after, Consequences::default())
}

fn hash(text: &str) -> PasswordHash {
    PasswordHash::from_stored(text.to_owned())
}

async fn save(stores: &Stores, change: &AccountChange) -> Result<Vec<SessionId>, SaveAccountError> {
    stores.accounts.save(change).await
}

async fn live(stores: &Stores, user: UserId) -> Vec<SessionId> {
    let live = stores.sessions.live(user, at(10)).await.unwrap();
    let mut ids: Vec<_> = live.into_iter().map(|session| session.id).collect();
    ids.sort();
    ids
}

/// The address, what is known of it, the roles, the standing and the password among it.
pub async fn a_change_of_everything_is_read_back(stores: &Stores) {
    kept(stores, 2).await;
    let mut before = kept(stores, 1).await;
    let deletion = Deletion {
        by_owner: false,
        reason: Some("asked for it 学".to_owned()),
        since: at(2),
        purge_at: at(3),
    };
    for standing in [
        Standing::Deactivated { since: at(2) },
        Standing::Deleted(deletion),
        Standing::Active,
    ] {
        let after = before.changed(at(5), |next| {
            next.email = "Ann.Other@Example.com".parse().unwrap();
            next.email_verified = !next.email_verified;
            next.is_premium = !next.is_premium;
            next.roles = [Role::User].into();
            next.standing = standing;
        });
        let change = AccountChange::new(&before, after.clone(), Consequences::default());
        let change = change.with_password(hash("another"));
        save(stores, &change).await.unwrap();
        let found = stores.accounts.with_password(after.id).await.unwrap().unwrap();
        assert_eq!((&found.account, found.password_hash), (&after, hash("another")));
        before = after;
    }
    let by_email = stores.accounts.by_email(&before.email).await.unwrap();
    assert_eq!(by_email.unwrap().account, before);
}

/// Once.
pub async fn a_secret_is_used_up_by_the_change_that_names_it(stores: &Stores) {
    let before = kept(stores, 1).await;
    let secret = secret(1, before.id, Purpose::VerifyEmail);
    issue(stores, std::slice::from_ref(&secret)).await;
    save(stores, &touched(&before, 5).redeeming(secret.id))
        .await
        .unwrap();
    let used = stores.secrets.by_id(secret.id).await.unwrap().unwrap();
    assert_eq!(used.used_at, Some(at(5)));
    let again = touched(&present(stores, before.id).await, 6).redeeming(secret.id);
    let again = save(stores, &again).await;
    assert!(matches!(again, Err(SaveAccountError::SecretSpent)), "{again:?}");
}

/// At the time of the change, that is.
pub async fn a_secret_that_is_spent_expired_or_foreign_refuses_the_change(stores: &Stores) {
    let (ann, bob) = (kept(stores, 1).await, kept(stores, 2).await);
    let of_ann = secret(1, ann.id, Purpose::VerifyEmail);
    let of_bob = secret(2, bob.id, Purpose::VerifyEmail);
    let never = secret(3, ann.id, Purpose::VerifyEmail);
    issue(stores, &[of_ann.clone(), of_bob.clone()]).await;
    for (secret, seconds) in [(&of_ann, 3_600), (&of_bob, 1), (&never, 1)] {
        let saved = save(stores, &touched(&ann, seconds).redeeming(secret.id)).await;
        assert!(matches!(saved, Err(SaveAccountError::SecretSpent)), "{saved:?}");
    }
    assert_eq!(present(stores, ann.id).await, ann);
    assert!(is_good(stores, &of_ann).await && is_good(stores, &of_bob).await);
}

/// However often it is tried again because another was faster.
pub async fn threat_07_of_16_changes_with_one_secret_one_is_made(stores: &Stores) {
    let before = kept(stores, 1).await;
    let secret = secret(1, before.id, Purpose::ResetPassword);
    issue(stores, std::slice::from_ref(&secret)).await;
    let attempt = async || {
        loop {
            let current = present(stores, before.id).await;
            match save(stores, &touched(&current, 5).redeeming(secret.id)).await {
                Err(SaveAccountError::Conflict) => {}
                saved => return saved,
            }
        }
    };
    let outcomes = join_all((0..16).map(|_| attempt())).await;
    let made = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    let spent = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Err(SaveAccountError::SecretSpent)))
        .count();
    assert_eq!((made, spent), (1, 15), "{outcomes:?}");
    assert_eq!(present(stores, before.id).await.revision, before.revision + 1);
}

/// Addresses are the same when their keys are.
pub async fn an_email_that_another_account_has_is_refused(stores: &Stores) {
    let (ann, _) = (kept(stores, 1).await, kept(stores, 2).await);
    let after = ann.changed(at(1), |next| {
        next.email = "LEARNER2@Example.com".parse().unwrap();
    });
    let saved = save(stores, &AccountChange::new(&ann, after, Consequences::default())).await;
    assert!(matches!(saved, Err(SaveAccountError::EmailTaken)), "{saved:?}");
    assert_eq!(present(stores, ann.id).await, ann);
}

/// One who is out of use does not count.
pub async fn threat_31_the_last_active_administrator_stays_one(stores: &Stores) {
    let (ann, bob) = (kept(stores, 1).await, kept(stores, 2).await);
    let out_of_use = bob.changed(at(1), |next| {
        next.standing = Standing::Deactivated { since: at(1) };
    });
    let nothing = Consequences::default();
    save(stores, &AccountChange::new(&bob, out_of_use, nothing.clone()))
        .await
        .unwrap();
    let deactivated = ann.changed(at(1), |next| {
        next.standing = Standing::Deactivated { since: at(1) };
    });
    for change in [demoted(&ann), AccountChange::new(&ann, deactivated, nothing)] {
        let saved = save(stores, &change).await;
        assert!(
            matches!(saved, Err(SaveAccountError::LastAdministrator)),
            "{saved:?}"
        );
    }
    save(stores, &touched(&ann, 2)).await.unwrap();
    assert!(present(stores, ann.id).await.is_administrator());
}

/// However many go at the same time.
pub async fn threat_31_of_administrators_who_go_at_once_one_stays(stores: &Stores) {
    let mut administrators = Vec::new();
    for number in 1..=6 {
        administrators.push(kept(stores, number).await);
    }
    let changes: Vec<_> = administrators.iter().map(demoted).collect();
    let outcomes = join_all(changes.iter().map(|change| save(stores, change))).await;
    let refused = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Err(SaveAccountError::LastAdministrator)))
        .count();
    let gone = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!((gone, refused), (5, 1), "{outcomes:?}");
}

/// Those that ended before are not told again, nor those of others.
pub async fn sessions_end_with_a_change_and_are_told_once(stores: &Stores) {
    let (ann, bob) = (kept(stores, 1).await, kept(stores, 2).await);
    let ended_before = session(50, ann.id, 0);
    stores.begin(&ended_before).await.unwrap();
    stores.end(&ended_before, at(1)).await.unwrap();
    stores.begin(&session(51, ann.id, 0)).await.unwrap();
    let (of_ann, of_bob) = (live(stores, ann.id).await, live(stores, bob.id).await);
    let mut told = save(stores, &touched(&ann, 2).ending(Ends::AllSessions))
        .await
        .unwrap();
    told.sort();
    assert_eq!((told.len(), &told), (2, &of_ann));
    let again = touched(&present(stores, ann.id).await, 3).ending(Ends::AllSessions);
    assert_eq!(save(stores, &again).await.unwrap(), []);
    assert_eq!(live(stores, ann.id).await, []);
    assert_eq!(live(stores, bob.id).await, of_bob);
}

/// The one that made the change goes on.
pub async fn all_sessions_but_one_end_with_a_change(stores: &Stores) {
    let ann = kept(stores, 1).await;
    let others = live(stores, ann.id).await;
    let this = session(50, ann.id, 0);
    stores.begin(&this).await.unwrap();
    let change = touched(&ann, 2).ending(Ends::OtherSessions(this.id));
    assert_eq!(save(stores, &change).await.unwrap(), others);
    assert_eq!(live(stores, ann.id).await, [this.id]);
}

/// No consequences, no session ended, no secret used, no password set.
pub async fn what_is_refused_leaves_nothing(stores: &Stores) {
    let ann = kept(stores, 1).await;
    let before = stores.accounts.with_password(ann.id).await.unwrap();
    let taken = kept(stores, 2).await;
    save(stores, &demoted(&taken)).await.unwrap();
    let key = secret(1, ann.id, Purpose::ResetPassword);
    issue(stores, std::slice::from_ref(&key)).await;
    let sessions = live(stores, ann.id).await;
    let with_email = ann.changed(at(1), |next| next.email = taken.email.clone());
    let mut outdated = touched(&ann, 1).redeeming(key.id);
    outdated.expected += 1;
    let never = secret(2, ann.id, Purpose::ResetPassword);
    for (number, change) in [
        (10, outdated),
        (11, touched(&ann, 1).redeeming(never.id)),
        (
            12,
            AccountChange::new(&ann, with_email, Consequences::default()).redeeming(key.id),
        ),
        (13, demoted(&ann).redeeming(key.id)),
    ] {
        let told = secret(number, ann.id, Purpose::Unlock);
        let change = AccountChange {
            consequences: Consequences::default().and_secret(told.clone()),
            ..change.with_password(hash("another")).ending(Ends::AllSessions)
        };
        assert!(save(stores, &change).await.is_err(), "{change:?}");
        assert_eq!(stores.secrets.by_id(told.id).await.unwrap(), None);
        assert_eq!(live(stores, ann.id).await, sessions);
        assert!(is_good(stores, &key).await);
        assert_eq!(stores.accounts.with_password(ann.id).await.unwrap(), before);
    }
}

async fn with_secrets(stores: &Stores) -> (Account, [OneTimeSecret; 2], OneTimeSecret) {
    let (ann, bob) = (kept(stores, 1).await, kept(stores, 2).await);
    let of_ann = [
        secret(1, ann.id, Purpose::ResetPassword),
        secret(2, ann.id, Purpose::ConfirmNewEmail),
    ];
    let of_bob = secret(3, bob.id, Purpose::ResetPassword);
    issue(stores, &of_ann).await;
    issue(stores, std::slice::from_ref(&of_bob)).await;
    (ann, of_ann, of_bob)
}

/// Whoever reads the mails of an address that was the account's, or knew its password, has no way back; what the change
/// itself issues is good.
pub async fn another_password_or_email_spends_the_secrets_until_then(stores: &Stores) {
    let (mut ann, of_ann, of_bob) = with_secrets(stores).await;
    let [first, second] = of_ann;
    let issued = secret(4, ann.id, Purpose::ConfirmNewEmail);
    let consequences = Consequences::default().and_secret(issued.clone());
    let change = AccountChange::new(&ann, ann.changed(at(1), |_| ()), consequences);
    save(stores, &change.with_password(hash("another")))
        .await
        .unwrap();
    assert!(!is_good(stores, &first).await && !is_good(stores, &second).await);
    assert!(is_good(stores, &issued).await);
    ann = present(stores, ann.id).await;
    let after = ann.changed(at(2), |next| next.email = "new@example.com".parse().unwrap());
    let change = AccountChange::new(&ann, after, Consequences::default());
    save(stores, &change).await.unwrap();
    assert!(!is_good(stores, &issued).await);
    assert!(is_good(stores, &of_bob).await);
}

/// Nothing was shown to be wrong with them.
pub async fn another_profile_spends_no_secrets(stores: &Stores) {
    let (ann, of_ann, _) = with_secrets(stores).await;
    save(stores, &touched(&ann, 1)).await.unwrap();
    for secret in of_ann {
        assert!(is_good(stores, &secret).await);
    }
}
