//! Fresh, stale, too old; refusals; what is not kept.

use proptest::prelude::*;

use super::*;

const INSTANT: Duration = Duration::from_millis(1);

#[tokio::test]
async fn a_fresh_answer_is_served_and_nothing_is_made() {
    let alone = alone();
    let provider = Provider::new([Act::Answer("one"), Act::Answer("two")]);
    assert_eq!(text(alone.ask(&provider).await, Freshness::New), "one");
    alone.pass(SPEECH.fresh.mul_f64(1.0 - SPEECH.jitter).saturating_sub(INSTANT));
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    assert_eq!(text(alone.ask(&provider).await, Freshness::Kept), "one");
    // A hit starts no task.
    assert_eq!(
        tokio::runtime::Handle::current().metrics().num_alive_tasks(),
        tasks
    );
    assert_eq!(provider.asked(), 1);
}

#[tokio::test]
async fn a_stale_answer_is_served_at_once_and_made_anew_once() {
    let alone = alone();
    let first = Provider::new([Act::Answer("old")]);
    alone.ask(&first).await.unwrap();
    alone.pass(SPEECH.fresh);
    let provider = Provider::behind_gate([Act::Answer("new")]);
    for _ in 0..100 {
        assert_eq!(text(alone.ask(&provider).await, Freshness::Stale), "old");
        tokio::task::yield_now().await;
    }
    provider.open();
    until("the new answer is kept", || {
        alone.answers.inner.flights.waiting(&key()).is_none()
    })
    .await;
    assert_eq!(text(alone.ask(&provider).await, Freshness::Kept), "new");
    assert_eq!(provider.asked(), 1);
    let expected = Tally {
        hits: 1,
        misses: 1,
        stale: 100,
        ..Tally::default()
    };
    assert_eq!(alone.tally(), expected);
}

#[tokio::test]
async fn an_answer_that_could_not_be_made_anew_rests() {
    let alone = alone();
    alone.ask(&Provider::new([Act::Answer("old")])).await.unwrap();
    alone.pass(SPEECH.fresh);
    let provider = Provider::new([Act::Fail(ProviderErrorKind::Unavailable)]);
    for round in 1..=3 {
        for _ in 0..100 {
            assert_eq!(text(alone.ask(&provider).await, Freshness::Stale), "old");
            until("it was tried", || provider.asked() == round).await;
            tokio::task::yield_now().await;
        }
        alone.pass(Duration::from_secs(1));
    }
    assert_eq!(provider.asked(), 3);
}

#[tokio::test]
async fn past_its_time_an_answer_is_made_and_waited_for() {
    let alone = alone();
    let provider = Provider::new([Act::Answer("old"), Act::Answer("new")]);
    alone.ask(&provider).await.unwrap();
    alone.pass(SPEECH.fresh + SPEECH.revalidate);
    assert_eq!(text(alone.ask(&provider).await, Freshness::New), "new");
    assert_eq!(alone.tally().misses, 2);
}

#[tokio::test]
async fn a_stale_answer_is_served_when_the_provider_fails() {
    let alone = alone();
    alone.ask(&Provider::new([Act::Answer("old")])).await.unwrap();
    alone.pass(SPEECH.fresh + SPEECH.revalidate);
    for act in [
        Act::Fail(ProviderErrorKind::Unavailable),
        Act::Fail(ProviderErrorKind::LeftAlone),
        Act::Fail(ProviderErrorKind::Refused),
        Act::FailOurs,
        Act::Panic,
    ] {
        let provider = Provider::new([act]);
        assert_eq!(
            text(alone.ask(&provider).await, Freshness::Stale),
            "old",
            "{act:?}"
        );
        assert_eq!(provider.asked(), 1);
    }
    assert_eq!(alone.tally().stale, 5);
    alone.pass(SPEECH.if_error);
    let provider = Provider::new([Act::Fail(ProviderErrorKind::Unavailable)]);
    assert_eq!(
        failure_of(alone.ask(&provider).await),
        ProviderErrorKind::Unavailable
    );
    assert_eq!(alone.tally().errors, 1);
}

#[tokio::test]
async fn whoever_may_not_have_it_made_gets_no_answer_that_is_only_to_spare() {
    let alone = alone();
    alone.ask(&Provider::new([Act::Answer("old")])).await.unwrap();
    alone.pass(SPEECH.fresh);
    let stale = alone.answers.answer(question(&key()), Arc::new(Denied)).await;
    assert_eq!(text(stale, Freshness::Stale), "old");
    alone.pass(SPEECH.revalidate);
    let denied = alone.answers.answer(question(&key()), Arc::new(Denied)).await;
    assert!(matches!(denied, Err(MakeError::Denied(_))), "{denied:?}");
}

#[tokio::test]
async fn threat_56_no_failure_is_kept() {
    let alone = alone();
    let mut acts = vec![Act::FailOurs, Act::Panic];
    acts.extend(
        [
            ProviderErrorKind::Missing,
            ProviderErrorKind::Unavailable,
            ProviderErrorKind::Timeout,
            ProviderErrorKind::Exhausted,
            ProviderErrorKind::Unauthorized,
            ProviderErrorKind::Invalid,
            ProviderErrorKind::LeftAlone,
            ProviderErrorKind::Full,
        ]
        .map(Act::Fail),
    );
    acts.push(Act::Answer("value"));
    let provider = Provider::new(acts);
    for _ in 0..10 {
        assert!(alone.ask(&provider).await.is_err());
    }
    assert_eq!(text(alone.ask(&provider).await, Freshness::New), "value");
    assert_eq!((provider.asked(), alone.tally().errors), (11, 10));
}

#[tokio::test]
async fn a_refusal_is_kept_for_a_short_time() {
    let alone = alone();
    let provider = Provider::new([Act::Fail(ProviderErrorKind::Refused), Act::Answer("value")]);
    for _ in 0..10 {
        assert_eq!(failure_of(alone.ask(&provider).await), ProviderErrorKind::Refused);
    }
    assert_eq!(provider.asked(), 1);
    assert_eq!(alone.answers.kept(&key()).await, None);
    assert_eq!(alone.cache.lifetime(key().as_str()), Some(SPEECH.refusal));
    alone.pass(SPEECH.refusal);
    assert_eq!(text(alone.ask(&provider).await, Freshness::New), "value");
    let expected = Tally {
        misses: 1,
        errors: 10,
        ..Tally::default()
    };
    assert_eq!(alone.tally(), expected);
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_given_and_not_kept() {
    let alone = alone();
    let large: &'static str = Box::leak("x".repeat(SPEECH.largest + 1).into_boxed_str());
    let (fits, provider) = (&large[1..], Provider::new([Act::Answer(large)]));
    for _ in 0..2 {
        assert_eq!(text(alone.ask(&provider).await, Freshness::New), large);
    }
    assert_eq!(provider.asked(), 2);
    alone.answers.keep(question(&key()), fits.into()).await;
    assert_eq!(alone.answers.kept(&key()).await.unwrap(), fits);
    alone.answers.keep(question(&key()), large.into()).await;
    assert_eq!(alone.answers.kept(&key()).await, None);
}

#[tokio::test]
async fn what_is_known_already_is_kept_in_the_place_of_what_was_there() {
    let alone = alone();
    let provider = Provider::new([Act::Answer("made")]);
    alone.ask(&provider).await.unwrap();
    alone.answers.keep(question(&key()), "known".into()).await;
    assert_eq!(text(alone.ask(&provider).await, Freshness::Kept), "known");
    let before = alone.tally();
    alone.pass(SPEECH.fresh + SPEECH.revalidate);
    assert_eq!(alone.answers.kept(&key()).await.unwrap(), "known");
    alone.pass(SPEECH.if_error);
    assert_eq!(alone.answers.kept(&key()).await, None);
    assert_eq!(alone.tally(), before, "neither counts");
}

#[tokio::test]
async fn what_takes_the_place_of_an_answer_is_as_old_as_that() {
    let alone = alone();
    let provider = Provider::new([Act::Answer("old"), Act::Answer("new")]);
    alone.ask(&provider).await.unwrap();
    alone.pass(SPEECH.fresh + SPEECH.revalidate);
    assert!(replace(&alone.answers, "old", "noted").await);
    assert_eq!(alone.answers.kept(&key()).await.unwrap(), "noted");
    assert_eq!(text(alone.ask(&provider).await, Freshness::New), "new");
    assert!(
        !replace(&alone.answers, "noted", "never").await,
        "it is another by now"
    );
    assert!(replace(&alone.answers, "new", "noted").await);
    assert_eq!(text(alone.ask(&provider).await, Freshness::Kept), "noted");
    alone.pass(SPEECH.fresh + SPEECH.if_error);
    replace(&alone.answers, "noted", "never").await;
    assert_eq!(alone.answers.kept(&key()).await, None);
}

#[tokio::test]
async fn what_is_too_large_takes_no_place() {
    let alone = alone();
    let large: &'static str = Box::leak("x".repeat(SPEECH.largest + 1).into_boxed_str());
    alone.answers.keep(question(&key()), "fits".into()).await;
    assert!(!replace(&alone.answers, "fits", large).await);
    assert_eq!(alone.answers.kept(&key()).await.unwrap(), "fits");
}

#[tokio::test]
async fn what_cannot_be_read_is_as_if_it_were_not_there() {
    let alone = alone();
    let foreign = Bytes::from_static(b"something else that is long enough");
    let hour = Duration::from_hours(1);
    alone
        .cache
        .put(key().as_str(), foreign, hour, None)
        .await
        .unwrap();
    assert_eq!(alone.answers.kept(&key()).await, None);
    let provider = Provider::new([Act::Answer("value")]);
    assert_eq!(text(alone.ask(&provider).await, Freshness::New), "value");
}

#[tokio::test]
async fn a_group_is_forgotten() {
    let alone = alone();
    let provider = Provider::new([Act::Answer("old"), Act::Answer("new")]);
    alone.ask(&provider).await.unwrap();
    alone.answers.forget_group("other").await.unwrap();
    assert_eq!(text(alone.ask(&provider).await, Freshness::Kept), "old");
    alone.answers.forget_group("group").await.unwrap();
    assert_eq!(alone.answers.kept(&key()).await, None);
    assert_eq!(text(alone.ask(&provider).await, Freshness::New), "new");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn answers_made_together_do_not_expire_together(_run in any::<u8>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let alone = alone();
            let keys = ["one", "two", "three", "four"].map(|text| KeyBuilder::new("tts").field("text", text).finish());
            for key in &keys {
                alone.answers.keep(question(key), "value".into()).await;
            }
            let lifetimes = keys.map(|key| alone.cache.lifetime(key.as_str()).unwrap());
            let longest = SPEECH.fresh + SPEECH.if_error;
            let shortest = longest.saturating_sub(SPEECH.fresh.mul_f64(SPEECH.jitter) + INSTANT);
            assert!(lifetimes.iter().all(|lifetime| (shortest..=longest).contains(lifetime)), "{lifetimes:?}");
            assert!(lifetimes.iter().any(|lifetime| *lifetime != lifetimes[0]), "{lifetimes:?}");
        });
    }
}
