//! A cache that fails or hangs.

use super::*;

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

#[tokio::test]
async fn without_other_copies_there_is_nothing_to_hear() {
    let alone = alone();
    alone.answers.forget_nearby("group").await;
    let listening = tokio::time::timeout(Duration::from_millis(1), alone.answers.listen());
    assert!(listening.await.is_err());
}
