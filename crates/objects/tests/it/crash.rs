//! A program that is killed while it writes leaves nothing that could be read as audio and is none.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use parlance_domain::speech::{AudioId, AudioStore};
use parlance_objects::{ObjectAudio, ObjectsConfig};

use crate::support::{RECIPE, sound};

/// Says to a copy of this test in which directory to write until it is killed.
const WRITE_IN: &str = "TEST_OBJECTS_WRITE_IN";
const NAME: &str = "crash::a_program_killed_while_it_writes_leaves_only_whole_audio";

fn open(path: &Path) -> ObjectAudio {
    ObjectAudio::open(&ObjectsConfig::new(path.to_str().unwrap())).unwrap()
}

async fn write_until_killed(path: &Path) -> ! {
    let store = open(path);
    for number in 0_u64.. {
        let content = number.to_le_bytes().repeat(40_000);
        store.keep(&sound(content), &RECIPE).await.unwrap();
    }
    unreachable!("there are more numbers than time");
}

/// A copy of this test that writes; killed at the latest when dropped.
struct Writer(Child);

impl Writer {
    fn start(path: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([NAME, "--exact"]).env(WRITE_IN, path);
        Self(
            command
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap(),
        )
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn files(part: &Path) -> Vec<PathBuf> {
    let shards = std::fs::read_dir(part).into_iter().flatten();
    let files = shards.flat_map(|shard| std::fs::read_dir(shard.unwrap().path()).unwrap());
    files.map(|file| file.unwrap().path()).collect()
}

fn id_of(file: &Path) -> Option<AudioId> {
    file.file_name()?.to_str()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_killed_while_it_writes_leaves_only_whole_audio() {
    if let Some(path) = std::env::var_os(WRITE_IN) {
        write_until_killed(Path::new(&path)).await;
    }
    for round in 0..6 {
        let temp = tempfile::tempdir().unwrap();
        let writer = Writer::start(temp.path());
        let begun = Instant::now();
        while files(&temp.path().join("audio")).len() < 5 + round {
            assert!(
                begun.elapsed() < Duration::from_mins(1),
                "the writer writes nothing"
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        drop(writer);
        let store = open(temp.path());
        let ids: Vec<AudioId> = files(&temp.path().join("audio"))
            .iter()
            .filter_map(|file| id_of(file))
            .collect();
        assert!(ids.len() >= 4);
        for id in ids {
            // What is damaged would be absent.
            assert!(store.read(&id).await.unwrap().is_some(), "{id}");
            assert_eq!(store.recipe(&id).await.unwrap(), Some(RECIPE));
        }
    }
}
