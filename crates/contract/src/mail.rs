//! What every [`Outbox`](parlance_domain::mail::Outbox) must do.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use futures_util::future::join_all;
use parlance_domain::consequences::Consequences;
use parlance_domain::ids::{MailId, UserId};
use parlance_domain::mail::{AttemptId, Backlog, Fate, Lease, Message, OutgoingMail, TakenMail};
use parlance_domain::time::{MILLISECOND, Timestamp};
use uuid::Uuid;

use crate::stores::{Stores, at};

/// Makes a test of each rule of an outbox; the expression makes [`Stores`].
#[macro_export]
macro_rules! outbox_contract {
    ($make:expr) => {
        $crate::tests_of_rules!(
            mail,
            $make,
            [
                a_mail_is_taken_as_it_was_written_once_it_is_due,
                those_are_taken_first_that_have_been_due_for_longest,
                of_takers_at_once_each_takes_other_mails,
                a_mail_is_taken_again_when_its_lease_is_over,
                what_was_sent_or_given_up_is_taken_no_more,
                a_mail_that_was_postponed_is_taken_again_when_it_is_due,
                an_attempt_that_another_followed_notes_nothing,
                a_note_may_be_made_twice,
                a_note_is_about_one_mail_of_one_user,
                what_waits_is_counted,
                old_mails_are_forgotten_in_batches,
                a_mail_is_not_forgotten_before_its_time,
            ]
        );
    };
}

fn mail(number: u128, user_id: UserId, created_at: Timestamp) -> OutgoingMail {
    OutgoingMail {
        id: MailId(Uuid::from_u128(number)),
        user_id,
        to: "Ann.学生@bücher.example".parse().unwrap(),
        language: Some("de-CH".parse().unwrap()),
        message: Message::NewDevice {
            user_agent: Some("Parlance/1.0 (学习) \"quoted\"".to_owned()),
            address: Some([192, 0, 2, 7].into()),
            at: created_at,
        },
        created_at,
    }
}

/// Puts so many mails of a learner into the outbox, each a second younger than the one before.
async fn put(stores: &Stores, learner: u128, count: u32) -> Vec<OutgoingMail> {
    let user_id = stores.learner(learner).await;
    let mails: Vec<OutgoingMail> = (0..count)
        .map(|number| mail(learner << 64 | u128::from(number), user_id, at(number.into())))
        .collect();
    let consequences = Consequences {
        mails: mails.clone(),
        ..Consequences::default()
    };
    stores.secrets.issue(&consequences).await.unwrap();
    mails
}

fn lease(attempt: u128, now: Timestamp, limit: u32) -> Lease {
    Lease {
        attempt: AttemptId(Uuid::from_u128(attempt)),
        now,
        until: now + TimeDelta::minutes(3),
        limit,
    }
}

async fn take(stores: &Stores, lease: &Lease) -> Vec<TakenMail> {
    stores.outbox.take(lease).await.unwrap()
}

async fn take_one(stores: &Stores, attempt: u128, now: Timestamp) -> TakenMail {
    take(stores, &lease(attempt, now, 1)).await.pop().unwrap()
}

async fn note(stores: &Stores, mail: &OutgoingMail, attempt: u128, fate: Fate) -> bool {
    let attempt = AttemptId(Uuid::from_u128(attempt));
    stores
        .outbox
        .note(mail.user_id, mail.id, attempt, fate)
        .await
        .unwrap()
}

fn ids(mails: &[TakenMail]) -> Vec<u128> {
    mails.iter().map(|mail| mail.id.0.as_u128()).collect()
}

/// What is taken is what was put there, and not before its time.
pub async fn a_mail_is_taken_as_it_was_written_once_it_is_due(stores: &Stores) {
    let mails = put(stores, 1, 1).await;
    assert_eq!(take(stores, &lease(1, at(0) - MILLISECOND, 10)).await, []);
    let expected = TakenMail {
        user_id: mails[0].user_id,
        id: mails[0].id,
        created_at: at(0),
        refusals: 0,
        mail: Some(mails[0].clone()),
    };
    assert_eq!(take(stores, &lease(1, at(0), 10)).await, [expected]);
}

/// The order in which mails are taken is that in which they became due.
pub async fn those_are_taken_first_that_have_been_due_for_longest(stores: &Stores) {
    let mails = put(stores, 1, 5).await;
    for (attempt, expected) in (1..).zip(mails.chunks(2)) {
        let taken: BTreeSet<u128> = ids(&take(stores, &lease(attempt, at(60), 2)).await)
            .into_iter()
            .collect();
        let expected: BTreeSet<u128> = expected.iter().map(|mail| mail.id.0.as_u128()).collect();
        assert_eq!(taken, expected);
    }
}

/// Of sixteen that take mails at once, no two take the same.
pub async fn of_takers_at_once_each_takes_other_mails(stores: &Stores) {
    put(stores, 1, 30).await;
    put(stores, 2, 30).await;
    let leases: Vec<Lease> = (1..=16).map(|attempt| lease(attempt, at(60), 5)).collect();
    let taken = join_all(leases.iter().map(|lease| take(stores, lease))).await;
    assert!(taken.iter().all(|taken| taken.len() <= 5));
    let mut all: Vec<u128> = taken.iter().flat_map(|taken| ids(taken)).collect();
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), count, "a mail was taken twice");
    // Whoever comes afterwards finds the rest.
    let rest = take(stores, &lease(17, at(60), 100)).await;
    assert_eq!(count + rest.len(), 60);
}

/// Of a later release, or broken by hand: it is taken as what cannot be read. `tamper` runs SQL behind the store.
pub async fn a_mail_that_cannot_be_read_keeps_no_other_from_being_taken(
    stores: &Stores,
    tamper: impl AsyncFn(&str),
) {
    let mails = put(stores, 1, 3).await;
    for (what, which) in [
        ("message = '{\"about\":\"ofTheFuture\"}'", "min"),
        ("recipient = 'nobody'", "max"),
    ] {
        let of = format!("created_at = (SELECT {which}(created_at) FROM outbox)");
        tamper(&format!("UPDATE outbox SET {what} WHERE {of}")).await;
    }
    let mut taken = take(stores, &lease(1, at(60), 10)).await;
    taken.sort_by_key(|mail| mail.created_at);
    let read: Vec<Option<OutgoingMail>> = taken.into_iter().map(|taken| taken.mail).collect();
    assert_eq!(read, [None, Some(mails[1].clone()), None]);
}

/// A worker that died with a mail keeps nobody from sending it later.
pub async fn a_mail_is_taken_again_when_its_lease_is_over(stores: &Stores) {
    put(stores, 1, 1).await;
    let first = lease(1, at(0), 1);
    assert_eq!(take(stores, &first).await.len(), 1);
    assert_eq!(take(stores, &lease(2, first.until - MILLISECOND, 1)).await, []);
    assert_eq!(take(stores, &lease(3, first.until, 1)).await.len(), 1);
}

/// What has come to its end is due no more.
pub async fn what_was_sent_or_given_up_is_taken_no_more(stores: &Stores) {
    let mails = put(stores, 1, 2).await;
    assert_eq!(take(stores, &lease(1, at(60), 2)).await.len(), 2);
    assert!(note(stores, &mails[0], 1, Fate::Sent { at: at(61) }).await);
    assert!(note(stores, &mails[1], 1, Fate::GivenUp { at: at(61) }).await);
    assert_eq!(take(stores, &lease(2, at(86_400), 2)).await, []);
}

/// What was postponed comes back, with how often it was refused.
pub async fn a_mail_that_was_postponed_is_taken_again_when_it_is_due(stores: &Stores) {
    let mails = put(stores, 1, 1).await;
    take_one(stores, 1, at(0)).await;
    let fate = Fate::Postponed {
        due: at(30),
        refusals: 7,
    };
    assert!(note(stores, &mails[0], 1, fate).await);
    assert_eq!(take(stores, &lease(2, at(30) - MILLISECOND, 1)).await, []);
    let again = take_one(stores, 2, at(30)).await;
    assert_eq!((again.refusals, again.mail.as_ref()), (7, Some(&mails[0])));
}

/// Only the last attempt that took a mail says what became of it.
pub async fn an_attempt_that_another_followed_notes_nothing(stores: &Stores) {
    let mails = put(stores, 1, 1).await;
    take_one(stores, 1, at(0)).await;
    take_one(stores, 2, at(600)).await;
    let postponed = Fate::Postponed {
        due: at(0),
        refusals: 9,
    };
    for fate in [
        Fate::Sent { at: at(601) },
        Fate::GivenUp { at: at(601) },
        postponed,
    ] {
        assert!(!note(stores, &mails[0], 1, fate).await, "{fate:?}");
    }
    assert!(!note(stores, &mails[0], 3, Fate::Sent { at: at(601) }).await);
    assert_eq!(take_one(stores, 4, at(1_200)).await.refusals, 0);
    assert!(note(stores, &mails[0], 4, Fate::Sent { at: at(1_201) }).await);
}

/// A note whose answer was lost is made again, to the same end.
pub async fn a_note_may_be_made_twice(stores: &Stores) {
    let mails = put(stores, 1, 1).await;
    take_one(stores, 1, at(0)).await;
    for _ in 0..2 {
        assert!(note(stores, &mails[0], 1, Fate::Sent { at: at(1) }).await);
    }
}

/// A note changes the mail that it names, and no other that was taken with it.
pub async fn a_note_is_about_one_mail_of_one_user(stores: &Stores) {
    let mails = put(stores, 1, 2).await;
    let other = stores.learner(2).await;
    assert_eq!(take(stores, &lease(1, at(60), 2)).await.len(), 2);
    let of_other = OutgoingMail {
        user_id: other,
        ..mails[0].clone()
    };
    assert!(!note(stores, &of_other, 1, Fate::Sent { at: at(61) }).await);
    assert!(note(stores, &mails[0], 1, Fate::Sent { at: at(61) }).await);
    let left = take(stores, &lease(2, at(600), 2)).await;
    assert_eq!(ids(&left), [mails[1].id.0.as_u128()]);
}

/// What was taken waits until it was sent or given up.
pub async fn what_waits_is_counted(stores: &Stores) {
    assert_eq!(stores.outbox.backlog().await.unwrap(), Backlog::default());
    let mails = put(stores, 1, 4).await;
    assert_eq!(take(stores, &lease(1, at(60), 3)).await.len(), 3);
    assert!(note(stores, &mails[0], 1, Fate::Sent { at: at(61) }).await);
    assert!(note(stores, &mails[1], 1, Fate::GivenUp { at: at(61) }).await);
    let expected = Backlog {
        waiting: 2,
        oldest: Some(at(2)),
    };
    assert_eq!(stores.outbox.backlog().await.unwrap(), expected);
}

/// What is old is forgotten, sent or not.
pub async fn old_mails_are_forgotten_in_batches(stores: &Stores) {
    let mails = put(stores, 1, 5).await;
    take_one(stores, 1, at(0)).await;
    assert!(note(stores, &mails[0], 1, Fate::Sent { at: at(1) }).await);
    for expected in [2, 2, 1, 0] {
        assert_eq!(stores.outbox.purge(at(10), 2).await.unwrap(), expected);
    }
    assert_eq!(stores.outbox.backlog().await.unwrap(), Backlog::default());
}

/// What is younger than the instant stays.
pub async fn a_mail_is_not_forgotten_before_its_time(stores: &Stores) {
    put(stores, 1, 3).await;
    assert_eq!(stores.outbox.purge(at(1), 10).await.unwrap(), 1);
    let expected = Backlog {
        waiting: 2,
        oldest: Some(at(1)),
    };
    assert_eq!(stores.outbox.backlog().await.unwrap(), expected);
}
