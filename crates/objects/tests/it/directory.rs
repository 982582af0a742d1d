//! A directory: private, swept, and clear about it when it cannot be used.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use parlance_domain::health::Probe;
use parlance_domain::port::PortErrorKind::Unavailable;
use parlance_domain::speech::{Audio, AudioFormat, AudioId, AudioStore};
use parlance_objects::{ObjectAudio, ObjectsConfig, ObjectsConfigError};

use crate::support::{RECIPE, fails, sound};

fn open(path: &Path) -> ObjectAudio {
    ObjectAudio::open(&ObjectsConfig::new(path.to_str().unwrap())).unwrap()
}

fn file_of(root: &Path, part: &str, id: &AudioId) -> PathBuf {
    root.join(part).join(&id.digest()[..2]).join(id.to_string())
}

/// Everything below a directory, with its permissions.
fn everything(root: &Path) -> Vec<(PathBuf, u32)> {
    let mut all = Vec::new();
    let mut left = vec![root.to_owned()];
    while let Some(path) = left.pop() {
        let metadata = fs::metadata(&path).unwrap();
        if metadata.is_dir() {
            left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        all.push((path, metadata.permissions().mode() & 0o777));
    }
    all
}

#[tokio::test]
async fn directories_that_are_not_there_are_made_and_all_is_private() {
    let temp = tempfile::tempdir().unwrap();
    let root = temp.path().join("not/there yet");
    let store = open(&root);
    let id = store.keep(&sound("some sound"), &RECIPE).await.unwrap();
    store.check().await.unwrap();
    assert!(file_of(&root, "audio", &id).is_file());
    assert!(file_of(&root, "recipes", &id).is_file());
    for (path, mode) in everything(&temp.path().join("not")) {
        let wanted = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode, wanted, "{}", path.display());
    }
}

#[tokio::test]
async fn a_url_names_the_same_directory_and_what_was_kept_outlives_the_program() {
    let temp = tempfile::tempdir().unwrap();
    let audio = sound("some sound");
    let id = open(temp.path()).keep(&audio, &RECIPE).await.unwrap();
    let config = ObjectsConfig::new(format!("file://{}", temp.path().display()));
    let again = ObjectAudio::open(&config).unwrap();
    assert_eq!(again.read(&id).await.unwrap(), Some(audio));
    assert_eq!(again.recipe(&id).await.unwrap(), Some(RECIPE));
}

#[tokio::test]
async fn damaged_audio_is_removed_and_kept_again() {
    let temp = tempfile::tempdir().unwrap();
    let store = open(temp.path());
    let audio = sound(vec![1; 10_000]);
    let id = store.keep(&audio, &RECIPE).await.unwrap();
    let file = file_of(temp.path(), "audio", &id);
    let damaged: [&[u8]; 3] = [b"", &audio.content[..5_000], &[2; 10_000]];
    for content in damaged {
        fs::write(&file, content).unwrap();
        assert_eq!(store.read(&id).await.unwrap(), None);
        assert!(!file.exists());
        store.keep(&audio, &RECIPE).await.unwrap();
        assert_eq!(store.read(&id).await.unwrap(), Some(audio.clone()));
    }
}

#[tokio::test]
async fn a_file_larger_than_any_that_is_kept_is_not_read_into_memory() {
    let temp = tempfile::tempdir().unwrap();
    let store = open(temp.path());
    let id = store.keep(&sound("some sound"), &RECIPE).await.unwrap();
    let huge = 1 << 40;
    for part in ["audio", "recipes"] {
        let file = File::options()
            .write(true)
            .open(file_of(temp.path(), part, &id))
            .unwrap();
        file.set_len(huge).unwrap();
    }
    assert_eq!(store.read(&id).await.unwrap(), None);
    assert!(!file_of(temp.path(), "audio", &id).exists());
    assert!(store.recipe(&id).await.is_err());
}

#[tokio::test]
async fn what_broken_writes_left_is_swept_once_it_is_old() {
    let temp = tempfile::tempdir().unwrap();
    let store = open(temp.path());
    let audio = sound("some sound");
    let id = store.keep(&audio, &RECIPE).await.unwrap();
    let draft = |part, number| {
        let mut path = file_of(temp.path(), part, &id).into_os_string();
        path.push(format!("#{number}"));
        PathBuf::from(path)
    };
    let old = SystemTime::now() - Duration::from_secs(3_700);
    for part in ["audio", "recipes"] {
        for number in [1, 27] {
            fs::write(draft(part, number), "half").unwrap();
        }
        for path in [draft(part, 1), file_of(temp.path(), part, &id)] {
            File::options()
                .write(true)
                .open(path)
                .unwrap()
                .set_modified(old)
                .unwrap();
        }
    }
    let store = open(temp.path());
    for part in ["audio", "recipes"] {
        assert!(!draft(part, 1).exists());
        assert!(draft(part, 27).exists(), "somebody may be writing it");
    }
    assert_eq!(store.read(&id).await.unwrap(), Some(audio));
    assert_eq!(store.recipe(&id).await.unwrap(), Some(RECIPE));
}

#[tokio::test]
async fn what_a_broken_write_left_hinders_nobody() {
    let temp = tempfile::tempdir().unwrap();
    let store = open(temp.path());
    let audio = sound("some sound");
    let mut draft = file_of(temp.path(), "audio", &audio.id()).into_os_string();
    draft.push("#1");
    fs::create_dir_all(Path::new(&draft).parent().unwrap()).unwrap();
    fs::write(&draft, "half").unwrap();
    assert_eq!(store.read(&audio.id()).await.unwrap(), None);
    let id = store.keep(&audio, &RECIPE).await.unwrap();
    assert_eq!(store.read(&id).await.unwrap(), Some(audio));
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let temp = tempfile::tempdir().unwrap();
    let file = temp.path().join("file");
    fs::write(&file, "no directory").unwrap();
    for path in [file.clone(), file.join("objects")] {
        let error = ObjectAudio::open(&ObjectsConfig::new(path.to_str().unwrap())).unwrap_err();
        assert!(matches!(error, ObjectsConfigError::Directory { .. }), "{error:?}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
}

/// Whoever tests as root may write everywhere, but not below what is no directory.
#[tokio::test]
async fn a_directory_that_cannot_be_written_to_is_unavailable() {
    let temp = tempfile::tempdir().unwrap();
    let root = temp.path().join("objects");
    let store = open(&root);
    let kept = sound("some sound");
    store.keep(&kept, &RECIPE).await.unwrap();
    fs::rename(&root, temp.path().join("elsewhere")).unwrap();
    fs::write(&root, "no directory").unwrap();
    fails(store.keep(&sound("other sound"), &RECIPE), &[Unavailable]).await;
    fails(store.read(&kept.id()), &[Unavailable]).await;
    fails(store.check(), &[Unavailable]).await;
    fs::remove_file(&root).unwrap();
    fs::rename(temp.path().join("elsewhere"), &root).unwrap();
    store.check().await.unwrap();
    store.keep(&sound("other sound"), &RECIPE).await.unwrap();
}

#[tokio::test]
async fn threat_39_no_id_leads_out_of_the_directory() {
    let temp = tempfile::tempdir().unwrap();
    let store = open(&temp.path().join("objects"));
    for text in [
        "../../../../etc/passwd",
        "..",
        "..%2f..%2fsecret.mp3",
        "../audio.mp3",
    ] {
        assert!(text.parse::<AudioId>().is_err(), "{text}");
    }
    // The strangest ids that there are.
    for character in ['-', '_', 'A'] {
        let id: AudioId = format!("{}.ogg", character.to_string().repeat(43))
            .parse()
            .unwrap();
        assert_eq!(store.read(&id).await.unwrap(), None);
        let inside = file_of(&temp.path().join("objects"), "audio", &id);
        fs::create_dir_all(inside.parent().unwrap()).unwrap();
        fs::write(&inside, "not of this name").unwrap();
        assert_eq!(store.read(&id).await.unwrap(), None);
        assert!(!inside.exists(), "it is there that it looked");
    }
    let kept = Audio {
        format: AudioFormat::Ogg,
        ..sound("some sound")
    };
    store.keep(&kept, &RECIPE).await.unwrap();
    let outside: Vec<_> = fs::read_dir(temp.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(outside, ["objects"]);
}
