//! What every [`SettingsStore`](parlance_domain::settings::SettingsStore) must do.

use std::sync::Arc;

use futures_util::future::join_all;
use parlance_domain::accounts::Patch;
use parlance_domain::audit::{Action, Actor, AuditEntry, AuditFilter, Circumstances};
use parlance_domain::consequences::Consequences;
use parlance_domain::ids::{AuditId, UserId};
use parlance_domain::port::PortErrorKind;
use parlance_domain::settings::{
    Day, FreeData, KeptPreferences, Preferences, PreferencesPatch, RemindersPatch, Retention,
    SavePreferencesError, SummaryQuality,
};
use uuid::Uuid;

use crate::stores::{Stores, at, user};

/// Makes a test of each rule of a store of settings; the expression makes [`Stores`].
#[macro_export]
macro_rules! settings_store_contract {
    ($make:expr) => {
        $crate::tests_of_rules!(
            settings,
            $make,
            [
                whoever_never_said_has_none,
                what_is_kept_reads_back,
                settings_are_their_owners_alone,
                a_change_needs_the_revision_before_it,
                of_sixteen_that_save_at_once_one_does,
                what_follows_is_written_with_the_change_or_not_at_all,
                settings_without_an_account_are_refused,
            ]
        );
    };
}

/// Something in each member.
pub(crate) fn everything() -> Preferences {
    let data = r#"{"theme": "dark \u0000 学", "n": [1, 2.5, {"a": null}]}"#;
    let data = FreeData::of_json(data).unwrap();
    Preferences::stated(PreferencesPatch {
        preferred_language: Patch::Set("zh-Hant-TW".parse().unwrap()),
        summary_quality: Patch::Set(SummaryQuality::High),
        desired_retention: Patch::Set(Retention::try_from(0.85).unwrap()),
        reminders: Patch::Set(RemindersPatch {
            enabled: Patch::Set(true),
            time: Patch::Set("23:59".parse().unwrap()),
            days: Patch::Set([Day::Monday, Day::Sunday].into_iter().collect()),
        }),
        data: Patch::Set(data.into_members()),
    })
    .unwrap()
}

/// As they are kept.
pub(crate) fn kept(preferences: Preferences, revision: u64) -> KeptPreferences {
    KeptPreferences {
        preferences,
        revision,
        updated_at: at(i64::try_from(revision).unwrap()),
    }
}

async fn save(stores: &Stores, user: UserId, kept: &KeptPreferences) -> Result<(), SavePreferencesError> {
    stores.settings.save(user, kept, &Consequences::default()).await
}

/// Neither settings nor a retention.
pub async fn whoever_never_said_has_none(stores: &Stores) {
    let ann = stores.learner(1).await;
    assert_eq!(stores.settings.by_user(ann).await.unwrap(), None);
    assert_eq!(stores.settings.desired_retention(ann).await.unwrap(), None);
}

/// In each member, the second time too.
pub async fn what_is_kept_reads_back(stores: &Stores) {
    let ann = stores.learner(1).await;
    for kept in [kept(everything(), 1), kept(Preferences::default(), 2)] {
        save(stores, ann, &kept).await.unwrap();
        assert_eq!(stores.settings.by_user(ann).await.unwrap(), Some(kept.clone()));
        let retention = stores.settings.desired_retention(ann).await.unwrap();
        assert_eq!(retention, Some(kept.preferences.desired_retention));
    }
}

/// Nobody else sees or changes them.
pub async fn settings_are_their_owners_alone(stores: &Stores) {
    let (ann, bob) = (stores.learner(1).await, stores.learner(2).await);
    save(stores, ann, &kept(everything(), 1)).await.unwrap();
    assert_eq!(stores.settings.by_user(bob).await.unwrap(), None);
    save(stores, bob, &kept(Preferences::default(), 1)).await.unwrap();
    let of_ann = stores.settings.by_user(ann).await.unwrap().unwrap();
    assert_eq!(of_ann.preferences, everything());
}

/// Older and newer ones are refused, and nothing is written.
pub async fn a_change_needs_the_revision_before_it(stores: &Stores) {
    let ann = stores.learner(1).await;
    save(stores, ann, &kept(Preferences::default(), 1)).await.unwrap();
    save(stores, ann, &kept(everything(), 2)).await.unwrap();
    for revision in [1, 2, 4] {
        let refused = save(stores, ann, &kept(Preferences::default(), revision)).await;
        assert!(
            matches!(refused, Err(SavePreferencesError::Conflict)),
            "{revision}: {refused:?}"
        );
    }
    let found = stores.settings.by_user(ann).await.unwrap();
    assert_eq!(found, Some(kept(everything(), 2)));
}

/// From nothing, and from something.
pub async fn of_sixteen_that_save_at_once_one_does(stores: &Stores) {
    let ann = stores.learner(1).await;
    for revision in [1, 2] {
        let saved = (0..16).map(|_| {
            let store = Arc::clone(&stores.settings);
            let kept = kept(everything(), revision);
            async move { store.save(ann, &kept, &Consequences::default()).await }
        });
        let saved = join_all(saved).await;
        assert_eq!(saved.iter().filter(|one| one.is_ok()).count(), 1, "{saved:?}");
    }
}

fn entry(number: u128, user: UserId) -> Consequences {
    AuditEntry {
        id: AuditId(Uuid::from_u128(number)),
        at: at(0),
        actor: Actor::Account(user),
        action: Action::SettingsChanged,
        subject: Some(user),
        circumstances: Circumstances::default(),
        details: [].into(),
    }
    .into()
}

/// An entry of the audit log.
pub async fn what_follows_is_written_with_the_change_or_not_at_all(stores: &Stores) {
    let ann = stores.learner(1).await;
    let first = kept(everything(), 1);
    stores.settings.save(ann, &first, &entry(1, ann)).await.unwrap();
    let refused = stores.settings.save(ann, &first, &entry(2, ann)).await;
    assert!(matches!(refused, Err(SavePreferencesError::Conflict)));
    let filter = AuditFilter {
        subject: Some(ann),
        ..AuditFilter::default()
    };
    let page = stores.audit.page(&filter, None, 10).await.unwrap();
    assert_eq!(page.len(), 1);
}

/// The account may have been deleted meanwhile.
pub async fn settings_without_an_account_are_refused(stores: &Stores) {
    let refused = save(stores, user(9), &kept(everything(), 1)).await;
    let Err(SavePreferencesError::Port(error)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(error.kind, PortErrorKind::OwnerGone);
}
