//! Many who ask at once.

use futures_util::future::join_all;
use proptest::prelude::*;
use tokio::task::JoinHandle;

use super::*;

type Asked = JoinHandle<Result<Answer, MakeError>>;

/// One asks and is being answered; then so many more ask and wait.
async fn crowd(alone: &Alone, provider: &Arc<Provider>, number: usize) -> Vec<Asked> {
    let mut crowd = vec![spawn(alone, provider.maker())];
    until("the first has it made", || provider.asked() == 1).await;
    crowd.extend((1..number).map(|_| spawn(alone, provider.maker())));
    wait_for(alone, number - 1).await;
    crowd
}

fn spawn(alone: &Alone, make: Arc<dyn Make>) -> Asked {
    let answers = Arc::clone(&alone.answers);
    tokio::spawn(async move { answers.answer(question(&key()), make).await })
}

async fn wait_for(alone: &Alone, number: usize) {
    until("so many wait", || {
        alone.answers.inner.flights.waiting(&key()) == Some(number)
    })
    .await;
}

async fn outcomes(crowd: Vec<Asked>) -> Vec<Result<Answer, MakeError>> {
    join_all(crowd).await.into_iter().map(Result::unwrap).collect()
}

#[tokio::test]
async fn threat_55_of_500_who_ask_at_once_one_has_it_made() {
    let alone = alone();
    let provider = Provider::behind_gate([Act::Answer("value")]);
    let crowd = crowd(&alone, &provider, 500).await;
    provider.open();
    for outcome in outcomes(crowd).await {
        assert_eq!(text(outcome, Freshness::New), "value");
    }
    assert_eq!(provider.asked(), 1);
    let expected = Tally {
        misses: 1,
        coalesced: 499,
        ..Tally::default()
    };
    assert_eq!(alone.tally(), expected);
    assert_eq!(text(alone.ask(&provider).await, Freshness::Kept), "value");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_55_of_500_on_several_threads_one_has_it_made() {
    let alone = alone();
    let provider = Provider::new([Act::Answer("value")]);
    let crowd = (0..500).map(|_| spawn(&alone, provider.maker())).collect();
    for outcome in outcomes(crowd).await {
        assert_eq!(outcome.unwrap().value, "value");
    }
    assert_eq!(provider.asked(), 1);
    let Tally {
        hits,
        misses,
        coalesced,
        stale,
        errors,
    } = alone.tally();
    assert_eq!((misses, hits + coalesced, stale, errors), (1, 499, 0, 0));
}

#[tokio::test]
async fn threat_55_a_leader_who_hangs_up_changes_nothing() {
    let alone = alone();
    let provider = Provider::behind_gate([Act::Answer("value")]);
    let mut crowd = crowd(&alone, &provider, 500).await;
    let leader = crowd.remove(0);
    leader.abort();
    assert!(leader.await.unwrap_err().is_cancelled());
    provider.open();
    for outcome in outcomes(crowd).await {
        assert_eq!(text(outcome, Freshness::New), "value");
    }
    assert_eq!(provider.asked(), 1);
    assert_eq!((alone.tally().misses, alone.tally().coalesced), (1, 499));
}

#[tokio::test]
async fn threat_55_what_nobody_waits_for_any_more_is_kept_all_the_same() {
    let alone = alone();
    let provider = Provider::behind_gate([Act::Answer("value")]);
    for asked in crowd(&alone, &provider, 10).await {
        asked.abort();
        assert!(asked.await.unwrap_err().is_cancelled());
    }
    provider.open();
    until("it is made", || alone.tally().misses == 1).await;
    assert_eq!(text(alone.ask(&provider).await, Freshness::Kept), "value");
}

#[tokio::test]
async fn threat_55_when_the_making_panics_another_takes_over() {
    let alone = alone();
    let provider = Provider::behind_gate([Act::Panic, Act::Answer("value")]);
    let crowd = crowd(&alone, &provider, 500).await;
    provider.open();
    let outcomes = outcomes(crowd).await;
    assert!(matches!(outcomes[0], Err(MakeError::Port(_))));
    assert!(outcomes[1..].iter().all(Result::is_ok));
    assert_eq!(provider.asked(), 2);
    assert_eq!((alone.tally().misses, alone.tally().coalesced), (1, 498));
}

#[tokio::test(start_paused = true)]
async fn threat_55_when_the_making_takes_too_long_another_takes_over() {
    let alone = alone();
    let provider = Provider::new([Act::Hang, Act::Answer("value")]);
    let crowd = crowd(&alone, &provider, 500).await;
    let began = Instant::now();
    let outcomes = outcomes(crowd).await;
    assert_eq!(began.elapsed().as_secs(), SPEECH.making.as_secs());
    match &outcomes[0] {
        Err(MakeError::Port(error)) => assert_eq!(error.kind, PortErrorKind::Timeout),
        other => panic!("{other:?}"),
    }
    assert!(outcomes[1..].iter().all(Result::is_ok));
    assert_eq!(provider.asked(), 2);
}

#[tokio::test]
async fn threat_55_a_denial_is_nobody_elses() {
    /// Is denied what it asks for, but not at once.
    struct DeniedLater(Arc<Provider>);
    #[async_trait]
    impl Make for DeniedLater {
        async fn make(&self) -> Result<Bytes, MakeError> {
            let _pass = self.0.gate.acquire().await;
            Denied.make().await
        }
    }
    let alone = alone();
    let (gate, provider) = (Provider::behind_gate([]), Provider::new([Act::Answer("value")]));
    let mut crowd: Vec<_> = (0..50)
        .map(|_| spawn(&alone, Arc::new(DeniedLater(Arc::clone(&gate)))))
        .collect();
    wait_for(&alone, 49).await;
    crowd.extend((0..450).map(|_| spawn(&alone, provider.maker())));
    wait_for(&alone, 499).await;
    gate.open();
    let outcomes = outcomes(crowd).await;
    for (number, outcome) in outcomes.into_iter().enumerate() {
        if number < 50 {
            assert!(
                matches!(outcome, Err(MakeError::Denied(_))),
                "{number}: {outcome:?}"
            );
        } else {
            assert_eq!(text(outcome, Freshness::New), "value");
        }
    }
    assert_eq!(provider.asked(), 1);
    let expected = Tally {
        misses: 1,
        coalesced: 449,
        errors: 50,
        ..Tally::default()
    };
    assert_eq!(alone.tally(), expected);
}

#[tokio::test]
async fn all_who_wait_get_the_same_failure() {
    let alone = alone();
    let provider = Provider::behind_gate([Act::Fail(ProviderErrorKind::Exhausted), Act::Answer("value")]);
    let crowd = crowd(&alone, &provider, 500).await;
    provider.open();
    for outcome in outcomes(crowd).await {
        assert_eq!(failure_of(outcome), ProviderErrorKind::Exhausted);
    }
    assert_eq!((provider.asked(), alone.tally().errors), (1, 500));
    assert_eq!(text(alone.ask(&provider).await, Freshness::New), "value");
}

/// Somebody who asks after a while, and hangs up after another.
#[derive(Debug, Clone)]
struct Caller {
    key: usize,
    copy: usize,
    comes_after: u64,
    stays_for: u64,
}

fn caller() -> impl Strategy<Value = Caller> {
    (0..3_usize, 0..2_usize, 0..100_u64, 0..200_u64).prop_map(|(key, copy, comes_after, stays_for)| Caller {
        key,
        copy,
        comes_after,
        stays_for,
    })
}

/// A provider that takes its time and says what it was asked for.
struct Echo {
    takes: u64,
    text: String,
    asked: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl Make for Echo {
    async fn make(&self) -> Result<Bytes, MakeError> {
        self.asked.lock().push(self.text.clone());
        tokio::time::sleep(Duration::from_millis(self.takes)).await;
        Ok(self.text.clone().into())
    }
}

/// All callers come, and those who stay are answered; gives what the provider was asked for.
async fn play(callers: Vec<Caller>, takes: u64) -> Vec<String> {
    let (copies, asked) = (copies::distant_installation(2), Arc::default());
    let callers = callers.into_iter().map(|caller| {
        let (answers, asked) = (Arc::clone(&copies.answers[caller.copy]), Arc::clone(&asked));
        async move {
            tokio::time::sleep(Duration::from_millis(caller.comes_after)).await;
            let text = caller.key.to_string();
            let key = KeyBuilder::new("tts").field("text", &text).finish();
            let make = Arc::new(Echo {
                takes,
                text: text.clone(),
                asked,
            });
            let answer = answers.answer(question(&key), make);
            if let Ok(answer) = tokio::time::timeout(Duration::from_millis(caller.stays_for), answer).await {
                assert_eq!(answer.unwrap().value, text);
            }
        }
    });
    join_all(callers).await;
    let asked: &Mutex<Vec<String>> = &asked;
    asked.lock().clone()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn threat_55_however_callers_come_and_go_no_key_is_made_twice(
        callers in prop::collection::vec(caller(), 1..60),
        takes in 0..150_u64,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let mut asked = runtime.block_on(play(callers, takes));
        let all = asked.len();
        asked.sort();
        asked.dedup();
        prop_assert_eq!(asked.len(), all);
    }
}
