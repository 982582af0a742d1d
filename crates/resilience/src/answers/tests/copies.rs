//! Several copies of the program over one cache.

use std::sync::atomic::AtomicU64;

use futures_util::future::join_all;
use futures_util::stream::{self, BoxStream};
use tokio::sync::broadcast;

use super::*;
use crate::{Breaker, BreakerConfig, TieredCache};

const BUDGET: Duration = Duration::from_secs(5);
const NEAR_FOR: Duration = Duration::from_hours(24 * 30);

/// One topic between all who listen.
struct OneTopic(broadcast::Sender<Bytes>);

#[async_trait]
impl PubSub for OneTopic {
    async fn publish(&self, topic: &str, message: Bytes) -> Result<(), PortError> {
        assert_eq!(topic, "cache.forgotten");
        let _ = self.0.send(message);
        Ok(())
    }

    async fn subscribe(&self, topic: &str) -> Result<BoxStream<'static, Bytes>, PortError> {
        assert_eq!(topic, "cache.forgotten");
        let next = async |mut messages: broadcast::Receiver<Bytes>| {
            let message = messages.recv().await.ok()?;
            Some((message, messages))
        };
        Ok(stream::unfold(self.0.subscribe(), move |messages| Box::pin(next(messages))).boxed())
    }
}

/// A cache that takes its time: now more, now less.
struct Distant {
    cache: Arc<MapCache>,
    asked: AtomicU64,
}

impl Distant {
    async fn travel(&self) {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(asked * 7 % 5)).await;
    }
}

#[async_trait]
impl Cache for Distant {
    async fn get(&self, key: &str) -> Result<Option<Bytes>, PortError> {
        self.travel().await;
        let found = self.cache.get(key).await;
        self.travel().await;
        found
    }

    async fn put(
        &self,
        key: &str,
        value: Bytes,
        lifetime: Duration,
        group: Option<&str>,
    ) -> Result<(), PortError> {
        self.travel().await;
        self.cache.put(key, value, lifetime, group).await
    }

    async fn replace(&self, key: &str, old: &[u8], new: Bytes) -> Result<bool, PortError> {
        self.travel().await;
        self.cache.replace(key, old, new).await
    }

    async fn forget(&self, key: &str) -> Result<(), PortError> {
        self.travel().await;
        self.cache.forget(key).await
    }

    async fn forget_group(&self, group: &str) -> Result<(), PortError> {
        self.travel().await;
        self.cache.forget_group(group).await
    }
}

pub(super) struct Installation {
    pub(super) answers: Vec<Arc<CachedAnswers>>,
    near: Vec<Arc<MapCache>>,
    far: Arc<MapCache>,
    leases: Arc<MapLeases>,
    pubsub: Arc<OneTopic>,
    clock: Arc<TestClock>,
}

fn installation(number: usize) -> Installation {
    let far = Arc::new(MapCache::default());
    installation_over(number, &(Arc::clone(&far) as Arc<dyn Cache>), far)
}

pub(super) fn distant_installation(number: usize) -> Installation {
    let far = Arc::new(MapCache::default());
    let distant: Arc<dyn Cache> = Arc::new(Distant {
        cache: Arc::clone(&far),
        asked: AtomicU64::default(),
    });
    installation_over(number, &distant, far)
}

/// Copies whose callers want to be answered within five seconds.
fn hurried_installation(number: usize) -> Installation {
    let mut copies = installation(number);
    for answers in &mut copies.answers {
        let mut ports = answers.inner.ports.clone();
        ports.budgets.insert(SPEECH.service, BUDGET);
        *answers = Arc::new(CachedAnswers::new(ports));
    }
    copies
}

fn installation_over(number: usize, shared: &Arc<dyn Cache>, far: Arc<MapCache>) -> Installation {
    let clock = Arc::new(TestClock::default());
    let (leases, pubsub) = (
        Arc::new(MapLeases::default()),
        Arc::new(OneTopic(broadcast::Sender::new(8))),
    );
    let near: Vec<_> = (0..number).map(|_| Arc::new(MapCache::default())).collect();
    let answers = near.iter().map(|near| {
        let cache = Arc::new(TieredCache::new(
            Arc::clone(near) as Arc<dyn Cache>,
            Arc::clone(shared),
            Arc::new(Breaker::new(BreakerConfig::new("test"))),
            Arc::clone(&clock) as Arc<dyn Clock>,
            NEAR_FOR,
        ));
        Arc::new(CachedAnswers::new(AnswerPorts {
            nearby: Some(Arc::clone(&cache) as Arc<dyn Nearby>),
            leases: Some(Arc::clone(&leases) as Arc<dyn Leases>),
            pubsub: Some(Arc::clone(&pubsub) as Arc<dyn PubSub>),
            ..AnswerPorts::new(cache, Arc::clone(&clock) as Arc<dyn Clock>)
        }))
    });
    Installation {
        answers: answers.collect(),
        near,
        far,
        leases,
        pubsub,
        clock,
    }
}

impl Installation {
    async fn ask(&self, copy: usize, provider: &Arc<Provider>) -> Result<Answer, MakeError> {
        self.answers[copy]
            .answer(question(&key()), provider.maker())
            .await
    }

    fn refused_leases(&self) -> usize {
        self.leases.asked.load(Ordering::SeqCst) - self.leases.held.lock().len()
    }
}

#[tokio::test(start_paused = true)]
async fn threat_55_of_500_who_ask_two_copies_at_once_one_has_it_made() {
    let copies = installation(2);
    let provider = Provider::behind_gate([Act::Answer("value")]);
    let everybody = join_all((0..500).map(|number| copies.ask(number % 2, &provider)));
    let open = async {
        until("the other copy waits", || copies.refused_leases() > 0).await;
        provider.open();
    };
    let (outcomes, ()) = tokio::join!(everybody, open);
    for outcome in outcomes {
        assert_eq!(text(outcome, Freshness::New), "value");
    }
    assert_eq!(provider.asked(), 1);
    let (one, other) = (tally(&copies.answers[0]), tally(&copies.answers[1]));
    assert_eq!(
        (one.misses + other.misses, one.coalesced + other.coalesced),
        (1, 499)
    );
    assert!(copies.leases.held.lock().is_empty(), "the lease was given back");
}

#[tokio::test(start_paused = true)]
async fn threat_55_a_dead_holder_holds_nobody_up_for_longer_than_its_lease() {
    let copies = installation(1);
    let (key, provider) = (key(), Provider::new([Act::Answer("value")]));
    assert!(
        copies
            .leases
            .take(key.as_str(), SPEECH.making)
            .await
            .unwrap()
            .is_some()
    );
    let began = Instant::now();
    assert_eq!(text(copies.ask(0, &provider).await, Freshness::New), "value");
    let latest = SPEECH.making + Duration::from_millis(100);
    assert!(
        (SPEECH.making..latest).contains(&began.elapsed()),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn somebody_who_always_holds_the_lease_is_waited_for_no_longer_than_a_making_takes() {
    let copies = installation(1);
    let (key, provider) = (key(), Provider::new([Act::Answer("value")]));
    assert!(
        copies
            .leases
            .take(key.as_str(), 100 * SPEECH.making)
            .await
            .unwrap()
            .is_some()
    );
    let began = Instant::now();
    assert_eq!(text(copies.ask(0, &provider).await, Freshness::New), "value");
    assert!(began.elapsed() < SPEECH.making + Duration::from_millis(100));
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_fails_leaves_it_to_the_other() {
    let copies = installation(2);
    let provider = Provider::behind_gate([Act::Fail(ProviderErrorKind::Unavailable), Act::Answer("value")]);
    let open = async {
        until("the other copy waits", || copies.refused_leases() > 0).await;
        provider.open();
    };
    let (one, other, ()) = tokio::join!(copies.ask(0, &provider), copies.ask(1, &provider), open);
    assert_eq!(failure_of(one), ProviderErrorKind::Unavailable);
    assert_eq!(text(other, Freshness::New), "value");
}

/// Lets one copy ask, and another so much later; what came of it, and how long each took.
async fn one_after_the_other(
    copies: &Installation,
    provider: &Arc<Provider>,
    later: Duration,
) -> [(Result<Answer, MakeError>, Duration); 2] {
    let ask = async |copy, pause| {
        tokio::time::sleep(pause).await;
        let began = Instant::now();
        (copies.ask(copy, provider).await, began.elapsed())
    };
    let opening = async {
        tokio::time::sleep(BUDGET).await;
        provider.open();
    };
    let (one, other, ()) = tokio::join!(ask(0, Duration::ZERO), ask(1, later), opening);
    [one, other]
}

#[tokio::test(start_paused = true)]
async fn fault_19_nobody_waits_for_a_slow_provider_twice() {
    let copies = hurried_installation(2);
    let provider = Provider::behind_gate([Act::Fail(ProviderErrorKind::Timeout)]);
    let millisecond = Duration::from_millis(1);
    let [one, other] = one_after_the_other(&copies, &provider, millisecond).await;
    assert_eq!(failure_of(one.0), ProviderErrorKind::Timeout);
    assert_eq!(failure_of(other.0), ProviderErrorKind::Timeout);
    assert!(other.1 < BUDGET + Duration::from_millis(200), "{:?}", other.1);
    assert_eq!(provider.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_waited_for_another_copy_has_the_rest_of_the_time() {
    let copies = hurried_installation(2);
    let acts = [Act::Fail(ProviderErrorKind::Timeout), Act::Hang];
    let provider = Provider::behind_gate(acts);
    let [_, other] = one_after_the_other(&copies, &provider, BUDGET / 2).await;
    assert_eq!(failure_of(other.0), ProviderErrorKind::Timeout);
    assert!(other.1 < BUDGET + Duration::from_millis(200), "{:?}", other.1);
    assert_eq!(provider.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_held_for_as_long_as_a_making_takes() {
    let copies = installation(2);
    let provider = Provider::behind_gate([Act::Answer("value")]);
    let later = BUDGET.saturating_sub(Duration::from_millis(200));
    let slowly = async {
        tokio::time::sleep(3 * BUDGET).await;
        provider.open();
    };
    let asking = async {
        tokio::time::sleep(later).await;
        copies.ask(1, &provider).await
    };
    let (one, other, ()) = tokio::join!(copies.ask(0, &provider), asking, slowly);
    assert_eq!(text(one, Freshness::New), "value");
    assert_eq!(text(other, Freshness::New), "value");
    assert_eq!(provider.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn threat_55_a_copy_that_dies_while_it_makes_holds_nobody_up_for_long() {
    let copies = installation(2);
    let provider = Provider::new([Act::Hang, Act::Answer("value")]);
    let (request, maker) = (question(&key()).into(), provider.maker());
    let dying = copies.answers[0].inner.ports.make_alone(&request, &*maker);
    assert!(tokio::time::timeout(BUDGET, dying).await.is_err());
    let began = Instant::now();
    assert_eq!(text(copies.ask(1, &provider).await, Freshness::New), "value");
    assert!(began.elapsed() < BUDGET, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_the_answer_to_all_copies() {
    let copies = installation(2);
    let provider = Provider::behind_gate([Act::Fail(ProviderErrorKind::Refused)]);
    let open = async {
        until("the other copy waits", || copies.refused_leases() > 0).await;
        provider.open();
    };
    let (one, other, ()) = tokio::join!(copies.ask(0, &provider), copies.ask(1, &provider), open);
    assert_eq!(
        (failure_of(one), failure_of(other)),
        (ProviderErrorKind::Refused, ProviderErrorKind::Refused)
    );
    assert_eq!(provider.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn threat_62_leases_that_fail_or_hang_are_done_without() {
    let copies = installation(1);
    let provider = Provider::new([Act::Answer("value")]);
    copies.leases.fails.store(true, Ordering::SeqCst);
    assert_eq!(text(copies.ask(0, &provider).await, Freshness::New), "value");
    until("it is shared all the same", || {
        copies.far.lifetime(key().as_str()).is_some()
    })
    .await;
    copies.answers[0].forget_group("group").await.unwrap();
    copies.leases.hangs.store(true, Ordering::SeqCst);
    let began = Instant::now();
    assert_eq!(text(copies.ask(0, &provider).await, Freshness::New), "value");
    assert!(began.elapsed() < Duration::from_millis(300));
}

#[tokio::test]
async fn what_one_copy_made_anew_the_others_need_not() {
    let copies = installation(2);
    let provider = Provider::new([Act::Answer("old"), Act::Answer("new")]);
    copies.ask(0, &provider).await.unwrap();
    assert_eq!(text(copies.ask(1, &provider).await, Freshness::Kept), "old");
    // Both have the old one nearby.
    copies
        .clock
        .advance(TimeDelta::from_std(SPEECH.fresh + SPEECH.revalidate).unwrap());
    assert_eq!(text(copies.ask(0, &provider).await, Freshness::New), "new");
    assert_eq!(text(copies.ask(1, &provider).await, Freshness::Kept), "new");
    assert_eq!(provider.asked(), 2);
    copies.far.fail(true);
    assert_eq!(text(copies.ask(1, &provider).await, Freshness::Kept), "new");
}

#[tokio::test]
async fn what_one_copy_forgets_the_others_forget_nearby() {
    let copies = installation(2);
    let provider = Provider::new([Act::Answer("old"), Act::Answer("new")]);
    copies.ask(0, &provider).await.unwrap();
    copies.ask(1, &provider).await.unwrap();
    let listener = Arc::clone(&copies.answers[1]);
    let listening = tokio::spawn(async move { listener.listen().await });
    until("the other listens", || copies.pubsub.0.receiver_count() == 1).await;
    copies
        .pubsub
        .publish(CACHE_FORGOTTEN, Bytes::from_static(b"\xff"))
        .await
        .unwrap();
    copies.answers[0].forget_group("group").await.unwrap();
    until("the other has forgotten", || {
        copies.near[1].lifetime(key().as_str()).is_none()
    })
    .await;
    assert_eq!(text(copies.ask(1, &provider).await, Freshness::New), "new");
    listening.abort();
}

#[tokio::test]
async fn what_another_copy_forgot_or_replaced_is_not_replaced() {
    let copies = installation(2);
    let [one, other] = [0, 1].map(|copy| Arc::clone(&copies.answers[copy]));
    let provider = Provider::new([Act::Answer("old")]);
    copies.ask(0, &provider).await.unwrap();
    copies.ask(1, &provider).await.unwrap();
    assert!(replace(&one, "old", "noted").await);
    // The other has the old one nearby. It is told, and sees from then on what all see.
    assert!(!replace(&other, "old", "overwritten").await);
    assert_eq!(other.kept(&key()).await.unwrap(), "noted");
    one.forget_group("group").await.unwrap();
    replace(&other, "noted", "brought back").await;
    assert_eq!(copies.far.lifetime(key().as_str()), None);
    assert_eq!(one.kept(&key()).await, None);
}

#[tokio::test]
async fn while_nothing_is_shared_what_is_nearby_is_replaced() {
    let copies = installation(1);
    let provider = Provider::new([Act::Answer("old")]);
    copies.ask(0, &provider).await.unwrap();
    copies.far.fail(true);
    assert!(replace(&copies.answers[0], "old", "noted").await);
    assert_eq!(text(copies.ask(0, &provider).await, Freshness::Kept), "noted");
}

#[tokio::test]
async fn what_could_not_be_forgotten_far_away_is_forgotten_nearby_and_said() {
    let copies = installation(2);
    let provider = Provider::new([Act::Answer("value")]);
    copies.ask(0, &provider).await.unwrap();
    let mut heard = copies.pubsub.subscribe(CACHE_FORGOTTEN).await.unwrap();
    copies.far.fail(true);
    assert!(copies.answers[0].forget_group("group").await.is_err());
    assert_eq!(heard.next().await.unwrap(), "group");
    assert_eq!(copies.near[0].lifetime(key().as_str()), None);
}
