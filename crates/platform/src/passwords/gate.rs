//! A door that lets a bounded number through at a time and keeps a bounded number waiting.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How long somebody waits for room on the way. Those who are told at once come again at once, and all that they ask for
/// then is work for nothing.
const PATIENCE: Duration = Duration::from_millis(250);

/// Lets `permits` through at a time, in the order of their coming, while at most `queue` wait.
pub(super) struct Gate {
    permits: usize,
    /// One for each that is on its way, waits, or is through, of those who asked for room.
    rooms: Arc<Semaphore>,
    /// One for each that is through or waits.
    places: Arc<Semaphore>,
    all_places: usize,
    /// One for each that is through.
    turns: Arc<Semaphore>,
}

/// The right to be through; given back when dropped.
#[derive(Debug)]
pub(super) struct Turn {
    // Dropped in this order: whoever comes in between finds room in the queue.
    _place: OwnedSemaphorePermit,
    _turn: OwnedSemaphorePermit,
}

/// So many wait already that one more may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

impl Gate {
    pub(super) fn new(permits: usize, queue: usize) -> Self {
        let permits = permits.clamp(1, Semaphore::MAX_PERMITS);
        let all_places = permits.saturating_add(queue).min(Semaphore::MAX_PERMITS);
        Self {
            permits,
            rooms: Arc::new(Semaphore::new(all_places)),
            places: Arc::new(Semaphore::new(all_places)),
            all_places,
            turns: Arc::new(Semaphore::new(permits)),
        }
    }

    /// Waits for a turn; whoever gives up waiting frees its place.
    pub(super) async fn enter(&self) -> Result<Turn, Full> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Full)?;
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| Full)?;
        Ok(Turn {
            _place: place,
            _turn: turn,
        })
    }

    /// Room on the way to the door, for as many as may be through or wait; none where there is none in a while.
    pub(super) async fn room(&self) -> Option<OwnedSemaphorePermit> {
        let room = Arc::clone(&self.rooms).acquire_owned();
        timeout(PATIENCE, room).await.ok()?.ok()
    }

    /// How many are through.
    pub(super) fn running(&self) -> usize {
        self.permits - self.turns.available_permits()
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        // The two are not read at the same instant.
        (self.all_places - self.places.available_permits()).saturating_sub(self.running())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::poll;
    use std::pin::pin;
    use std::task::Poll;
    use tokio::time::Instant;

    use super::*;

    #[tokio::test]
    async fn one_more_than_the_queue_holds_is_told_at_once() {
        let gate = Gate::new(1, 1);
        let first = gate.enter().await.unwrap();
        let mut second = pin!(gate.enter());
        assert!(poll!(&mut second).is_pending());
        assert_eq!((gate.running(), gate.waiting()), (1, 1));
        assert_eq!(gate.enter().await.unwrap_err(), Full);
        drop(first);
        assert!(matches!(poll!(&mut second), Poll::Ready(Ok(_))));
        assert_eq!((gate.running(), gate.waiting()), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn room_is_waited_for_a_while() {
        let gate = Gate::new(1, 1);
        let (first, second) = (gate.room().await, gate.room().await);
        assert!(first.is_some() && second.is_some());
        let begun = Instant::now();
        assert!(gate.room().await.is_none());
        assert_eq!(begun.elapsed(), PATIENCE);
        let mut waiting = pin!(gate.room());
        assert!(poll!(&mut waiting).is_pending());
        drop(first);
        assert!(matches!(poll!(&mut waiting), Poll::Ready(Some(_))));
    }

    #[tokio::test]
    async fn whoever_gives_up_frees_its_place() {
        let gate = Gate::new(1, 1);
        let _first = gate.enter().await.unwrap();
        {
            let mut gives_up = pin!(gate.enter());
            assert!(poll!(&mut gives_up).is_pending());
        }
        assert_eq!(gate.waiting(), 0);
        let mut next = pin!(gate.enter());
        assert!(poll!(&mut next).is_pending());
    }

    #[tokio::test]
    async fn turns_are_taken_in_the_order_of_coming() {
        let gate = Gate::new(1, 2);
        let first = gate.enter().await.unwrap();
        let (mut second, mut third) = (pin!(gate.enter()), pin!(gate.enter()));
        assert!(poll!(&mut second).is_pending());
        assert!(poll!(&mut third).is_pending());
        drop(first);
        assert!(poll!(&mut third).is_pending());
        assert!(poll!(&mut second).is_ready());
        assert!(poll!(&mut third).is_ready());
    }
}
