//! What every [`ProviderKeyStore`](parlance_domain::settings::ProviderKeyStore) must do, and how what it keeps is sealed
//! anew.

use parlance_domain::audit::{Action, Actor, AuditEntry, AuditFilter, Circumstances};
use parlance_domain::consequences::Consequences;
use parlance_domain::ids::{AuditId, UserId};
use parlance_domain::port::PortErrorKind;
use parlance_domain::sealing::{KeptSecret, KeyId, Sealed};
use parlance_domain::settings::{KeyProvider, ProviderKey};
use uuid::Uuid;

use crate::stores::{Stores, at, user};

/// Makes a test of each rule of a store of keys of providers; the expression makes [`Stores`].
#[macro_export]
macro_rules! provider_key_store_contract {
    ($make:expr) => {
        $crate::tests_of_rules!(
            provider_keys,
            $make,
            [
                a_key_reads_back_and_another_takes_its_place,
                keys_are_their_owners_alone,
                a_key_goes_once,
                what_follows_is_written_with_the_change_or_not_at_all,
                a_key_without_an_account_is_refused,
                what_is_sealed_otherwise_is_told_in_pages,
                what_was_sealed_anew_takes_the_place_of_what_it_was_made_of_alone,
            ]
        );
    };
}

fn key_id(name: &str) -> KeyId {
    name.parse().unwrap()
}

/// A key of which every byte is this one.
pub(crate) fn key(provider: KeyProvider, sealed_with: &str, byte: u8) -> ProviderKey {
    ProviderKey {
        provider,
        sealed: Sealed {
            key_id: key_id(sealed_with),
            nonce: [byte; Sealed::NONCE_BYTES],
            ciphertext: vec![byte; 40],
        },
        last_four: "x1-~".parse().unwrap(),
        set_at: at(i64::from(byte)),
    }
}

async fn keep(stores: &Stores, user: UserId, key: &ProviderKey) {
    let nothing = Consequences::default();
    stores.provider_keys.keep(user, key, &nothing).await.unwrap();
}

async fn list(stores: &Stores, user: UserId) -> Vec<ProviderKey> {
    stores.provider_keys.list(user).await.unwrap()
}

async fn remove(stores: &Stores, user: UserId, provider: KeyProvider) -> bool {
    let nothing = Consequences::default();
    let removed = stores.provider_keys.remove(user, provider, &nothing).await;
    removed.unwrap()
}

/// By the names of the providers.
pub async fn a_key_reads_back_and_another_takes_its_place(stores: &Stores) {
    let ann = stores.learner(1).await;
    assert_eq!(list(stores, ann).await, []);
    let (one, two) = (key(KeyProvider::OpenAi, "a", 1), key(KeyProvider::Google, "b", 2));
    keep(stores, ann, &one).await;
    keep(stores, ann, &two).await;
    assert_eq!(list(stores, ann).await, [two.clone(), one]);
    let other = key(KeyProvider::OpenAi, "b", 3);
    keep(stores, ann, &other).await;
    assert_eq!(list(stores, ann).await, [two, other]);
}

/// Nobody else sees them or takes them away.
pub async fn keys_are_their_owners_alone(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    let of_ann = key(KeyProvider::OpenAi, "a", 1);
    keep(stores, ann, &of_ann).await;
    assert_eq!(list(stores, bob).await, []);
    assert!(!remove(stores, bob, KeyProvider::OpenAi).await);
    keep(stores, bob, &key(KeyProvider::OpenAi, "a", 2)).await;
    assert_eq!(list(stores, ann).await, [of_ann]);
}

/// The other ones stay.
pub async fn a_key_goes_once(stores: &Stores) {
    let ann = stores.learner(1).await;
    let other = key(KeyProvider::ElevenLabs, "a", 2);
    keep(stores, ann, &key(KeyProvider::OpenAi, "a", 1)).await;
    keep(stores, ann, &other).await;
    assert!(remove(stores, ann, KeyProvider::OpenAi).await);
    assert!(!remove(stores, ann, KeyProvider::OpenAi).await);
    assert_eq!(list(stores, ann).await, [other]);
}

fn entry(number: u128, user: UserId) -> Consequences {
    AuditEntry {
        id: AuditId(Uuid::from_u128(number)),
        at: at(0),
        actor: Actor::Account(user),
        action: Action::ProviderKeySet,
        subject: Some(user),
        circumstances: Circumstances::default(),
        details: [].into(),
    }
    .into()
}

/// An entry of the audit log.
pub async fn what_follows_is_written_with_the_change_or_not_at_all(stores: &Stores) {
    let ann = stores.learner(1).await;
    let keys = &stores.provider_keys;
    let provider = KeyProvider::Google;
    assert!(!keys.remove(ann, provider, &entry(1, ann)).await.unwrap());
    keys.keep(ann, &key(provider, "a", 1), &entry(2, ann))
        .await
        .unwrap();
    assert!(keys.remove(ann, provider, &entry(3, ann)).await.unwrap());
    let filter = AuditFilter {
        subject: Some(ann),
        ..AuditFilter::default()
    };
    let page = stores.audit.page(&filter, None, 10).await.unwrap();
    assert_eq!(page.len(), 2);
}

/// The account may have been deleted meanwhile.
pub async fn a_key_without_an_account_is_refused(stores: &Stores) {
    let key = key(KeyProvider::OpenAi, "a", 1);
    let nothing = Consequences::default();
    let refused = stores.provider_keys.keep(user(9), &key, &nothing).await;
    assert_eq!(refused.unwrap_err().kind, PortErrorKind::OwnerGone);
}

async fn otherwise(stores: &Stores, than: &str, after: Option<&str>, limit: u32) -> Vec<KeptSecret> {
    let found = stores.sealed.sealed_otherwise(&key_id(than), after, limit).await;
    found.unwrap()
}

/// Each once, of all learners, with what it was sealed for.
pub async fn what_is_sealed_otherwise_is_told_in_pages(stores: &Stores) {
    let mut labels = Vec::new();
    for number in 1..=3 {
        let user = stores.learner(number).await;
        for provider in [KeyProvider::ElevenLabs, KeyProvider::OpenAi] {
            keep(stores, user, &key(provider, "old", 1)).await;
            labels.push(ProviderKey::label(user, provider));
        }
        keep(stores, user, &key(KeyProvider::Google, "new", 2)).await;
    }
    let (mut found, mut after): (Vec<KeptSecret>, Option<String>) = (Vec::new(), None);
    loop {
        let page = otherwise(stores, "new", after.as_deref(), 4).await;
        let Some(last) = page.last() else { break };
        after = Some(last.place.clone());
        found.extend(page);
    }
    let told: Vec<_> = found.iter().map(|secret| secret.label.clone()).collect();
    assert_eq!(told, labels);
    assert!(found.iter().all(|secret| secret.sealed.key_id == key_id("old")));
}

/// Not that of a key which was set meanwhile.
pub async fn what_was_sealed_anew_takes_the_place_of_what_it_was_made_of_alone(stores: &Stores) {
    let ann = stores.learner(1).await;
    let before = key(KeyProvider::OpenAi, "old", 1);
    keep(stores, ann, &before).await;
    let secret = otherwise(stores, "new", None, 9).await.remove(0);
    let anew = key(KeyProvider::OpenAi, "new", 2).sealed;
    assert!(stores.sealed.replace(&secret, &anew).await.unwrap());
    assert!(!stores.sealed.replace(&secret, &anew).await.unwrap());
    let expected = ProviderKey {
        sealed: anew.clone(),
        ..before
    };
    assert_eq!(list(stores, ann).await, [expected]);
    assert_eq!(otherwise(stores, "new", None, 9).await, []);
    let meanwhile = key(KeyProvider::OpenAi, "old", 3);
    keep(stores, ann, &meanwhile).await;
    assert!(!stores.sealed.replace(&secret, &anew).await.unwrap());
    assert_eq!(list(stores, ann).await, [meanwhile]);
}
