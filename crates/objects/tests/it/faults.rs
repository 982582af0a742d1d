//! A bucket that fails: an error in time, never wrong content, and all is well again afterwards.

use std::time::Duration;

use parlance_domain::health::Probe;
use parlance_domain::port::PortErrorKind::{Timeout, Unavailable};
use parlance_domain::speech::AudioStore;
use parlance_objects::ObjectAudio;

use crate::amazon::{Amazon, hasty_config_for};
use crate::proxy::{Harm, Proxy};
use crate::support::{RECIPE, fails, sound};

/// A bucket behind something that does harm.
struct Harmed {
    amazon: Amazon,
    proxy: Proxy,
    store: ObjectAudio,
}

impl Harmed {
    async fn start() -> Self {
        let amazon = Amazon::start().await;
        let proxy = Proxy::start(amazon.address()).await;
        let store = ObjectAudio::open(&hasty_config_for(proxy.address())).unwrap();
        store.check().await.unwrap();
        Self { amazon, proxy, store }
    }

    /// Every call fails so while this harm is done, and works afterwards.
    async fn suffers(&self, harm: Harm, kinds: &[parlance_domain::port::PortErrorKind]) {
        let kept = sound(vec![1; 100_000]);
        let id = self.store.keep(&kept, &RECIPE).await.unwrap();
        let new = sound(format!("{harm:?}").repeat(10_000));
        self.proxy.set(harm);
        fails(self.store.ready(), kinds).await;
        fails(self.store.read(&id), kinds).await;
        fails(self.store.recipe(&id), kinds).await;
        fails(self.store.keep(&new, &RECIPE), kinds).await;
        fails(self.store.check(), kinds).await;
        fails(self.store.ready(), kinds).await;
        self.proxy.set(Harm::None);
        ready_again(&self.store).await;
        self.store.check().await.unwrap();
        assert_eq!(self.store.read(&id).await.unwrap(), Some(kept));
        assert_eq!(self.store.read(&new.id()).await.unwrap(), None);
        self.store.keep(&new, &RECIPE).await.unwrap();
        assert_eq!(self.store.read(&new.id()).await.unwrap(), Some(new));
    }
}

/// Waits until somebody may have audio made: after what could not be kept, nobody may for a while.
async fn ready_again(store: &ObjectAudio) {
    while store.ready().await.is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_22_a_store_that_answers_500_is_unavailable() {
    let harmed = Harmed::start().await;
    for (status, code) in [
        ("500 Internal Server Error", "InternalError"),
        ("503 Service Unavailable", "SlowDown"),
        ("403 Forbidden", "AccessDenied"),
        ("302 Found", "TemporaryRedirect"),
    ] {
        harmed.suffers(Harm::Status(status, code), &[Unavailable]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_22_a_store_that_hangs_is_given_up_in_time() {
    Harmed::start().await.suffers(Harm::Hang, &[Timeout]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_22_a_store_that_answers_byte_by_byte_is_given_up_in_time() {
    Harmed::start().await.suffers(Harm::Trickle, &[Timeout]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_22_a_store_that_is_gone_is_unavailable() {
    Harmed::start().await.suffers(Harm::Refuse, &[Unavailable]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_22_a_store_that_is_gone_is_tried_a_few_times() {
    let harmed = Harmed::start().await;
    harmed.proxy.set(Harm::Refuse);
    fails(harmed.store.recipe(&sound("new").id()), &[Unavailable]).await;
    // The first attempt may go over a connection that is there.
    assert!(
        (1..=6).contains(&harmed.proxy.dials()),
        "{}",
        harmed.proxy.dials()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_22_whether_a_bucket_that_took_nothing_does_again_one_at_a_time_finds_out() {
    let held = crate::google::in_bucket_with(Duration::from_secs(2)).await;
    let store = &held.store;
    held.place.set_full(true);
    // It gives out what it has: so far nobody knows.
    store.ready().await.unwrap();
    for _ in 0..2 {
        fails(store.keep(&sound("new"), &RECIPE), &[Unavailable]).await;
        fails(store.ready(), &[Unavailable]).await;
    }
    held.place.set_full(false);
    ready_again(store).await;
    fails(store.ready(), &[Unavailable]).await;
    store.keep(&sound("new"), &RECIPE).await.unwrap();
    store.ready().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_22_an_answer_cut_off_anywhere_is_no_audio() {
    let harmed = Harmed::start().await;
    let audio = sound(vec![1; 100_000]);
    let id = harmed.store.keep(&audio, &RECIPE).await.unwrap();
    // In its head, at its end, in its body, right before its last byte.
    for bytes in [0, 20, 300, 1_000, 50_000, 99_999] {
        harmed.proxy.set(Harm::CutAnswer(bytes));
        match harmed.store.read(&id).await {
            Err(error) => assert!([Unavailable, Timeout].contains(&error.kind), "{error}"),
            // Attempts that begin where the one before was cut may come to the end together.
            Ok(read) => assert!(
                bytes > 30_000 && read.as_ref() == Some(&audio),
                "{bytes}: {read:?}"
            ),
        }
    }
    harmed.proxy.set(Harm::None);
    assert_eq!(harmed.store.read(&id).await.unwrap(), Some(audio));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_22_an_upload_cut_off_anywhere_leaves_no_audio() {
    let harmed = Harmed::start().await;
    for bytes in [0, 200, 700, 2_000, 60_000] {
        let audio = sound(vec![1; 100_000 + bytes]);
        harmed.proxy.set(Harm::CutRequest(bytes));
        fails(harmed.store.keep(&audio, &RECIPE), &[Unavailable, Timeout]).await;
        harmed.proxy.set(Harm::None);
        assert_eq!(harmed.store.read(&audio.id()).await.unwrap(), None, "{bytes}");
        harmed.store.keep(&audio, &RECIPE).await.unwrap();
        assert_eq!(harmed.store.read(&audio.id()).await.unwrap(), Some(audio));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_22_audio_damaged_in_the_bucket_is_removed_and_kept_again() {
    let harmed = Harmed::start().await;
    let audio = sound(vec![1; 100_000]);
    let id = harmed.store.keep(&audio, &RECIPE).await.unwrap();
    let file = harmed.amazon.file_of(&id);
    std::fs::write(&file, &audio.content[..50_000]).unwrap();
    assert_eq!(harmed.store.read(&id).await.unwrap(), None);
    assert!(!file.exists());
    assert_eq!(harmed.store.recipe(&id).await.unwrap(), Some(RECIPE));
    harmed.store.keep(&audio, &RECIPE).await.unwrap();
    assert_eq!(harmed.store.read(&id).await.unwrap(), Some(audio));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_is_not_there_is_unavailable_not_empty() {
    let gone = Harm::Status("404 Not Found", "NoSuchBucket");
    Harmed::start().await.suffers(gone, &[Unavailable]).await;
}
