//! Many at once.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use parlance_contract::speech::synthesis;
use parlance_domain::speech::{SpeechSynthesizer, Synthesis};
use parlance_testbed::GoogleService;

use crate::fixture::{by_key, speech};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_slow_calls_go_on_side_by_side() {
    let speech = speech(by_key);
    let latency = Duration::from_millis(1_500);
    speech.fake.latency(latency);
    let wanted: Vec<Synthesis> = (0..400)
        .map(|number| Synthesis {
            voice: Some("en-US-Standard-A".to_owned()),
            ..synthesis(&format!("number {}", number % 100), "en")
        })
        .collect();
    let begun = Instant::now();
    let sounds = join_all(wanted.iter().map(|wanted| speech.synthesize(wanted))).await;
    assert!(sounds.iter().all(Result::is_ok));
    // One after the other they would take ten minutes.
    assert!(begun.elapsed() < latency * 20, "{:?}", begun.elapsed());
    assert_eq!(speech.fake.calls(GoogleService::Synthesis), 400);
    assert_eq!(speech.fake.distinct(GoogleService::Synthesis), 100);
}
