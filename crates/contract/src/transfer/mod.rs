//! What every [`TransferStore`] must do.

mod audit;
mod words;

use std::any::Any;
use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::join_all;
use parlance_domain::accounts::{ApiKey, Passkey, Rotation};
use parlance_domain::consequences::Consequences;
use parlance_domain::ids::UserId;
use parlance_domain::progress::Rating::{Again, Easy, Good};
use parlance_domain::progress::{Changes, EventKind, MergeItem};
use parlance_domain::settings::KeyProvider;
use parlance_domain::transfer::{LearnerRecord, TransferStore};
use uuid::Uuid;

use crate::progress::learner::{Learner, confidence, counts, far, merge, review, review_id};
use crate::provider_keys::key;
use crate::settings::{everything, kept};
use crate::stores::{Stores, account, at, session, terms, user};
use crate::{api_keys, identities, passkeys, second_factors};

pub use audit::*;
pub use words::*;

/// The stores of one database, and the way to move in and out of it.
pub struct Installation {
    /// The stores.
    pub stores: Stores,
    /// The way in and out.
    pub transfer: Arc<dyn TransferStore>,
    /// What must outlive both.
    pub guard: Box<dyn Any + Send + Sync>,
}

/// An installation that is moved out of, and one that is moved into.
pub type Move = (Installation, Installation);

/// Makes a test of each rule of a transfer; the expression makes an [`Installation`] that holds nothing.
#[macro_export]
macro_rules! transfer_contract {
    ($make:expr) => {
        $crate::tests_of_rules!(
            transfer,
            ($make, $make),
            [
                a_record_is_all_that_the_stores_tell_of_a_learner,
                a_learner_is_moved_whole,
                a_learner_who_did_nothing_is_moved,
                what_is_there_is_left_as_it_is,
                of_imports_at_once_one_is_kept,
                nobody_is_exported,
                a_mark_is_that_of_the_record,
                whatever_a_learner_does_changes_the_mark,
                learners_come_in_the_order_of_their_bytes_and_in_pages,
                sessions_go_on_where_they_were,
                the_change_feed_goes_on_where_it_was,
                what_was_sent_before_is_still_a_duplicate,
                what_was_undone_stays_undone,
                a_log_of_thousands_is_moved,
                an_import_is_kept_whole_or_not_at_all,
                threat_30_a_move_takes_and_touches_nobody_else,
                words_are_read_in_the_order_of_their_ids_on_a_list_or_not,
                words_are_kept_without_a_list,
                an_updated_word_stays_on_its_lists,
                words_moved_and_imported_at_once_are_those_of_the_later,
                entries_of_the_audit_log_are_read_in_pages,
                the_chain_of_the_audit_log_is_moved_and_goes_on,
                entries_that_are_there_stay_as_they_are,
                entries_are_kept_whole_or_not_at_all,
            ]
        );
    };
}

const DAY: i64 = 86_400;

/// A learner with something of everything.
async fn busy(at: &Installation, number: u128) -> Learner<'_> {
    let stores = &at.stores;
    let account = account(
        number,
        &format!("Ann{number}@Example.com"),
        Some(&format!("Ann_{number}")),
    );
    let id = account.account.id;
    let of_session = |place: u128| number << 64 | place;
    let first = session(of_session(2), id, 0);
    stores.keep(&account, &first).await.unwrap();
    for place in [9, 1] {
        let begun = session(of_session(place), id, 500);
        stores.begin(&begun).await.unwrap();
        stores.sessions.rotate(begun.id, 0, terms(600)).await.unwrap();
        stores.sessions.rotate(begun.id, 1, terms(700)).await.unwrap();
    }
    second_factors::give(stores, id).await;
    for passkey in passkeys_of(id) {
        passkeys::give(stores, &passkey).await;
    }
    identities::give(stores, id, number).await;
    let ended = session(of_session(9), id, 0);
    stores.end(&ended, terms(800).now).await.unwrap();

    let ann = Learner::of(stores, id);
    let reviews = vec![review(1, "w1", Good, 10), review(2, "w2", Again, 20)];
    ann.review(reviews, 60).await;
    ann.set(vec![confidence(10, "w3", 0.1 + 0.2), counts(11, "w4", 5, 7)], 61)
        .await;
    let item = MergeItem {
        study_count: Some(3),
        ..MergeItem::default()
    };
    ann.send(Changes::Merge(vec![merge(12, "w5", item)]), 62).await;
    ann.forget(13, "w4", 63).await;
    ann.forget(14, "w3", 64).await;
    ann.set(vec![confidence(15, "w3", 0.75)], 65).await;
    ann.review(vec![review(3, "w1", Easy, 3 * DAY)], 3 * DAY).await;
    ann.undo(16, 2, 3 * DAY + 1).await;
    let nothing = Consequences::default();
    let (settings, keys) = (&stores.settings, &stores.provider_keys);
    settings.save(id, &kept(everything(), 1), &nothing).await.unwrap();
    keys.keep(id, &key(KeyProvider::OpenAi, "a", 1), &nothing)
        .await
        .unwrap();
    let by = stores.session_of(id).await;
    for key in keys_for_programs(id) {
        stores.api_keys.insert(&key, by, 5, &nothing).await.unwrap();
    }
    ann
}

/// Latest first; one of them was used.
fn keys_for_programs(owner: UserId) -> [ApiKey; 2] {
    let number = owner.0.as_u128() << 8;
    let used = ApiKey {
        last_used_at: Some(at(900)),
        ..api_keys::key(number + 1, owner, 800)
    };
    [used, api_keys::key(number + 2, owner, 700)]
}

/// In the order in which they were added.
fn passkeys_of(owner: UserId) -> [Passkey; 2] {
    [passkeys::passkey(2, owner, 7), passkeys::passkey(1, owner, 8)]
}

async fn exported(from: &Installation, user: UserId) -> LearnerRecord {
    from.transfer.export(user).await.unwrap().unwrap()
}

/// Moves a learner; they in the other installation.
async fn moved((from, to): &Move, user: UserId) -> Learner<'_> {
    let record = exported(from, user).await;
    assert!(to.transfer.import(&record).await.unwrap());
    Learner::of(&to.stores, user)
}

/// In the orders that the record names.
pub async fn a_record_is_all_that_the_stores_tell_of_a_learner((from, _): &Move) {
    let ann = busy(from, 1).await;
    let record = exported(from, ann.user).await;
    let email = "ann1@example.com".parse().unwrap();
    let account = from.stores.accounts.by_email(&email).await.unwrap();
    assert_eq!(Some(&record.holdings.account), account.as_ref());
    let sessions: Vec<_> = record
        .holdings
        .sessions
        .iter()
        .map(|session| session.id.0)
        .collect();
    assert_eq!(sessions, [1, 2, 9].map(|place| Uuid::from_u128(1 << 64 | place)));
    assert_eq!(record.holdings.sessions[0].counter, 2);
    assert_eq!(
        record.holdings.preferences,
        from.stores.settings.by_user(ann.user).await.unwrap()
    );
    assert!(record.holdings.preferences.is_some());
    assert_eq!(record.holdings.provider_keys, [key(KeyProvider::OpenAi, "a", 1)]);
    let devices: Vec<_> = record.holdings.devices.iter().map(|known| known.id.0).collect();
    assert_eq!(devices, [1, 2, 9].map(|place| Uuid::from_u128(1 << 64 | place)));
    let first = record.holdings.devices[0];
    assert_eq!((first.first_seen_at, first.last_seen_at), (at(500), at(500)));
    assert_eq!(record.holdings.api_keys, keys_for_programs(ann.user));
    assert_eq!(record.holdings.sessions[2].revoked_at, Some(terms(800).now));
    assert_eq!(record.holdings.passkeys, passkeys_of(ann.user));
    let identities = from.stores.identities.list(ann.user).await.unwrap();
    assert_eq!((identities.len(), &record.holdings.identities), (1, &identities));
    let second_factor = record.holdings.second_factor.as_ref().unwrap();
    assert_eq!(
        second_factor.codes,
        [second_factors::code(1), second_factors::code(2)]
    );
    assert_eq!(
        (second_factor.last_step, second_factor.confirmed_at),
        (100, Some(at(60)))
    );
    assert_eq!(record.rows, ann.changes().await);
    assert_eq!(record.rows.last().unwrap().revision, record.revision);
    assert_eq!(record.rows.iter().filter(|row| row.state.is_none()).count(), 1);
    let positions: Vec<_> = record.events.iter().map(|event| event.position).collect();
    assert_eq!(positions, (1..=10).collect::<Vec<_>>());
    let undone: Vec<_> = record.events.iter().filter(|event| event.undone).collect();
    assert_eq!(undone.len(), 1);
    assert_eq!(undone[0].event.id, review_id(2));
    assert!(matches!(record.events[9].event.kind, EventKind::Undo { review } if review == review_id(2)));
    assert_eq!(record.events[8].recorded_at, terms(3 * DAY).now);
}

/// What comes out of the other installation is what went in, and its stores tell the same.
pub async fn a_learner_is_moved_whole(both: &Move) {
    let (from, to) = both;
    let ann = busy(from, 1).await;
    let there = moved(both, ann.user).await;
    let (before, after) = (exported(from, ann.user).await, exported(to, ann.user).await);
    assert_eq!(after, before);
    assert_eq!(after.projection_digest(), before.projection_digest());
    assert_eq!(there.everything().await, ann.everything().await);
    let username = "aNN_1".parse().unwrap();
    let known = to.stores.accounts.by_username(&username).await.unwrap();
    assert_eq!(known, Some(before.holdings.account));
    let activity = async |learner: &Learner<'_>| {
        let all = learner.store.activity(learner.user, terms(-DAY).now, far());
        all.await.unwrap()
    };
    assert_eq!(activity(&there).await, activity(&ann).await);
}

/// An account with its session, and a log that is yet to begin.
pub async fn a_learner_who_did_nothing_is_moved(both: &Move) {
    let user = both.0.stores.learner(1).await;
    let there = moved(both, user).await;
    let record = exported(&both.1, user).await;
    assert_eq!(record, exported(&both.0, user).await);
    assert_eq!(
        (record.revision, record.events.len(), record.rows.len()),
        (0, 0, 0)
    );
    assert_eq!(record.holdings.sessions.len(), 1);
    let begun = there.review(vec![review(1, "w1", Good, 10)], 60).await;
    assert_eq!(begun.revision, 1);
}

/// Whatever the record says by now.
pub async fn what_is_there_is_left_as_it_is(both: &Move) {
    let (from, to) = both;
    let ann = busy(from, 1).await;
    let there = moved(both, ann.user).await;
    there.forget(20, "w1", 4 * DAY).await;
    let before = exported(to, ann.user).await;
    ann.review(vec![review(21, "w9", Good, 4 * DAY)], 4 * DAY).await;
    let record = exported(from, ann.user).await;
    assert!(!to.transfer.import(&record).await.unwrap());
    assert_eq!(exported(to, ann.user).await, before);
}

/// However close together they come.
pub async fn of_imports_at_once_one_is_kept(both: &Move) {
    let (from, to) = both;
    let record = exported(from, busy(from, 1).await.user).await;
    let imported = join_all((0..8).map(|_| to.transfer.import(&record))).await;
    let kept = imported.into_iter().filter(|kept| *kept.as_ref().unwrap());
    assert_eq!(kept.count(), 1);
    assert_eq!(exported(to, user(1)).await, record);
}

/// Absence is no error.
pub async fn nobody_is_exported((from, _): &Move) {
    busy(from, 1).await;
    assert_eq!(from.transfer.export(user(404)).await.unwrap(), None);
}

/// In either installation; nobody has none.
pub async fn a_mark_is_that_of_the_record(both: &Move) {
    let (from, to) = both;
    let (ann, idle) = (busy(from, 1).await.user, from.stores.learner(2).await);
    for learner in [ann, idle] {
        let mark = exported(from, learner).await.mark();
        assert_eq!(from.transfer.mark(learner).await.unwrap(), Some(mark.clone()));
        assert_eq!(to.transfer.mark(learner).await.unwrap(), None);
        moved(both, learner).await;
        assert_eq!(to.transfer.mark(learner).await.unwrap(), Some(mark));
    }
}

/// And nothing that somebody else does.
pub async fn whatever_a_learner_does_changes_the_mark((from, _): &Move) {
    let (ann, bob) = (busy(from, 1).await, busy(from, 2).await);
    let mark = async |learner: &Learner<'_>| from.transfer.mark(learner.user).await.unwrap();
    let (mut marks, of_bob) = (vec![mark(&ann).await], mark(&bob).await);
    ann.review(vec![review(20, "w1", Good, 4 * DAY)], 4 * DAY).await;
    marks.push(mark(&ann).await);
    ann.undo(21, 20, 4 * DAY + 1).await;
    marks.push(mark(&ann).await);
    ann.forget(22, "w1", 4 * DAY + 2).await;
    marks.push(mark(&ann).await);
    let begun = session(77, ann.user, 5 * DAY);
    from.stores.begin(&begun).await.unwrap();
    marks.push(mark(&ann).await);
    let sessions = &from.stores.sessions;
    sessions.rotate(begun.id, 0, terms(5 * DAY + 1)).await.unwrap();
    marks.push(mark(&ann).await);
    from.stores.end(&begun, terms(5 * DAY + 2).now).await.unwrap();
    marks.push(mark(&ann).await);
    let preferences = kept(everything(), 2);
    let nothing = Consequences::default();
    let saved = from.stores.settings.save(ann.user, &preferences, &nothing);
    saved.await.unwrap();
    marks.push(mark(&ann).await);
    let keys = &from.stores.provider_keys;
    keys.remove(ann.user, KeyProvider::OpenAi, &nothing)
        .await
        .unwrap();
    marks.push(mark(&ann).await);
    let factors = &from.stores.second_factors;
    assert!(factors.use_step(ann.user, 101).await.unwrap());
    marks.push(mark(&ann).await);
    assert!(
        factors
            .use_code(ann.user, &second_factors::code(1), &nothing)
            .await
            .unwrap()
    );
    marks.push(mark(&ann).await);
    let [passkey, _] = passkeys_of(ann.user);
    assert!(passkeys::used(&from.stores, &passkey, 1, 9).await);
    marks.push(mark(&ann).await);
    for (place, one) in marks.iter().enumerate() {
        assert!(one.is_some() && !marks[..place].contains(one), "{place}: {one:?}");
    }
    assert_eq!(mark(&bob).await, of_bob);
}

/// High bytes come last, whatever a column's type makes of them.
pub async fn learners_come_in_the_order_of_their_bytes_and_in_pages((from, _): &Move) {
    assert_eq!(from.transfer.learners(None, 10).await.unwrap(), []);
    let ids = [
        0x7fff_ffff_ffff_ffff_ffff_ffff_ffff_ffff,
        0xffff_ffff_ffff_ffff_ffff_ffff_ffff_ffff,
        0x0000_0000_0000_0000_0000_0000_0000_0001,
        0x8000_0000_0000_0000_0000_0000_0000_0000,
        0x0100_0000_0000_0000_0000_0000_0000_0000,
        0x0000_0000_0000_0000_ff00_0000_0000_0000,
        0x0192_f000_0000_7000_8000_0000_0000_0000,
    ];
    for (number, id) in (1..).zip(ids) {
        let mut account = account(number, &format!("ann{number}@example.com"), None);
        account.account.id = UserId(Uuid::from_u128(id));
        let session = session(number, account.account.id, 0);
        from.stores.keep(&account, &session).await.unwrap();
    }
    let expected: BTreeSet<UserId> = ids.map(|id| UserId(Uuid::from_u128(id))).into();
    let expected = Vec::from_iter(expected);
    assert_eq!(from.transfer.learners(None, 100).await.unwrap(), expected);
    let mut paged = Vec::new();
    loop {
        let page = from.transfer.learners(paged.last().copied(), 3).await.unwrap();
        assert!(page.len() <= 3);
        if page.is_empty() {
            break;
        }
        paged.extend(page);
        assert!(paged.len() <= ids.len());
    }
    assert_eq!(paged, expected);
}

/// Nobody has to sign in again; whoever was signed out still is.
pub async fn sessions_go_on_where_they_were(both: &Move) {
    let (from, to) = both;
    let ann = busy(from, 1).await;
    moved(both, ann.user).await;
    let of = |place: u128| session(1 << 64 | place, ann.user, 0).id;
    let rotate = async |place, presented| {
        let rotated = to.stores.sessions.rotate(of(place), presented, terms(900));
        rotated.await.unwrap()
    };
    assert!(matches!(rotate(1, 2).await, Some(Rotation::Rotated(next)) if next.counter == 3));
    assert_eq!(rotate(9, 2).await, Some(Rotation::Ended));
    let revoked = to.stores.sessions.revoked_since(terms(0).now).await.unwrap();
    let revoked: Vec<_> = revoked.iter().map(|session| session.id).collect();
    assert_eq!(revoked, [of(9)]);
}

/// A cursor that a device holds is good in the other installation, and so is its place in the log.
pub async fn the_change_feed_goes_on_where_it_was(both: &Move) {
    let ann = busy(&both.0, 1).await;
    let there = moved(both, ann.user).await;
    let head = exported(&both.0, ann.user).await.revision;
    let changes = async |after| there.store.changes(ann.user, after, 100).await.unwrap();
    assert_eq!(changes(head).await, []);
    let reviews = vec![review(30, "w1", Good, 4 * DAY), review(31, "w9", Good, 4 * DAY)];
    let appended = there.review(reviews, 4 * DAY).await;
    assert_eq!(appended.revision, head + 2);
    let revisions: Vec<_> = changes(head).await.iter().map(|row| row.revision).collect();
    assert_eq!(revisions, [head + 1, head + 2]);
    let new = there.store.reviews(ann.user, None, 10, 100).await.unwrap();
    let positions: Vec<_> = new.iter().map(|review| review.position).collect();
    assert_eq!(positions, [11, 12]);
}

/// A device that did not hear the answer before the move sends again.
pub async fn what_was_sent_before_is_still_a_duplicate(both: &Move) {
    let ann = busy(&both.0, 1).await;
    let there = moved(both, ann.user).await;
    let before = there.everything().await;
    let reviews = vec![
        review(1, "w1", Good, 10),
        review(2, "w2", Again, 20),
        review(3, "w1", Easy, 3 * DAY),
    ];
    let appended = there.review(reviews, 4 * DAY).await;
    assert_eq!((appended.accepted, appended.duplicates), (0, 3));
    assert_eq!(there.everything().await, before);
}

/// When its word is folded again, too.
pub async fn what_was_undone_stays_undone(both: &Move) {
    let ann = busy(&both.0, 1).await;
    let there = moved(both, ann.user).await;
    // It happened before the one that was undone, so that the whole log counts.
    for learner in [&ann, &there] {
        learner.review(vec![review(40, "w2", Good, 15)], 4 * DAY).await;
    }
    assert_eq!(there.counts("w2").await, (1, 1));
    assert_eq!(there.everything().await, ann.everything().await);
}

/// More events than any statement takes parameters.
pub async fn a_log_of_thousands_is_moved(both: &Move) {
    let ann = Learner::new(&both.0.stores, 1).await;
    for part in 0..5 {
        let reviews = (0..1_000).map(|number| {
            let word = format!("w{}", number % 700);
            review(part * 1_000 + number, &word, Good, 10)
        });
        ann.review(reviews.collect(), 60).await;
    }
    moved(both, ann.user).await;
    let (before, after) = (
        exported(&both.0, ann.user).await,
        exported(&both.1, ann.user).await,
    );
    assert_eq!((before.events.len(), before.rows.len()), (5_000, 700));
    assert!(before == after, "the records differ");
}

/// One whose address somebody else has, or whose log cannot be kept.
pub async fn an_import_is_kept_whole_or_not_at_all(both: &Move) {
    let (from, to) = both;
    let record = exported(from, busy(from, 1).await.user).await;
    let bob = busy(to, 2).await;
    let before = exported(to, bob.user).await;
    let mut of_taken_email = record.clone();
    of_taken_email.holdings.account.account.email = "ANN2@example.com".parse().unwrap();
    let mut of_two_events_of_one_id = record.clone();
    let twice = of_two_events_of_one_id.events[0].clone();
    of_two_events_of_one_id.events[9].event.id = twice.event.id;
    let mut of_taken_session = record.clone();
    of_taken_session.holdings.sessions[1].id = before.holdings.sessions[0].id;
    for broken in [of_taken_email, of_two_events_of_one_id, of_taken_session] {
        assert!(to.transfer.import(&broken).await.is_err());
        assert_eq!(to.transfer.export(user(1)).await.unwrap(), None);
        assert_eq!(to.transfer.learners(None, 10).await.unwrap(), [bob.user]);
        assert_eq!(exported(to, bob.user).await, before);
    }
    assert!(to.transfer.import(&record).await.unwrap());
}

/// Though their events have the same ids.
pub async fn threat_30_a_move_takes_and_touches_nobody_else(both: &Move) {
    let (from, to) = both;
    let (ann, bob) = (busy(from, 1).await, busy(from, 2).await);
    let alone = exported(from, ann.user).await;
    bob.review(vec![review(50, "w1", Again, 4 * DAY)], 4 * DAY).await;
    assert_eq!(exported(from, ann.user).await, alone);
    let carol = busy(to, 3).await;
    let (carol_before, bob_before) = (exported(to, carol.user).await, exported(from, bob.user).await);
    moved(both, ann.user).await;
    assert_eq!(exported(to, carol.user).await, carol_before);
    assert_eq!(exported(from, bob.user).await, bob_before);
    assert_eq!(to.transfer.export(bob.user).await.unwrap(), None);
}
