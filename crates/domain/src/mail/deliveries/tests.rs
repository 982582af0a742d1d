//! Deliveries with an outbox in memory and a mailer that does as it is told.

use std::collections::VecDeque;

use async_trait::async_trait;
use parking_lot::Mutex as Lock;
use uuid::Uuid;

use super::*;
use crate::accounts::{Email, SecretTokens};
use crate::mail::{Backlog, Letter, Links, Message};
use crate::time::Timestamp;

struct Row {
    mail: OutgoingMail,
    readable: bool,
    due: Timestamp,
    refusals: u32,
    attempt: Option<AttemptId>,
    ended: Option<Fate>,
}

#[derive(Default)]
struct FakeOutbox {
    rows: Lock<Vec<Row>>,
    /// How many notes fail from now on.
    failing_notes: Lock<u32>,
}

#[async_trait]
impl Outbox for FakeOutbox {
    async fn take(&self, lease: &Lease) -> Result<Vec<TakenMail>, PortError> {
        let mut rows = self.rows.lock();
        let due = rows
            .iter_mut()
            .filter(|row| row.ended.is_none() && row.due <= lease.now);
        let taken = due.take(lease.limit as usize).map(|row| {
            (row.attempt, row.due) = (Some(lease.attempt), lease.until);
            TakenMail {
                user_id: row.mail.user_id,
                id: row.mail.id,
                created_at: row.mail.created_at,
                refusals: row.refusals,
                mail: row.readable.then(|| row.mail.clone()),
            }
        });
        Ok(taken.collect())
    }

    async fn note(&self, _: UserId, id: MailId, attempt: AttemptId, fate: Fate) -> Result<bool, PortError> {
        let mut failing = self.failing_notes.lock();
        if *failing > 0 {
            *failing -= 1;
            return Err(PortError::unavailable("Outbox", "on purpose"));
        }
        let mut rows = self.rows.lock();
        let Some(row) = rows
            .iter_mut()
            .find(|row| row.mail.id == id && row.attempt == Some(attempt))
        else {
            return Ok(false);
        };
        match fate {
            Fate::Postponed { due, refusals } => (row.due, row.refusals) = (due, refusals),
            Fate::Sent { .. } | Fate::GivenUp { .. } => row.ended = Some(fate),
        }
        Ok(true)
    }

    async fn backlog(&self) -> Result<Backlog, PortError> {
        let rows = self.rows.lock();
        let waiting = rows.iter().filter(|row| row.ended.is_none());
        Ok(Backlog {
            waiting: waiting.clone().count() as u64,
            oldest: waiting.map(|row| row.mail.created_at).min(),
        })
    }

    async fn purge(&self, _: Timestamp, _: u32) -> Result<u32, PortError> {
        Ok(0)
    }
}

/// Answers as it was told, then takes everything.
#[derive(Default)]
struct FakeMailer {
    answers: Lock<VecDeque<MailerErrorKind>>,
    sent: Lock<Vec<MailId>>,
    tried: AtomicU64,
}

#[async_trait]
impl Mailer for FakeMailer {
    async fn send(&self, _: &Email, letter: &Letter) -> Result<(), MailerError> {
        self.tried.fetch_add(1, Ordering::Relaxed);
        if let Some(kind) = self.answers.lock().pop_front() {
            return Err(MailerError::replied(kind, 451));
        }
        self.sent.lock().push(letter.id);
        Ok(())
    }
}

struct TestClock(Lock<Timestamp>);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.0.lock()
    }
}

struct Ids(AtomicU64);

impl IdGenerator for Ids {
    fn next(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.0.fetch_add(1, Ordering::Relaxed)))
    }
}

struct Scene {
    outbox: Arc<FakeOutbox>,
    mailer: Arc<FakeMailer>,
    clock: Arc<TestClock>,
    deliveries: Deliveries,
}

impl Scene {
    fn with(mails: u32) -> Self {
        let outbox = Arc::new(FakeOutbox::default());
        let mailer = Arc::new(FakeMailer::default());
        let clock = Arc::new(TestClock(Lock::new(Timestamp::UNIX_EPOCH)));
        let links = Links::new(
            "https://app.example.com",
            "/{page}#token={token}".parse().unwrap(),
            SecretTokens::new(&"secret".into()),
        );
        let deliveries = Deliveries::new(
            Arc::clone(&outbox) as Arc<dyn Outbox>,
            Arc::clone(&mailer) as Arc<dyn Mailer>,
            Letters::new("Parlance", links),
            Arc::clone(&clock) as Arc<dyn Clock>,
            Arc::new(Ids(AtomicU64::new(1))),
        );
        let scene = Self {
            outbox,
            mailer,
            clock,
            deliveries,
        };
        (0..mails).for_each(|number| scene.put(number));
        scene
    }

    fn put(&self, number: u32) {
        let created_at = self.clock.now();
        self.outbox.rows.lock().push(Row {
            mail: OutgoingMail {
                id: MailId(Uuid::from_u128(1_000 + u128::from(number))),
                user_id: UserId(Uuid::from_u128(7)),
                to: "ann@example.com".parse().unwrap(),
                language: None,
                message: Message::PasswordChanged,
                created_at,
            },
            readable: true,
            due: created_at,
            refusals: 0,
            attempt: None,
            ended: None,
        });
    }

    fn answer(&self, kinds: &[MailerErrorKind]) {
        self.mailer.answers.lock().extend(kinds);
    }

    fn pass(&self, by: TimeDelta) {
        *self.clock.0.lock() += by;
    }

    async fn round(&self) -> Round {
        self.deliveries.deliver_due().await.unwrap()
    }

    fn sent(&self) -> usize {
        self.mailer.sent.lock().len()
    }

    fn tried(&self) -> u64 {
        self.mailer.tried.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn what_is_due_is_sent_once() {
    let scene = Scene::with(40);
    while scene.round().await.next == Next::More {}
    assert_eq!((scene.sent(), scene.tried()), (40, 40));
    scene.pass(TimeDelta::hours(1));
    assert_eq!(scene.round().await.next, Next::Nothing);
    assert_eq!(scene.sent(), 40);
    assert_eq!(scene.outbox.backlog().await.unwrap(), Backlog::default());
    assert_eq!(scene.deliveries.tally().sent, 40);
}

#[tokio::test]
async fn a_mail_that_is_not_taken_rests_for_longer_each_time_within_bounds() {
    let scene = Scene::with(1);
    let mut rests = Vec::new();
    for _ in 0..10 {
        scene.answer(&[MailerErrorKind::NotNow]);
        let round = scene.round().await;
        assert_eq!((round.next, round.failures[0].given_up), (Next::More, false));
        let due = scene.outbox.rows.lock()[0].due;
        rests.push((due - scene.clock.now()).num_seconds());
        *scene.clock.0.lock() = due;
    }
    assert!((22..=38).contains(&rests[0]), "{rests:?}");
    assert!((1_350..=2_250).contains(&rests[9]), "{rests:?}");
    assert!(rests.windows(2).take(5).all(|two| two[0] < two[1]), "{rests:?}");
    assert_eq!(scene.outbox.rows.lock()[0].refusals, 10);
    scene.round().await;
    assert_eq!(scene.sent(), 1);
}

#[test]
fn mails_that_were_refused_together_do_not_come_back_together() {
    let rests: std::collections::BTreeSet<_> = (0..100)
        .map(|number| rest(MailId(Uuid::from_u128(number * 7_919)), 3))
        .collect();
    assert!(rests.len() > 90, "{}", rests.len());
}

#[tokio::test]
async fn a_mail_that_will_never_be_taken_is_given_up() {
    let scene = Scene::with(2);
    scene.answer(&[MailerErrorKind::Never]);
    let round = scene.round().await;
    assert!(round.failures.len() == 1 && round.failures[0].given_up);
    scene.pass(TimeDelta::hours(2));
    assert_eq!(scene.round().await.next, Next::Nothing);
    let tally = scene.deliveries.tally();
    assert_eq!((tally.sent, tally.failed, tally.given_up), (1, 1, 1));
}

#[tokio::test]
async fn while_nothing_can_be_sent_one_mail_is_tried_at_a_time() {
    let scene = Scene::with(10);
    scene.answer(&[MailerErrorKind::Unreachable; 4]);
    assert_eq!(scene.round().await.next, Next::Unreachable);
    assert_eq!(scene.deliveries.state(), CircuitState::Open);
    let tried = scene.tried();
    assert!(tried <= 4, "{tried}");
    scene.mailer.answers.lock().clear();
    scene.answer(&[MailerErrorKind::Unreachable]);
    scene.pass(TRIED_AGAIN);
    assert_eq!(scene.round().await.next, Next::Unreachable);
    assert_eq!(scene.tried(), tried + 1);
    scene.pass(TRIED_AGAIN);
    assert_eq!(scene.round().await.next, Next::More);
    assert_eq!(scene.sent(), 1);
    assert_eq!(scene.deliveries.state(), CircuitState::Closed);
    while scene.round().await.next == Next::More {}
    assert_eq!(scene.sent(), 10);
    assert!(scene.outbox.rows.lock().iter().all(|row| row.refusals == 0));
}

#[tokio::test]
async fn a_mail_of_yesterday_is_not_sent_any_more() {
    let scene = Scene::with(1);
    scene.pass(GIVEN_UP_AFTER);
    let round = scene.round().await;
    assert!(matches!(round.failures[0].reason, Undelivered::TooOld));
    assert_eq!((scene.tried(), scene.deliveries.tally().given_up), (0, 1));
}

#[tokio::test]
async fn a_mail_that_was_sent_and_could_not_be_noted_is_not_sent_again() {
    let scene = Scene::with(1);
    *scene.outbox.failing_notes.lock() = 3;
    for _ in 0..3 {
        assert!(scene.deliveries.deliver_due().await.is_err());
        scene.pass(LEASE);
    }
    assert_eq!(scene.round().await.next, Next::Nothing);
    assert_eq!(scene.sent(), 1);
    assert_eq!(scene.outbox.backlog().await.unwrap().waiting, 0);
}

#[tokio::test]
async fn a_mail_that_this_release_cannot_read_is_left_for_another() {
    let scene = Scene::with(2);
    scene.outbox.rows.lock()[0].readable = false;
    let round = scene.round().await;
    assert!(matches!(round.failures[0].reason, Undelivered::Unreadable) && !round.failures[0].given_up);
    scene.outbox.rows.lock()[0].readable = true;
    scene.pass(LONGEST_REST * 2);
    scene.round().await;
    assert_eq!(scene.sent(), 2);
}
