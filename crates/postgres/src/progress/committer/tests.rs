//! Tests of the queue: who is taken when, and with whom.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use parlance_contract::stores::{at, user, word_id};
use parlance_domain::ids::{EventId, ProgressId};
use parlance_domain::port::PortErrorKind;
use parlance_domain::progress::{AppendError, Appended, Change, Changes, NewSet, Submission};
use tokio::sync::oneshot;
use tokio::time::{advance, timeout};
use uuid::Uuid;

use super::entry::{Answer, Attempt, Entry};
use super::queue::{Queue, Turn};
use crate::database::StoreError;

/// A write of so many changes; the number is that of its first event.
fn write(learner: u128, number: u128, changes: u128) -> (Entry, oneshot::Receiver<Answer>) {
    let set = |number| Change {
        word_id: word_id("w1"),
        event_id: EventId(Uuid::from_u128(number)),
        progress_id: ProgressId(Uuid::from_u128(number)),
        what: NewSet::default(),
    };
    let submission = Submission {
        changes: Changes::Sets((number..number + changes).map(set).collect()),
        now: at(0),
        dry_run: false,
    };
    entry(learner, submission)
}

/// In which time each is to be done.
const TIME: Duration = Duration::from_mins(1);

fn entry(learner: u128, submission: Submission) -> (Entry, oneshot::Receiver<Answer>) {
    let (reply, answer) = oneshot::channel();
    (Entry::new(user(learner), submission, TIME, reply), answer)
}

fn push(queue: &Queue, learner: u128, number: u128) -> oneshot::Receiver<Answer> {
    let (entry, answer) = write(learner, number, 1);
    queue.push(entry).unwrap();
    answer
}

/// The number of a write.
fn number(turn: &Turn) -> u128 {
    match &turn.entry.submission.changes {
        Changes::Sets(sets) => sets[0].event_id.0.as_u128(),
        other => panic!("{other:?}"),
    }
}

fn numbers(turns: &[Turn]) -> Vec<u128> {
    turns.iter().map(number).collect()
}

/// What is taken now, without waiting.
async fn take(queue: &Arc<Queue>) -> Option<Vec<Turn>> {
    timeout(Duration::ZERO, queue.take()).await.ok()
}

#[tokio::test]
async fn of_each_learner_one_write_is_under_way_and_the_next_one_follows_in_order() {
    let queue = Arc::new(Queue::new(10));
    let _answers: Vec<_> = [(1, 11), (1, 12), (2, 21), (1, 13)]
        .map(|(learner, number)| push(&queue, learner, number))
        .into();
    let first = queue.take().await;
    assert_eq!(numbers(&first), [11, 21]);
    assert!(take(&queue).await.is_none());
    drop(first);
    let second = queue.take().await;
    assert_eq!(numbers(&second), [12]);
    for turn in second {
        turn.again_after(Duration::ZERO);
    }
    assert_eq!(
        numbers(&queue.take().await),
        [12],
        "what comes again keeps its place"
    );
    let last = queue.take().await;
    assert_eq!(numbers(&last), [13]);
    assert_eq!(queue.stats().waiting, 0);
}

#[tokio::test]
async fn what_comes_again_after_a_while_holds_its_learner_back_until_then() {
    let queue = Arc::new(Queue::new(10));
    let _answers = [push(&queue, 1, 11), push(&queue, 1, 12), push(&queue, 2, 21)];
    for turn in queue.take().await {
        let pause = if number(&turn) == 11 { 50 } else { 0 };
        turn.again_after(Duration::from_millis(pause));
    }
    assert_eq!(numbers(&queue.take().await), [21]);
    assert!(take(&queue).await.is_none());
    assert_eq!(numbers(&queue.take().await), [11]);
}

#[tokio::test(start_paused = true)]
async fn what_would_be_done_too_late_is_refused_but_not_before_half_of_its_time() {
    let queue = Arc::new(Queue::new(10));
    let after = async |wait: Duration| {
        let answer = push(&queue, 1, 11);
        advance(wait).await;
        let is_taken = take(&queue).await.is_some();
        let is_refused = matches!(answer.now_or_never(), Some(Ok(Err(_))));
        (is_taken, is_refused)
    };
    assert_eq!(after(TIME.mul_f64(0.98)).await, (true, false));
    assert_eq!(after(TIME).await, (false, true));
    for _ in 0..3 {
        queue.counters.group_took(TIME);
    }
    assert_eq!(after(TIME.mul_f64(0.98)).await, (true, false), "a pause");
    queue.counters.group_took(TIME);
    assert_eq!(after(TIME.mul_f64(0.48)).await, (true, false));
    assert_eq!(after(TIME / 2).await, (false, true));
    assert_eq!(queue.stats().expired, 2);
}

#[tokio::test]
async fn only_so_much_goes_together() {
    let queue = Arc::new(Queue::new(500));
    let many: Vec<_> = (0..130).map(|learner| push(&queue, learner, learner)).collect();
    let taken: Vec<_> = [queue.take().await, queue.take().await, queue.take().await]
        .map(|turns| turns.len())
        .into();
    assert_eq!(taken, [64, 64, 2]);
    drop(many);
    let sizes = [600, 400, 1, 2_000, 5];
    let mut answers = Vec::new();
    for (learner, size) in (200..).zip(sizes) {
        let (entry, answer) = write(learner, learner * 10_000, size);
        queue.push(entry).unwrap();
        answers.push(answer);
    }
    let mut taken = Vec::new();
    for _ in 0..4 {
        let turns = queue.take().await;
        taken.push(turns.iter().map(|turn| turn.entry.weight()).collect::<Vec<_>>());
    }
    assert_eq!(taken, [vec![600, 400], vec![1], vec![2_000], vec![5]]);
}

#[tokio::test]
async fn what_must_go_alone_does() {
    let queue = Arc::new(Queue::new(10));
    let _answers = [push(&queue, 1, 11), push(&queue, 2, 21), push(&queue, 3, 31)];
    for mut turn in queue.take().await {
        turn.entry.alone = number(&turn) == 21;
        turn.again_after(Duration::ZERO);
    }
    let undo = Submission {
        changes: Changes::Undo {
            review: EventId(Uuid::nil()),
            event_id: EventId(Uuid::max()),
        },
        now: at(0),
        dry_run: false,
    };
    let (undo, _answer) = entry(4, undo);
    queue.push(undo).unwrap();
    let groups = [
        queue.take().await,
        queue.take().await,
        queue.take().await,
        queue.take().await,
    ];
    assert_eq!(groups.each_ref().map(Vec::len), [1; 4]);
    assert_eq!(numbers(&groups[1]), [21]);
}

#[tokio::test]
async fn who_has_gone_is_passed_over_and_whose_time_is_over_is_told() {
    let queue = Arc::new(Queue::new(10));
    drop(push(&queue, 1, 11));
    let waiting = push(&queue, 1, 12);
    let mut late = Vec::new();
    for (learner, uncertain) in [(2, None), (3, Some(false)), (4, Some(true))] {
        let (reply, answer) = oneshot::channel();
        let (submission, _) = write(learner, 1, 1);
        let mut entry = Entry::new(user(learner), submission.submission, Duration::ZERO, reply);
        entry.attempt = uncertain.map(|uncertain| Attempt {
            behind: 0,
            events: Vec::new(),
            appended: Appended::default(),
            uncertain,
        });
        queue.push(entry).unwrap();
        late.push(answer);
    }
    let turns = queue.take().await;
    assert_eq!(numbers(&turns), [12]);
    let mut kinds = Vec::new();
    for answer in late {
        match answer.await.unwrap() {
            Err(AppendError::Port(error)) => kinds.push(error.kind),
            other => panic!("{other:?}"),
        }
    }
    let unavailable = PortErrorKind::Unavailable;
    let expected = [unavailable, unavailable, PortErrorKind::Timeout];
    assert_eq!(kinds, expected, "what is not known is told");
    let stats = queue.stats();
    assert_eq!((stats.abandoned, stats.expired, stats.waiting), (1, 3, 0));
    drop(waiting);
}

#[tokio::test]
async fn a_full_queue_refuses_and_a_closed_one_ends_when_all_is_done() {
    let queue = Arc::new(Queue::new(2));
    let _answers = [push(&queue, 1, 11), push(&queue, 1, 12)];
    assert!(matches!(queue.push(write(2, 21, 1).0), Err(StoreError::Full)));
    let under_way = queue.take().await;
    let _answer = push(&queue, 2, 21);
    queue.close();
    assert!(matches!(queue.push(write(3, 31, 1).0), Err(StoreError::Closed)));
    assert_eq!(numbers(&queue.take().await), [21]);
    assert!(take(&queue).await.is_none(), "something is under way");
    drop(under_way);
    assert_eq!(numbers(&queue.take().await), [12]);
    assert!(queue.take().await.is_empty());
    assert!(queue.take().await.is_empty(), "all writers are told");
    assert_eq!(queue.stats().refused, 1);
}
