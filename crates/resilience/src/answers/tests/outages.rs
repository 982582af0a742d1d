//! A cache that fails or hangs.

use super::*;
use crate::{Breaker, BreakerConfig, TieredCache};

/// Never answers.
struct Hanging;

#[async_trait]
impl Cache for Hanging {
    async fn get(&self, _: &str) -> Result<Option<Bytes>, PortError> {
        pending().await
    }

    async fn put(&self, _: &str, _: Bytes, _: Duration, _: Option<&str>) -> Result<(), PortError> {
        pending().await
    }

    async fn replace(&self, _: &str, _: &[u8], _: Bytes) -> Result<bool, PortError> {
        pending().await
    }

    async fn forget(&self, _: &str) -> Result<(), PortError> {
        pending().await
    }

    async fn forget_group(&self, _: &str) -> Result<(), PortError> {
        pending().await
    }
}

#[tokio::test]
async fn threat_62_a_cache_that_fails_is_as_if_it_were_empty() {
    let alone = alone();
    let provider = Provider::new([Act::Answer("value")]);
    alone.cache.fail(true);
    for number in 1..=10 {
        assert_eq!(text(alone.ask(&provider).await, Freshness::New), "value");
        assert_eq!(provider.asked(), number);
    }
    assert_eq!(alone.answers.kept(&key()).await, None);
    alone.answers.keep(question(&key()), "known".into()).await;
    assert!(alone.answers.forget_group("group").await.is_err());
    alone.cache.fail(false);
    assert_eq!(text(alone.ask(&provider).await, Freshness::New), "value");
    assert_eq!(text(alone.ask(&provider).await, Freshness::Kept), "value");
    let expected = Tally {
        hits: 1,
        misses: 11,
        ..Tally::default()
    };
    assert_eq!(alone.tally(), expected);
}

#[tokio::test(start_paused = true)]
async fn threat_62_a_cache_that_hangs_holds_nobody_up() {
    let clock = Arc::new(TestClock::default());
    let answers = CachedAnswers::new(AnswerPorts::new(Arc::new(Hanging), clock));
    let provider = Provider::new([Act::Answer("value")]);
    let began = Instant::now();
    let answer = answers.answer(question(&key()), provider.maker()).await;
    assert_eq!(text(answer, Freshness::New), "value");
    assert_eq!(answers.kept(&key()).await, None);
    answers.keep(question(&key()), "value".into()).await;
    // Looked for twice, kept, looked for, kept: a quarter of a second each.
    assert!(
        began.elapsed() < Duration::from_millis(1_300),
        "{:?}",
        began.elapsed()
    );
}

/// Never answers either, but is given up after so long.
struct GivenUp(Duration);

impl GivenUp {
    async fn ask<T>(&self) -> Result<T, PortError> {
        tokio::time::sleep(self.0).await;
        Err(PortError::new("Redis", PortErrorKind::Timeout, "it hangs"))
    }
}

#[async_trait]
impl Cache for GivenUp {
    async fn get(&self, _: &str) -> Result<Option<Bytes>, PortError> {
        self.ask().await
    }

    async fn put(&self, _: &str, _: Bytes, _: Duration, _: Option<&str>) -> Result<(), PortError> {
        self.ask().await
    }

    async fn replace(&self, _: &str, _: &[u8], _: Bytes) -> Result<bool, PortError> {
        self.ask().await
    }

    async fn forget(&self, _: &str) -> Result<(), PortError> {
        self.ask().await
    }

    async fn forget_group(&self, _: &str) -> Result<(), PortError> {
        self.ask().await
    }
}

#[async_trait]
impl Leases for GivenUp {
    async fn take(&self, _: &str, _: Duration) -> Result<Option<Lease>, PortError> {
        self.ask().await
    }

    async fn prolong(&self, _: &Lease, _: Duration) -> Result<bool, PortError> {
        self.ask().await
    }

    async fn give_back(&self, _: &Lease) -> Result<(), PortError> {
        self.ask().await
    }
}

/// Makes an answer and keeps its parts, as those of a conversation are kept.
struct InParts(Arc<CachedAnswers>);

#[async_trait]
impl Make for InParts {
    async fn make(&self) -> Result<Bytes, MakeError> {
        for key in parts() {
            self.0.keep(question(&key), "part".into()).await;
        }
        Ok(Bytes::from_static(b"value"))
    }
}

fn parts() -> [CacheKey; 4] {
    ["0", "1", "2", "3"].map(|number| KeyBuilder::new("turn").field("turn", number).finish())
}

/// A copy of which what all copies share hangs: looks are given up after `look`, whatever makers ask after `makers`.
fn hanging(look: Duration, makers: Duration) -> Arc<CachedAnswers> {
    let clock: Arc<dyn Clock> = Arc::new(TestClock::default());
    let breaker = || Arc::new(Breaker::new(BreakerConfig::new("test")));
    let tiers = TieredCache::new(
        Arc::new(MapCache::default()),
        Arc::new(GivenUp(look)),
        breaker(),
        Arc::clone(&clock),
        Duration::from_mins(1),
    );
    let tiers = Arc::new(tiers.with_makers_way(Arc::new(GivenUp(makers)), breaker()));
    Arc::new(CachedAnswers::new(AnswerPorts {
        nearby: Some(Arc::clone(&tiers) as Arc<dyn Nearby>),
        leases: Some(Arc::new(GivenUp(makers))),
        ..AnswerPorts::new(tiers, clock)
    }))
}

#[tokio::test(start_paused = true)]
async fn fault_16_who_has_an_answer_made_waits_once_for_what_hangs() {
    let (look, makers) = (Duration::from_millis(50), Duration::from_millis(200));
    let answers = hanging(look, makers);
    let in_parts: Arc<dyn Make> = Arc::new(InParts(Arc::clone(&answers)));
    let began = Instant::now();
    let made = answers.answer(question(&key()), Arc::clone(&in_parts)).await;
    assert_eq!(text(made, Freshness::New), "value");
    // Each timer may be a millisecond late.
    let latest = look + makers + Duration::from_millis(5);
    assert!(began.elapsed() <= latest, "{:?}", began.elapsed());
    let began = Instant::now();
    for part in parts() {
        assert_eq!(answers.kept(&part).await.unwrap(), "part");
    }
    let kept = answers.answer(question(&key()), in_parts).await;
    assert_eq!(text(kept, Freshness::Kept), "value");
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn without_other_copies_there_is_nothing_to_hear() {
    let alone = alone();
    alone.answers.forget_nearby("group").await;
    let listening = tokio::time::timeout(Duration::from_millis(1), alone.answers.listen());
    assert!(listening.await.is_err());
}
