//! What every [`ExportStore`](parlance_domain::personal::ExportStore) must do.

use chrono::TimeDelta;
use futures_util::future::join_all;
use parlance_domain::accounts::{Deletion, Purpose, Standing};
use parlance_domain::audit::{Action, Actor, AuditEntry, AuditFilter, Circumstances};
use parlance_domain::consequences::Consequences;
use parlance_domain::ids::{AuditId, ExportId, UserId};
use parlance_domain::personal::{
    Export, ExportAttempt, ExportFileName, ExportLease, ExportOrder, ExportOutcome, ExportState, ReadyExport,
    Requested, TakenExport,
};
use parlance_domain::time::{MILLISECOND, Timestamp};
use uuid::Uuid;

use crate::secrets::{is_good, secret};
use crate::stores::{Stores, at, user};

/// Makes a test of each rule of a store of archives; the expression makes [`Stores`].
#[macro_export]
macro_rules! export_store_contract {
    ($make:expr) => {
        $crate::tests_of_rules!(
            personal,
            $make,
            [
                an_archive_is_told_of_as_it_was_asked_for,
                threat_07_of_many_that_ask_at_once_one_begins,
                as_many_as_may_be_asked_for_are,
                an_account_out_of_use_asks_for_none,
                threat_30_an_archive_is_told_of_to_its_owner_alone,
                of_workers_at_once_one_takes_an_archive,
                an_archive_is_taken_again_when_its_lease_is_over,
                a_lease_is_made_longer_by_the_last_attempt_alone,
                what_became_of_an_archive_is_noted_once_with_its_consequences,
                an_attempt_that_another_followed_notes_nothing,
                an_archive_that_was_postponed_is_taken_again_when_it_is_due,
                one_that_failed_makes_room_for_the_next,
                threat_58_an_archive_goes_with_its_account,
                old_archives_are_forgotten_in_batches,
            ]
        );
    };
}

const DAY: TimeDelta = TimeDelta::days(1);

fn id(number: u128) -> ExportId {
    ExportId(Uuid::from_u128(number))
}

fn attempt(number: u128) -> ExportAttempt {
    ExportAttempt(Uuid::from_u128(number))
}

fn order(learner: u128, number: u128, now: Timestamp) -> ExportOrder {
    ExportOrder {
        user_id: user(learner),
        id: id(number),
        now,
        limit: 3,
        since: now - DAY,
    }
}

fn entry(number: u128, learner: u128) -> AuditEntry {
    AuditEntry {
        id: AuditId(Uuid::from_u128(number)),
        at: at(0),
        actor: Actor::Account(user(learner)),
        action: Action::ExportRequested,
        subject: Some(user(learner)),
        circumstances: Circumstances::default(),
        details: std::collections::BTreeMap::new(),
    }
}

async fn request(stores: &Stores, learner: u128, number: u128, now: Timestamp) -> Requested {
    let consequences = Consequences::from(entry(number, learner));
    let order = order(learner, number, now);
    stores.exports.request(&order, &consequences).await.unwrap()
}

async fn begun(stores: &Stores, learner: u128, number: u128, now: Timestamp) -> Export {
    match request(stores, learner, number, now).await {
        Requested::Begun(export) => export,
        other => panic!("{other:?}"),
    }
}

async fn take(stores: &Stores, number: u128, now: Timestamp) -> Option<TakenExport> {
    let lease = ExportLease {
        attempt: attempt(number),
        now,
        until: now + TimeDelta::minutes(2),
    };
    stores.exports.take(&lease).await.unwrap()
}

fn ready(number: u128, by: u128) -> ReadyExport {
    ReadyExport {
        file: ExportFileName::new(at(0) + DAY, id(number), attempt(by)),
        bytes: 12_345_678_901,
        ready_at: at(60),
        expires_at: at(60) + DAY,
    }
}

/// Notes what became of an archive of the first learner, with a secret more.
async fn finish(stores: &Stores, number: u128, by: u128, outcome: &ExportOutcome) -> bool {
    let consequences = Consequences::default().and_secret(secret(by, user(1), Purpose::Export));
    let exports = &stores.exports;
    let noted = exports.finish(user(1), id(number), attempt(by), outcome, &consequences);
    noted.await.unwrap()
}

async fn latest(stores: &Stores, learner: u128) -> Option<Export> {
    stores.exports.latest(user(learner)).await.unwrap()
}

async fn told(stores: &Stores, subject: UserId) -> usize {
    let filter = AuditFilter {
        subject: Some(subject),
        ..AuditFilter::default()
    };
    stores.audit.page(&filter, None, 100).await.unwrap().len()
}

/// From the asking until it is ready.
pub async fn an_archive_is_told_of_as_it_was_asked_for(stores: &Stores) {
    stores.learner(1).await;
    assert_eq!(latest(stores, 1).await, None);
    let export = begun(stores, 1, 7, at(0)).await;
    let expected = Export {
        user_id: user(1),
        id: id(7),
        requested_at: at(0),
        state: ExportState::Pending,
    };
    assert_eq!(export, expected);
    assert_eq!(latest(stores, 1).await, Some(expected.clone()));
    take(stores, 1, at(0)).await.unwrap();
    assert!(finish(stores, 7, 1, &ExportOutcome::Ready(ready(7, 1))).await);
    let expected = Export {
        state: ExportState::Ready(ready(7, 1)),
        ..expected
    };
    assert_eq!(latest(stores, 1).await, Some(expected.clone()));
    let found = stores.exports.by_id(user(1), id(7)).await.unwrap();
    assert_eq!(found, Some(expected));
    // The one that was asked for last is told of.
    begun(stores, 1, 3, at(100)).await;
    assert_eq!(latest(stores, 1).await.unwrap().id, id(3));
}

/// And the audit log tells of it once.
pub async fn threat_07_of_many_that_ask_at_once_one_begins(stores: &Stores) {
    stores.learner(1).await;
    let asked = (1..=16).map(|number| request(stores, 1, number, at(0)));
    let asked = join_all(asked).await;
    let begun: Vec<_> = asked
        .iter()
        .filter_map(|asked| match asked {
            Requested::Begun(export) => Some(export.id),
            _ => None,
        })
        .collect();
    assert_eq!(begun.len(), 1, "{asked:?}");
    for asked in &asked {
        let (Requested::Begun(export) | Requested::Underway(export)) = asked else {
            panic!("{asked:?}");
        };
        assert_eq!(export.id, begun[0]);
    }
    assert_eq!(told(stores, user(1)).await, 1);
}

/// Whatever became of them; others are not counted.
pub async fn as_many_as_may_be_asked_for_are(stores: &Stores) {
    stores.learner(1).await;
    stores.learner(2).await;
    for number in 1..=3 {
        let seconds = i64::try_from(number).unwrap();
        begun(stores, 1, number, at(seconds)).await;
        take(stores, number, at(seconds)).await.unwrap();
        let outcome = match number {
            2 => ExportOutcome::Failed { at: at(seconds) },
            _ => ExportOutcome::Ready(ready(number, number)),
        };
        assert!(finish(stores, number, number, &outcome).await);
    }
    let refused = request(stores, 1, 4, at(4)).await;
    assert_eq!(refused, Requested::TooMany { first: at(1) });
    assert_eq!(told(stores, user(1)).await, 3);
    begun(stores, 2, 5, at(4)).await;
    let later = at(1) + DAY;
    let refused = request(stores, 1, 6, later - MILLISECOND).await;
    assert_eq!(refused, Requested::TooMany { first: at(1) });
    begun(stores, 1, 7, later).await;
}

/// Deleted, put out of use or never there.
pub async fn an_account_out_of_use_asks_for_none(stores: &Stores) {
    stores.learner(1).await;
    stores.learner(2).await;
    for (learner, standing) in [
        (1, Standing::Deactivated { since: at(1) }),
        (
            2,
            Standing::Deleted(Deletion {
                by_owner: true,
                reason: None,
                since: at(1),
                purge_at: at(1) + DAY,
            }),
        ),
    ] {
        let account = stores.accounts.by_id(user(learner)).await.unwrap().unwrap();
        let after = account.changed(at(1), |next| {
            next.standing = standing;
            next.roles = [parlance_domain::accounts::Role::User].into();
        });
        // Somebody is left who looks after accounts.
        stores.learner(learner + 10).await;
        stores.save(&after, account.revision).await.unwrap();
    }
    for learner in [1, 2, 3] {
        let asked = request(stores, learner, learner, at(2)).await;
        assert_eq!(asked, Requested::NoAccount, "{learner}");
        assert_eq!(latest(stores, learner).await, None);
        assert_eq!(told(stores, user(learner)).await, 0);
    }
}

/// Whoever else names it finds nothing.
pub async fn threat_30_an_archive_is_told_of_to_its_owner_alone(stores: &Stores) {
    stores.learner(1).await;
    stores.learner(2).await;
    begun(stores, 1, 7, at(0)).await;
    assert_eq!(latest(stores, 2).await, None);
    assert_eq!(stores.exports.by_id(user(2), id(7)).await.unwrap(), None);
    take(stores, 1, at(0)).await.unwrap();
    let exports = &stores.exports;
    let until = at(9_999);
    assert!(!exports.renew(user(2), id(7), attempt(1), until).await.unwrap());
    let failed = ExportOutcome::Failed { at: at(1) };
    let nothing = Consequences::default();
    let noted = exports.finish(user(2), id(7), attempt(1), &failed, &nothing);
    assert!(!noted.await.unwrap());
    assert_eq!(latest(stores, 1).await.unwrap().state, ExportState::Pending);
}

/// And those that find nothing wait for the next.
pub async fn of_workers_at_once_one_takes_an_archive(stores: &Stores) {
    for learner in [1, 2] {
        stores.learner(learner).await;
        begun(stores, learner, learner, at(0)).await;
    }
    let taken = join_all((1..=16).map(|number| take(stores, number, at(0)))).await;
    let mut taken: Vec<_> = taken.into_iter().flatten().collect();
    // One that lost the race for one archive may not have looked for the other.
    taken.extend(take(stores, 17, at(0)).await);
    let mut ids: Vec<_> = taken.iter().map(|taken| taken.id).collect();
    ids.sort_unstable();
    assert_eq!(ids, [id(1), id(2)]);
    assert!(taken.iter().all(|taken| taken.attempts == 1));
    assert_eq!(take(stores, 18, at(0)).await, None);
}

/// Not before; and how often it was taken is told.
pub async fn an_archive_is_taken_again_when_its_lease_is_over(stores: &Stores) {
    stores.learner(1).await;
    begun(stores, 1, 7, at(0)).await;
    for (attempts, seconds) in [(1, 0), (2, 120), (3, 240)] {
        let now = at(seconds);
        assert_eq!(take(stores, 9, now - MILLISECOND).await, None);
        let taken = take(stores, attempts.into(), now).await;
        let expected = TakenExport {
            user_id: user(1),
            id: id(7),
            attempts,
        };
        assert_eq!(taken, Some(expected));
    }
}

/// Until something has become of the archive.
pub async fn a_lease_is_made_longer_by_the_last_attempt_alone(stores: &Stores) {
    stores.learner(1).await;
    begun(stores, 1, 7, at(0)).await;
    let renew = async |by, until| {
        let renewed = stores.exports.renew(user(1), id(7), attempt(by), until);
        renewed.await.unwrap()
    };
    take(stores, 1, at(0)).await.unwrap();
    assert!(renew(1, at(500)).await);
    assert_eq!(take(stores, 2, at(499)).await, None);
    take(stores, 2, at(500)).await.unwrap();
    assert!(!renew(1, at(9_999)).await);
    assert!(renew(2, at(700)).await);
    assert!(finish(stores, 7, 2, &ExportOutcome::Ready(ready(7, 2))).await);
    assert!(!renew(2, at(9_999)).await);
    assert_eq!(take(stores, 3, at(10_000)).await, None);
}

/// A note that is made twice is not made the second time, so that one mail is sent.
pub async fn what_became_of_an_archive_is_noted_once_with_its_consequences(stores: &Stores) {
    stores.learner(1).await;
    begun(stores, 1, 7, at(0)).await;
    take(stores, 1, at(0)).await.unwrap();
    let outcome = ExportOutcome::Ready(ready(7, 1));
    let noted = join_all((0..16).map(|_| finish(stores, 7, 1, &outcome))).await;
    assert_eq!(noted.iter().filter(|noted| **noted).count(), 1);
    assert!(is_good(stores, &secret(1, user(1), Purpose::Export)).await);
    assert!(!finish(stores, 7, 1, &ExportOutcome::Failed { at: at(9) }).await);
    assert_eq!(
        latest(stores, 1).await.unwrap().state,
        ExportState::Ready(ready(7, 1))
    );
}

/// One that was thought dead and is not.
pub async fn an_attempt_that_another_followed_notes_nothing(stores: &Stores) {
    stores.learner(1).await;
    begun(stores, 1, 7, at(0)).await;
    take(stores, 1, at(0)).await.unwrap();
    take(stores, 2, at(120)).await.unwrap();
    for outcome in [
        ExportOutcome::Ready(ready(7, 1)),
        ExportOutcome::Failed { at: at(121) },
        ExportOutcome::Postponed { due: at(121) },
    ] {
        assert!(!finish(stores, 7, 1, &outcome).await);
    }
    assert!(!is_good(stores, &secret(1, user(1), Purpose::Export)).await);
    assert_eq!(take(stores, 3, at(239)).await, None);
    assert!(finish(stores, 7, 2, &ExportOutcome::Ready(ready(7, 2))).await);
    assert_eq!(
        latest(stores, 1).await.unwrap().state,
        ExportState::Ready(ready(7, 2))
    );
}

/// And not before.
pub async fn an_archive_that_was_postponed_is_taken_again_when_it_is_due(stores: &Stores) {
    stores.learner(1).await;
    begun(stores, 1, 7, at(0)).await;
    take(stores, 1, at(0)).await.unwrap();
    assert!(finish(stores, 7, 1, &ExportOutcome::Postponed { due: at(900) }).await);
    assert_eq!(latest(stores, 1).await.unwrap().state, ExportState::Pending);
    assert_eq!(take(stores, 2, at(900) - MILLISECOND).await, None);
    assert_eq!(take(stores, 2, at(900)).await.unwrap().attempts, 2);
}

/// Once it is given up, another may be asked for.
pub async fn one_that_failed_makes_room_for_the_next(stores: &Stores) {
    stores.learner(1).await;
    begun(stores, 1, 7, at(0)).await;
    take(stores, 1, at(0)).await.unwrap();
    assert!(finish(stores, 7, 1, &ExportOutcome::Failed { at: at(5) }).await);
    let state = latest(stores, 1).await.unwrap().state;
    assert_eq!(state, ExportState::Failed { at: at(5) });
    assert_eq!(take(stores, 2, at(10_000)).await, None);
    begun(stores, 1, 8, at(6)).await;
}

/// While it is being made; nothing comes of it, and nobody is written to.
pub async fn threat_58_an_archive_goes_with_its_account(stores: &Stores) {
    stores.learner(1).await;
    stores.learner(2).await;
    begun(stores, 1, 7, at(0)).await;
    take(stores, 1, at(0)).await.unwrap();
    let account = stores.accounts.by_id(user(1)).await.unwrap().unwrap();
    let deletion = Deletion {
        by_owner: true,
        reason: None,
        since: at(1),
        purge_at: at(2),
    };
    let after = account.changed(at(1), |next| next.standing = Standing::Deleted(deletion));
    stores.save(&after, account.revision).await.unwrap();
    let purged = stores.directory.purge(user(1), at(2), &entry(1_000, 1)).await;
    assert!(purged.unwrap());
    assert!(!finish(stores, 7, 1, &ExportOutcome::Ready(ready(7, 1))).await);
    assert_eq!(stores.exports.by_id(user(1), id(7)).await.unwrap(), None);
    assert!(!is_good(stores, &secret(1, user(1), Purpose::Export)).await);
}

/// By when they were asked for.
pub async fn old_archives_are_forgotten_in_batches(stores: &Stores) {
    for learner in 1..=5 {
        stores.learner(learner).await;
        let seconds = i64::try_from(learner).unwrap();
        begun(stores, learner, learner, at(seconds)).await;
    }
    let purge = async |seconds, limit| stores.exports.purge(at(seconds), limit).await.unwrap();
    assert_eq!(purge(1, 10).await, 0);
    assert_eq!(purge(5, 3).await, 3);
    assert_eq!(purge(5, 3).await, 1);
    assert_eq!(latest(stores, 4).await, None);
    assert!(latest(stores, 5).await.is_some());
}
