//! Speech by the program itself, which `cargo xtask test` installs where it may.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use parlance_contract::speech::{recording, synthesis};
use parlance_contract::speech_synthesizer_contract;
use parlance_domain::providers::{ProviderError, ProviderErrorKind};
use parlance_domain::speech::{
    Audio, AudioFormat, Recognition, SpeechRecognizer, SpeechSynthesizer, Synthesis,
};
use parlance_offline::{EspeakConfig, EspeakSpeech, MissingRecognizer};
use tempfile::TempDir;

/// Speech by the program that is installed.
fn installed() -> EspeakSpeech {
    let speech = EspeakSpeech::new(&EspeakConfig::default());
    assert!(
        speech.is_there(),
        "no espeak-ng to test with: run `cargo xtask test` as root, or `apt-get install espeak-ng`"
    );
    speech
}

speech_synthesizer_contract!(installed());

async fn sound(speech: &EspeakSpeech, text: &str) -> Audio {
    speech.synthesize(&synthesis(text, "en")).await.unwrap().0
}

/// How long it sounds.
fn duration(audio: &Audio) -> Duration {
    let number = |at: usize| u32::from_le_bytes(audio.content[at..at + 4].try_into().unwrap());
    assert_eq!(&audio.content[..4], b"RIFF");
    assert_eq!(number(4) as usize, audio.content.len() - 8);
    assert_eq!(&audio.content[36..40], b"data");
    assert_eq!(number(40) as usize, audio.content.len() - 44);
    Duration::from_secs_f64(f64::from(number(40)) / f64::from(number(28)))
}

#[tokio::test]
async fn the_header_says_how_long_it_sounds() {
    let speech = installed();
    let (short, long) = (
        sound(&speech, "one").await,
        sound(&speech, "one two three four").await,
    );
    assert_eq!(short.format, AudioFormat::Wav);
    assert!(duration(&short) > Duration::from_millis(200));
    assert!(duration(&long) > duration(&short) && duration(&long) < Duration::from_secs(10));
}

#[tokio::test]
async fn who_speaks_slowly_takes_longer() {
    let speech = installed();
    let mut durations = Vec::new();
    for rate in [4.0, 1.0, 0.5] {
        let synthesis = Synthesis {
            rate: rate.try_into().unwrap(),
            ..synthesis("the quick brown fox", "en")
        };
        durations.push(duration(&speech.synthesize(&synthesis).await.unwrap().0));
    }
    assert!(durations.is_sorted(), "{durations:?}");
}

#[tokio::test]
async fn mandarin_and_english_have_voices() {
    let speech = installed();
    let voices = speech.voices().await.unwrap();
    assert!(voices.len() > 50);
    for (language, name) in [
        ("cmn-CN", "cmn"),
        ("zh", "cmn"),
        ("en-US", "en-us"),
        ("en-GB", "en-gb"),
    ] {
        let (_, voice) = speech
            .synthesize(&synthesis("你好 hello", language))
            .await
            .unwrap();
        assert_eq!(voice, name);
        assert!(voices.iter().any(|voice| voice.name == name));
    }
}

#[tokio::test]
async fn threat_48_phonemes_in_brackets_are_read_out() {
    let speech = installed();
    // As phonemes, the first would be the second.
    let (brackets, word) = ("[[h@l'oU]]", "hello");
    let (brackets, word) = (sound(&speech, brackets).await, sound(&speech, word).await);
    assert!(duration(&brackets) > 2 * duration(&word));
}

#[tokio::test]
async fn a_text_of_which_nothing_is_heard_is_refused() {
    let silent = installed().synthesize(&synthesis("，。！", "zh")).await;
    assert_eq!(silent.unwrap_err().kind, ProviderErrorKind::Refused);
}

#[tokio::test]
async fn the_longest_text_at_the_slowest_is_spoken() {
    let synthesis = Synthesis {
        rate: 0.25.try_into().unwrap(),
        ..synthesis(&"字".repeat(300), "zh")
    };
    let (audio, _) = installed().synthesize(&synthesis).await.unwrap();
    assert!(duration(&audio) > Duration::from_mins(2));
}

/// Says what is missing and what to do about it.
fn assert_missing(error: &ProviderError, settings: &[&str]) {
    assert_eq!(error.kind, ProviderErrorKind::Missing);
    assert_eq!(error.provider, "offline");
    let source = error.source.as_ref().unwrap().to_string();
    for setting in settings {
        assert!(source.contains(setting), "{source}");
    }
}

const KEYS: [&str; 2] = ["GOOGLE_API_KEY", "GOOGLE_APPLICATION_CREDENTIALS"];

#[tokio::test]
async fn without_the_program_the_settings_are_named() {
    let speech = EspeakSpeech::new(&EspeakConfig {
        program: Some("/nowhere/espeak-ng".into()),
        ..EspeakConfig::default()
    });
    assert!(!speech.is_there());
    let errors = [
        speech.voices().await.unwrap_err(),
        speech.synthesize(&synthesis("hello", "en")).await.unwrap_err(),
    ];
    for error in errors {
        assert_missing(&error, &[KEYS[0], KEYS[1], "apt-get install espeak-ng"]);
    }
}

#[tokio::test]
async fn nothing_here_recognises_speech() {
    let recognition = Recognition {
        audio: recording(8_000),
        language: None,
    };
    let error = MissingRecognizer.recognize(&recognition).await.unwrap_err();
    assert_missing(&error, &KEYS);
}

/// A program that lists one voice, and otherwise does what it is told here.
struct Fake {
    folder: TempDir,
    config: EspeakConfig,
}

impl Fake {
    fn new(speak: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("espeak-ng");
        let list = "echo Pty; echo ' 5  en  --/M  English  gmw/en'";
        let script = format!("#!/bin/sh\nif [ \"$1\" = --voices ]; then {list}; exit; fi\n{speak}\n");
        write_program(&program, &script);
        let config = EspeakConfig {
            program: Some(program),
            ..EspeakConfig::default()
        };
        Self { folder, config }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn speak(&self) -> Result<(Audio, String), ProviderError> {
        let speech = EspeakSpeech::new(&self.config);
        speech.synthesize(&synthesis("hello", "en")).await
    }

    async fn failure(&self) -> ProviderErrorKind {
        self.speak().await.unwrap_err().kind
    }
}

/// By another process: were the file open in this one while another test starts a program, it could not be run.
fn write_program(path: &Path, script: &str) {
    let status = std::process::Command::new("/bin/sh")
        .args(["-c", "printf %s \"$2\" > \"$1\" && chmod 755 \"$1\"", "sh"])
        .arg(path)
        .arg(script)
        .status()
        .unwrap();
    assert!(status.success());
}

/// Waits for something that is about to be true.
async fn until(mut what: impl FnMut() -> bool) {
    let start = Instant::now();
    while !what() {
        assert!(start.elapsed() < Duration::from_secs(20), "it did not happen");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn what_the_program_does_wrong_is_told() {
    let header = r"printf 'RIFF....WAVEdata\0\0\0\0'; ";
    for (speak, kind) in [
        ("exit 0", ProviderErrorKind::Invalid),
        ("echo this is no sound at all", ProviderErrorKind::Invalid),
        (header, ProviderErrorKind::Invalid),
        (
            r"printf 'RIFF....WAVEdata\0\0\0\0\0\0\0\0'",
            ProviderErrorKind::Refused,
        ),
        (
            r"printf 'RIFF....WAVEdata\0\0\0\0abcd'; exit 1",
            ProviderErrorKind::Unavailable,
        ),
        ("kill -9 $$", ProviderErrorKind::Unavailable),
        ("yes", ProviderErrorKind::Refused),
    ] {
        assert_eq!(Fake::new(speak).failure().await, kind, "{speak}");
    }
    let fake = Fake::new(&format!("{header} printf abcd"));
    assert_eq!(fake.speak().await.unwrap().0.content.len(), 24);
}

#[tokio::test]
async fn a_program_without_voices_is_invalid() {
    let fake = Fake::new("");
    write_program(&fake.path("espeak-ng"), "#!/bin/sh\n");
    assert_eq!(fake.failure().await, ProviderErrorKind::Invalid);
}

#[tokio::test]
async fn a_program_that_vanishes_is_missing() {
    let fake = Fake::new("exit 0");
    let speech = EspeakSpeech::new(&fake.config);
    std::fs::remove_file(fake.path("espeak-ng")).unwrap();
    let error = speech.synthesize(&synthesis("hello", "en")).await.unwrap_err();
    assert_missing(&error, &KEYS);
}

#[tokio::test]
async fn threat_48_the_text_is_on_standard_input_and_secrets_are_nowhere() {
    let fake =
        Fake::new("cd \"${0%/*}\"; printf '%s ' \"$@\" > arguments; /usr/bin/env > environment; cat > input");
    let text = "--version $(id) 学习";
    let speech = EspeakSpeech::new(&fake.config);
    let silent = speech.synthesize(&synthesis(text, "en")).await.unwrap_err();
    assert_eq!(silent.kind, ProviderErrorKind::Invalid);
    let read = |name: &str| std::fs::read_to_string(fake.path(name)).unwrap();
    assert_eq!(read("arguments"), "-v en -s 175 -b 1 --stdin --stdout ");
    assert_eq!(read("input"), text);
    // `PWD`, `_` and the like are the shell's own.
    let environment = read("environment");
    let names: Vec<&str> = environment
        .lines()
        .filter_map(|line| line.split('=').next())
        .collect();
    let strange: Vec<_> = names
        .iter()
        .filter(|name| !["LC_ALL", "PWD", "OLDPWD", "SHLVL", "_"].contains(name))
        .collect();
    assert!(names.contains(&"LC_ALL") && strange.is_empty(), "{environment}");
}

/// A program that says which process it is and never ends.
fn hanging(timeout: Duration) -> Fake {
    let mut fake = Fake::new("cd \"${0%/*}\"; echo $$ > part; mv part process; exec sleep 600");
    fake.config.timeout = timeout;
    fake
}

#[cfg(target_os = "linux")]
fn is_running(process: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/stat", process.trim())).unwrap_or_default();
    // Behind its name in brackets; one that was killed and not yet waited for is a zombie.
    let state = status.rsplit(") ").next().and_then(|rest| rest.chars().next());
    state.is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_program_that_hangs_is_killed_in_time() {
    let fake = hanging(Duration::from_secs(1));
    assert_eq!(fake.failure().await, ProviderErrorKind::Timeout);
    let process = std::fs::read_to_string(fake.path("process")).unwrap();
    until(|| !is_running(&process)).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_program_dies_with_the_request() {
    let fake = hanging(Duration::from_mins(10));
    let speech = EspeakSpeech::new(&fake.config);
    let request = tokio::spawn(async move { speech.synthesize(&synthesis("hello", "en")).await });
    let noted = || std::fs::read_to_string(fake.path("process")).unwrap_or_default();
    until(|| !noted().is_empty()).await;
    let process = noted();
    assert!(is_running(&process));
    request.abort();
    assert!(request.await.unwrap_err().is_cancelled());
    until(|| !is_running(&process)).await;
}

#[tokio::test]
async fn who_would_wait_too_long_for_others_is_sent_away() {
    let mut fake = hanging(Duration::from_millis(500));
    fake.config.most_at_once = 1;
    let speech = EspeakSpeech::new(&fake.config);
    speech.voices().await.unwrap();
    let synthesis = synthesis("hello", "en");
    // One hangs, one takes its place, and one waits for both.
    let all = tokio::join!(
        speech.synthesize(&synthesis),
        speech.synthesize(&synthesis),
        speech.synthesize(&synthesis)
    );
    let kinds = [all.0, all.1, all.2].map(|result| result.unwrap_err().kind);
    assert!(kinds.contains(&ProviderErrorKind::Timeout), "{kinds:?}");
    assert!(kinds.contains(&ProviderErrorKind::Full), "{kinds:?}");
}
