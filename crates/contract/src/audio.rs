//! What every [`AudioStore`] must do.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use parlance_domain::speech::{Audio, AudioFormat, AudioId, AudioStore};

/// Makes a test of each rule of a store of audio; the expression makes `Arc<impl AudioStore>` that holds nothing.
#[macro_export]
macro_rules! audio_store_contract {
    ($make:expr) => {
        $crate::tests_of_rules!(
            audio,
            $make,
            [
                a_store_that_works_is_ready,
                what_was_kept_is_read_as_it_was,
                what_was_never_kept_is_not_there,
                audio_is_kept_under_its_content,
                the_same_content_in_another_format_is_other_audio,
                the_recipe_is_kept_beside_the_audio,
                what_is_kept_without_a_recipe_takes_none_away,
                what_is_there_already_is_left_as_it_is,
                any_bytes_are_kept_as_they_are,
                large_audio_is_kept_whole,
                many_who_keep_the_same_disturb_nobody,
                whoever_reads_meanwhile_sees_all_or_nothing,
                whoever_reads_what_was_broken_off_sees_all_or_nothing,
                a_public_url_is_absolute_and_of_one_audio_alone,
            ]
        );
    };
}

const RECIPE: Bytes = Bytes::from_static(b"how it was made");

fn sound(content: impl Into<Bytes>) -> Audio {
    Audio {
        format: AudioFormat::Mp3,
        content: content.into(),
    }
}

/// Some megabytes in which no part is like another.
fn large(seed: u32) -> Audio {
    let words = (0..1_u32 << 20).map(|number| number.wrapping_mul(2_654_435_761).wrapping_add(seed));
    sound(words.flat_map(u32::to_le_bytes).collect::<Bytes>())
}

async fn keep<S: AudioStore + ?Sized>(store: &S, audio: &Audio) -> AudioId {
    store.keep(audio, &RECIPE).await.unwrap()
}

async fn read<S: AudioStore + ?Sized>(store: &S, id: &AudioId) -> Option<Audio> {
    store.read(id).await.unwrap()
}

/// Before anything is kept, and afterwards.
pub async fn a_store_that_works_is_ready<S: AudioStore + ?Sized>(store: &Arc<S>) {
    store.ready().await.unwrap();
    keep(&**store, &sound("some sound")).await;
    store.ready().await.unwrap();
}

/// In every format, and when it is asked for again.
pub async fn what_was_kept_is_read_as_it_was<S: AudioStore + ?Sized>(store: &Arc<S>) {
    for format in AudioFormat::ALL {
        let audio = Audio {
            format,
            content: Bytes::from_static(b"some sound"),
        };
        let id = keep(&**store, &audio).await;
        for _ in 0..2 {
            assert_eq!(read(&**store, &id).await.as_ref(), Some(&audio));
        }
    }
}

/// Absence is no error; neither of audio nor of a recipe.
pub async fn what_was_never_kept_is_not_there<S: AudioStore + ?Sized>(store: &Arc<S>) {
    keep(&**store, &sound("some sound")).await;
    let id = sound("other sound").id();
    assert_eq!(read(&**store, &id).await, None);
    assert_eq!(store.recipe(&id).await.unwrap(), None);
}

/// The name that is given back is the one that whoever knows the content can compute.
pub async fn audio_is_kept_under_its_content<S: AudioStore + ?Sized>(store: &Arc<S>) {
    for content in ["some sound", "other sound"] {
        let audio = sound(content);
        assert_eq!(keep(&**store, &audio).await, audio.id());
    }
    let other = sound("other sound");
    assert_eq!(read(&**store, &other.id()).await, Some(other));
}

/// One is there without the other.
pub async fn the_same_content_in_another_format_is_other_audio<S: AudioStore + ?Sized>(store: &Arc<S>) {
    let audio = sound("some sound");
    let other = Audio {
        format: AudioFormat::Wav,
        ..audio.clone()
    };
    keep(&**store, &audio).await;
    assert_eq!(read(&**store, &other.id()).await, None);
    assert_eq!(store.recipe(&other.id()).await.unwrap(), None);
    keep(&**store, &other).await;
    assert_eq!(read(&**store, &other.id()).await, Some(other));
    assert_eq!(read(&**store, &audio.id()).await, Some(audio));
}

/// Whoever keeps the same with one adds it, and keeps it from then on.
pub async fn what_is_kept_without_a_recipe_takes_none_away<S: AudioStore + ?Sized>(store: &Arc<S>) {
    let audio = sound("some sound");
    let id = store.keep_without_recipe(&audio).await.unwrap();
    assert_eq!(id, audio.id());
    assert_eq!(read(&**store, &id).await.as_ref(), Some(&audio));
    assert_eq!(store.recipe(&id).await.unwrap(), None);
    assert_eq!(keep(&**store, &audio).await, id);
    store.keep_without_recipe(&audio).await.unwrap();
    assert_eq!(store.recipe(&id).await.unwrap(), Some(RECIPE));
}

/// Each has its own.
pub async fn the_recipe_is_kept_beside_the_audio<S: AudioStore + ?Sized>(store: &Arc<S>) {
    for (content, recipe) in [("some sound", "some text"), ("other sound", "other text")] {
        let recipe = Bytes::from_static(recipe.as_bytes());
        let id = store.keep(&sound(content), &recipe).await.unwrap();
        assert_eq!(store.recipe(&id).await.unwrap(), Some(recipe));
    }
    let recipe = store.recipe(&sound("some sound").id()).await.unwrap();
    assert_eq!(recipe.as_deref(), Some(&b"some text"[..]));
}

/// The first recipe stays; keeping again is no error.
pub async fn what_is_there_already_is_left_as_it_is<S: AudioStore + ?Sized>(store: &Arc<S>) {
    let audio = sound("some sound");
    let id = keep(&**store, &audio).await;
    let again = store.keep(&audio, &Bytes::from_static(b"another recipe")).await;
    assert_eq!(again.unwrap(), id);
    assert_eq!(store.recipe(&id).await.unwrap(), Some(RECIPE));
    assert_eq!(read(&**store, &id).await, Some(audio));
}

/// None among them.
pub async fn any_bytes_are_kept_as_they_are<S: AudioStore + ?Sized>(store: &Arc<S>) {
    let all: Vec<u8> = (0..=255).collect();
    for content in [&b""[..], b"\0", b"\r\n\r\n", b"\xff\xfe\x80", b"<Error/>", &all] {
        let audio = sound(Bytes::copy_from_slice(content));
        let id = store.keep(&audio, &audio.content).await.unwrap();
        assert_eq!(store.recipe(&id).await.unwrap().as_ref(), Some(&audio.content));
        assert_eq!(read(&**store, &id).await, Some(audio));
    }
}

/// Four megabytes.
pub async fn large_audio_is_kept_whole<S: AudioStore + ?Sized>(store: &Arc<S>) {
    let audio = large(1);
    let id = keep(&**store, &audio).await;
    assert_eq!(read(&**store, &id).await, Some(audio));
}

/// Each is told that it is kept, and it is whole.
pub async fn many_who_keep_the_same_disturb_nobody<S: AudioStore + ?Sized>(store: &Arc<S>) {
    let audio = sound(vec![7; 100_000]);
    let ids = join_all((0..16).map(|_| keep(&**store, &audio))).await;
    assert!(ids.iter().all(|id| *id == audio.id()));
    assert_eq!(read(&**store, &audio.id()).await, Some(audio.clone()));
    assert_eq!(store.recipe(&audio.id()).await.unwrap(), Some(RECIPE));
}

/// Whoever reads audio finds its recipe too.
pub async fn whoever_reads_meanwhile_sees_all_or_nothing<S: AudioStore + ?Sized + 'static>(store: &Arc<S>) {
    for seed in 0..4 {
        let audio = large(seed);
        let (writer, kept) = (Arc::clone(store), audio.clone());
        let writing = tokio::spawn(async move { keep(&*writer, &kept).await });
        loop {
            let is_written = writing.is_finished();
            let seen = read(&**store, &audio.id()).await;
            assert!(seen.is_some() || !is_written, "not there after it was kept");
            if let Some(seen) = seen {
                assert!(seen == audio, "a part of it");
                assert_eq!(store.recipe(&audio.id()).await.unwrap(), Some(RECIPE));
                break;
            }
        }
        writing.await.unwrap();
    }
}

/// Wherever it was broken off; and it can be kept again.
pub async fn whoever_reads_what_was_broken_off_sees_all_or_nothing<S: AudioStore + ?Sized + 'static>(
    store: &Arc<S>,
) {
    for steps in [0, 1, 2, 4, 8, 16, 64, 256] {
        let audio = large(1_000 + steps);
        let (writer, kept) = (Arc::clone(store), audio.clone());
        let writing = tokio::spawn(async move { keep(&*writer, &kept).await });
        for _ in 0..steps {
            tokio::task::yield_now().await;
        }
        writing.abort();
        let _ = writing.await;
        let seen = read(&**store, &audio.id()).await;
        assert!(seen.is_none_or(|seen| seen == audio), "a part of it");
        keep(&**store, &audio).await;
        assert!(
            read(&**store, &audio.id())
                .await
                .is_some_and(|seen| seen == audio)
        );
    }
}

/// If there is one at all.
pub async fn a_public_url_is_absolute_and_of_one_audio_alone<S: AudioStore + ?Sized>(store: &Arc<S>) {
    let ids = [sound("some sound").id(), sound("other sound").id()];
    let urls = ids.clone().map(|id| store.public_url(&id));
    match urls {
        [None, None] => {}
        [Some(one), Some(other)] => {
            for (url, id) in [(&one, &ids[0]), (&other, &ids[1])] {
                assert!(url.starts_with("https://") || url.starts_with("http://"), "{url}");
                assert!(url.ends_with(&id.to_string()), "{url}");
            }
            assert_ne!(one, other);
        }
        urls => panic!("of one alone: {urls:?}"),
    }
    assert_eq!(store.public_url(&ids[0]), store.public_url(&ids[0]));
    // What is nowhere yet has one too: it is where it will be.
    assert_eq!(read(&**store, &ids[0]).await, None);
}
