//! What every [`IdentityStore`](parlance_domain::accounts::IdentityStore) must do, and every store of accounts of identities.

use futures_util::future::join_all;
use parlance_domain::accounts::{
    AccountChange, AccountWithPassword, Ends, Forgets, LinkedIdentity, PasswordHash, RegisterIdentityError,
    SaveAccountError, UnlinkOutcome,
};
use parlance_domain::audit::{Action, Actor, AuditEntry, AuditFilter, Circumstances};
use parlance_domain::consequences::Consequences;
use parlance_domain::ids::{AuditId, IdentityId, UserId};
use parlance_domain::settings::KeyProvider;
use uuid::Uuid;

use crate::provider_keys::key;
use crate::second_factors;
use crate::stores::{Stores, account, at, session, user};

/// Makes a test of each rule of a store of identities; the expression makes [`Stores`].
#[macro_export]
macro_rules! identity_store_contract {
    ($make:expr) => {
        $crate::tests_of_rules!(
            identities,
            $make,
            [
                an_identity_is_found_by_issuer_and_subject_and_by_its_owner,
                the_same_subject_at_two_issuers_is_two_identities,
                an_identity_opens_one_account_and_an_account_has_one_of_a_provider,
                an_identity_of_a_former_issuer_of_its_provider_makes_room,
                of_16_accounts_that_link_an_identity_at_once_one_does,
                an_account_is_registered_with_its_identity_or_not_at_all,
                of_16_registrations_of_an_identity_at_once_one_succeeds,
                an_identity_is_unlinked_by_its_owner_alone,
                the_last_way_in_stays_however_many_are_taken_at_once,
                what_is_forgotten_is_gone_but_for_what_is_linked,
                whoever_is_not_named_is_forgotten_nothing_of,
            ]
        );
    };
}

const ISSUER: &str = "https://id.example.com";

/// The identity of this number, at a provider of its own.
fn identity(number: u128, user_id: UserId) -> LinkedIdentity {
    LinkedIdentity {
        id: IdentityId(Uuid::from_u128(number)),
        user_id,
        provider: format!("provider-{number}").parse().unwrap(),
        issuer: ISSUER.to_owned(),
        subject: format!("subject|{number}").parse().unwrap(),
        email: number
            .is_multiple_of(2)
            .then(|| format!("Ann{number}@Example.com").parse().unwrap()),
        linked_at: at(60),
    }
}

fn told(number: u128, owner: UserId) -> Consequences {
    AuditEntry {
        id: AuditId(Uuid::from_u128(number)),
        at: at(0),
        actor: Actor::Account(owner),
        action: Action::IdentityLinked,
        subject: Some(owner),
        circumstances: Circumstances::default(),
        details: [].into(),
    }
    .into()
}

async fn entries(stores: &Stores, subject: UserId) -> usize {
    let filter = AuditFilter {
        subject: Some(subject),
        action: Some(Action::IdentityLinked),
        ..AuditFilter::default()
    };
    stores.audit.page(&filter, None, 100).await.unwrap().len()
}

/// A change of nothing but the revision.
async fn touched(stores: &Stores, user: UserId) -> AccountChange {
    let before = stores.accounts.by_id(user).await.unwrap().unwrap();
    let after = before.changed(at(60), |_| ());
    AccountChange::new(&before, after, Consequences::default())
}

async fn try_link(stores: &Stores, identity: &LinkedIdentity) -> Result<(), SaveAccountError> {
    let mut change = touched(stores, identity.user_id).await.linking(identity.clone());
    change.consequences = told(identity.id.0.as_u128() + 500, identity.user_id);
    stores.accounts.save(&change).await.map(|_| ())
}

async fn link(stores: &Stores, identity: &LinkedIdentity) {
    try_link(stores, identity).await.unwrap();
}

/// Links an identity to a learner.
pub(crate) async fn give(stores: &Stores, user: UserId, number: u128) {
    link(stores, &identity(number, user)).await;
}

async fn list(stores: &Stores, user: UserId) -> Vec<LinkedIdentity> {
    stores.identities.list(user).await.unwrap()
}

async fn found(stores: &Stores, identity: &LinkedIdentity) -> Option<LinkedIdentity> {
    let found = stores.identities.by_subject(&identity.issuer, &identity.subject);
    found.await.unwrap()
}

async fn unlink(stores: &Stores, user: UserId, identity: &LinkedIdentity) -> UnlinkOutcome {
    let consequences = told(identity.id.0.as_u128() + 900, user);
    stores
        .identities
        .unlink(user, identity.id, &consequences)
        .await
        .unwrap()
}

/// All members come back; others have none of it.
pub async fn an_identity_is_found_by_issuer_and_subject_and_by_its_owner(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    let identities = [identity(1, ann), identity(2, ann)];
    for identity in &identities {
        assert_eq!(found(stores, identity).await, None);
        link(stores, identity).await;
        assert_eq!(found(stores, identity).await.as_ref(), Some(identity));
    }
    assert_eq!(list(stores, ann).await, identities);
    assert_eq!(list(stores, bob).await, []);
    assert_eq!(entries(stores, ann).await, 2);
}

/// What one issuer says of a subject is nothing about that of another.
pub async fn the_same_subject_at_two_issuers_is_two_identities(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    let one = identity(1, ann);
    let other = LinkedIdentity {
        issuer: format!("{ISSUER}/"),
        subject: one.subject.clone(),
        ..identity(2, bob)
    };
    link(stores, &one).await;
    assert_eq!(found(stores, &other).await, None);
    link(stores, &other).await;
    assert_eq!(found(stores, &one).await, Some(one));
    assert_eq!(found(stores, &other).await, Some(other));
}

/// What is refused leaves nothing behind.
pub async fn an_identity_opens_one_account_and_an_account_has_one_of_a_provider(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    let first = identity(1, ann);
    link(stores, &first).await;
    let taken = LinkedIdentity {
        id: IdentityId(Uuid::from_u128(3)),
        user_id: bob,
        ..first.clone()
    };
    let second_of_provider = LinkedIdentity {
        provider: first.provider.clone(),
        ..identity(4, ann)
    };
    for refused in [taken, second_of_provider] {
        let before = stores.accounts.by_id(refused.user_id).await.unwrap();
        let saved = try_link(stores, &refused).await;
        assert!(matches!(saved, Err(SaveAccountError::IdentityTaken)), "{saved:?}");
        assert_eq!(stores.accounts.by_id(refused.user_id).await.unwrap(), before);
    }
    assert_eq!(
        (list(stores, ann).await, list(stores, bob).await),
        (vec![first], vec![])
    );
    assert_eq!((entries(stores, ann).await, entries(stores, bob).await), (1, 0));
}

/// What an issuer said that the provider had before opens nothing any more.
pub async fn an_identity_of_a_former_issuer_of_its_provider_makes_room(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    let (former, other, of_bob) = (identity(1, ann), identity(2, ann), identity(3, bob));
    let of_bob = LinkedIdentity {
        provider: former.provider.clone(),
        ..of_bob
    };
    for identity in [&former, &other, &of_bob] {
        link(stores, identity).await;
    }
    let new = LinkedIdentity {
        id: IdentityId(Uuid::from_u128(4)),
        issuer: "https://id.example.org".to_owned(),
        ..former.clone()
    };
    link(stores, &new).await;
    assert_eq!(found(stores, &former).await, None);
    assert_eq!(list(stores, ann).await, [other, new]);
    assert_eq!(list(stores, bob).await, [of_bob]);
}

/// The others are told that it is taken.
pub async fn of_16_accounts_that_link_an_identity_at_once_one_does(stores: &Stores) {
    let mut wanted = Vec::new();
    for number in 1..=16 {
        let learner = stores.learner(number).await;
        wanted.push(LinkedIdentity {
            subject: "the same".parse().unwrap(),
            ..identity(number, learner)
        });
    }
    let linked = join_all(wanted.iter().map(|identity| try_link(stores, identity))).await;
    assert_eq!(linked.iter().filter(|linked| linked.is_ok()).count(), 1);
    for linked in linked {
        assert!(
            matches!(linked, Ok(()) | Err(SaveAccountError::IdentityTaken)),
            "{linked:?}"
        );
    }
}

/// An account without a password, which only its identity opens.
fn passwordless(number: u128, email: &str) -> AccountWithPassword {
    AccountWithPassword {
        password_hash: PasswordHash::absent(),
        ..account(number, email, None)
    }
}

async fn register(
    stores: &Stores,
    number: u128,
    email: &str,
    identity: &LinkedIdentity,
) -> Result<(), RegisterIdentityError> {
    let account = passwordless(number, email);
    let session = session(number << 64, account.account.id, 0);
    let consequences = told(number + 700, account.account.id);
    let registered = stores
        .identities
        .register(&account, identity, &session, &consequences);
    registered.await
}

/// With its session and the consequences.
pub async fn an_account_is_registered_with_its_identity_or_not_at_all(stores: &Stores) {
    let (ann, bob, eve) = (user(1), user(2), user(3));
    let first = identity(1, ann);
    register(stores, 1, "ann@example.com", &first).await.unwrap();
    assert_eq!(found(stores, &first).await, Some(first.clone()));
    let kept = stores.accounts.with_password(ann).await.unwrap().unwrap();
    assert!(kept.password_hash.is_absent());
    assert_eq!(stores.sessions.live(ann, at(0)).await.unwrap().len(), 1);
    assert_eq!(entries(stores, ann).await, 1);
    let email = register(stores, 2, "ANN@example.com", &identity(2, bob)).await;
    assert!(
        matches!(email, Err(RegisterIdentityError::EmailTaken)),
        "{email:?}"
    );
    let taken = LinkedIdentity {
        id: IdentityId(Uuid::from_u128(3)),
        user_id: eve,
        ..first
    };
    let taken = register(stores, 3, "eve@example.com", &taken).await;
    assert!(
        matches!(taken, Err(RegisterIdentityError::IdentityTaken)),
        "{taken:?}"
    );
    for nobody in [bob, eve] {
        assert_eq!(stores.accounts.by_id(nobody).await.unwrap(), None);
        assert_eq!(list(stores, nobody).await, []);
        assert_eq!(entries(stores, nobody).await, 0);
    }
}

/// Whoever they are of.
pub async fn of_16_registrations_of_an_identity_at_once_one_succeeds(stores: &Stores) {
    let registered = join_all((1..=16).map(|number| async move {
        let identity = LinkedIdentity {
            subject: "the same".parse().unwrap(),
            ..identity(number, user(number))
        };
        let email = format!("learner{number}@example.com");
        register(stores, number, &email, &identity).await
    }));
    let registered = registered.await;
    assert_eq!(registered.iter().filter(|kept| kept.is_ok()).count(), 1);
    for kept in registered {
        let fits = matches!(kept, Ok(()) | Err(RegisterIdentityError::IdentityTaken));
        assert!(fits, "{kept:?}");
    }
}

/// With the consequences, which are not written where there was no such identity.
pub async fn an_identity_is_unlinked_by_its_owner_alone(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    let identity = identity(1, ann);
    link(stores, &identity).await;
    assert_eq!(unlink(stores, bob, &identity).await, UnlinkOutcome::NotFound);
    assert_eq!(entries(stores, bob).await, 0);
    assert_eq!(unlink(stores, ann, &identity).await, UnlinkOutcome::Unlinked);
    assert_eq!(unlink(stores, ann, &identity).await, UnlinkOutcome::NotFound);
    assert_eq!(list(stores, ann).await, []);
    assert_eq!(entries(stores, ann).await, 2);
}

/// Where there is a password, the last identity can go.
pub async fn the_last_way_in_stays_however_many_are_taken_at_once(stores: &Stores) {
    let ann = user(1);
    let identities: Vec<_> = (1..=8).map(|number| identity(number, ann)).collect();
    register(stores, 1, "ann@example.com", &identities[0])
        .await
        .unwrap();
    for identity in &identities[1..] {
        link(stores, identity).await;
    }
    let outcomes = join_all(identities.iter().map(|identity| unlink(stores, ann, identity))).await;
    let of = |outcome| outcomes.iter().filter(|other| **other == outcome).count();
    assert_eq!(
        (of(UnlinkOutcome::Unlinked), of(UnlinkOutcome::LastWayIn)),
        (7, 1)
    );
    let left = list(stores, ann).await;
    assert_eq!(left.len(), 1);
    let change = touched(stores, ann).await;
    let change = change.with_password(PasswordHash::from_stored("a hash".to_owned()));
    stores.accounts.save(&change).await.unwrap();
    assert_eq!(unlink(stores, ann, &left[0]).await, UnlinkOutcome::Unlinked);
}

/// An account of which everything is set that somebody could have set.
async fn hijacked(stores: &Stores, number: u128) -> UserId {
    let ann = stores.learner(number).await;
    give(stores, ann, number).await;
    second_factors::give(stores, ann).await;
    let nothing = Consequences::default();
    let kept = key(KeyProvider::OpenAi, "a", 1);
    stores.provider_keys.keep(ann, &kept, &nothing).await.unwrap();
    ann
}

/// Whether there is a second factor, a key of a provider, a password; and how many identities and sessions there are.
async fn left(stores: &Stores, user: UserId) -> (bool, bool, bool, usize, usize) {
    let factor = stores.second_factors.by_user(user).await.unwrap();
    let keys = stores.provider_keys.list(user).await.unwrap();
    let whole = stores.accounts.with_password(user).await.unwrap().unwrap();
    (
        factor.is_some(),
        !keys.is_empty(),
        !whole.password_hash.is_absent(),
        list(stores, user).await.len(),
        stores.sessions.live(user, at(61)).await.unwrap().len(),
    )
}

/// All by which whoever made the account could get in.
pub async fn what_is_forgotten_is_gone_but_for_what_is_linked(stores: &Stores) {
    let (ann, bob) = (hijacked(stores, 1).await, hijacked(stores, 2).await);
    let own = LinkedIdentity {
        email: Some(stores.accounts.by_id(ann).await.unwrap().unwrap().email),
        ..identity(5, ann)
    };
    link(stores, &own).await;
    link(stores, &identity(6, ann)).await;
    let change = touched(stores, ann).await;
    let change = change.forgetting(Forgets::IdentitiesOfOthers);
    stores.accounts.save(&change).await.unwrap();
    assert_eq!(left(stores, ann).await, (true, true, true, 1, 1));
    assert_eq!(list(stores, ann).await, [own]);
    let change = touched(stores, bob).await.linking(identity(7, bob)).taking_back();
    assert_eq!(change.ends, Ends::AllSessions);
    assert_eq!(stores.accounts.save(&change).await.unwrap().len(), 1);
    assert_eq!(left(stores, bob).await, (false, false, false, 1, 0));
    assert_eq!(list(stores, bob).await, [identity(7, bob)]);
}

/// Nor of what a change does not name.
pub async fn whoever_is_not_named_is_forgotten_nothing_of(stores: &Stores) {
    let (ann, bob) = (hijacked(stores, 1).await, hijacked(stores, 2).await);
    let before = left(stores, bob).await;
    let change = touched(stores, ann).await.taking_back();
    stores.accounts.save(&change).await.unwrap();
    assert_eq!(left(stores, bob).await, before);
    let change = touched(stores, bob).await;
    stores.accounts.save(&change).await.unwrap();
    assert_eq!(left(stores, bob).await, before);
}
