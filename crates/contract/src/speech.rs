//! What every [`SpeechSynthesizer`] and every [`SpeechRecognizer`] must do.
//!
//! What only a provider that misbehaves shows, such as empty sound, is left to the tests of each adapter.

use std::collections::HashSet;

use bytes::Bytes;
use futures_util::future::join_all;
use parlance_domain::providers::{ProviderError, ProviderErrorKind};
use parlance_domain::speech::{
    Audio, AudioFormat, Recognition, SpeakingRate, SpeechRecognizer, SpeechSynthesizer, Synthesis,
    Transcript, Voice,
};

/// Makes a test of each rule of a synthesizer.
///
/// The expression makes one that speaks English and Chinese; it may be a place behind whatever must live as long, such
/// as `*fixture()`.
#[macro_export]
macro_rules! speech_synthesizer_contract {
    ($make:expr) => {
        $crate::tests_of_rules!(
            speech,
            $make,
            [
                a_text_is_spoken,
                chinese_is_spoken_by_a_voice_that_speaks_it,
                every_voice_has_a_name_of_its_own,
                a_named_voice_speaks,
                who_speaks_without_being_named_is_one_of_the_voices,
                other_texts_sound_different,
                another_rate_sounds_different,
                markup_is_read_out_like_any_text,
                what_looks_like_an_option_is_read_out,
                strange_texts_are_spoken_or_refused,
                a_language_that_it_has_not_is_refused,
                a_voice_that_it_has_not_is_refused,
                speakers_do_not_disturb_each_other,
            ]
        );
    };
}

/// Makes a test of each rule of a recognizer; the expression is as for [`speech_synthesizer_contract!`].
#[macro_export]
macro_rules! speech_recognizer_contract {
    ($make:expr) => {
        $crate::tests_of_rules!(
            speech,
            $make,
            [
                what_is_said_is_written_down,
                words_come_in_order_and_within_the_recording,
                silence_has_no_words,
                a_language_need_not_be_named,
                a_recording_without_sense_is_refused,
                a_recording_that_is_cut_off_is_heard_or_refused,
            ]
        );
    };
}

/// Something to be spoken as usual, by whom the provider likes.
pub fn synthesis(text: &str, language: &str) -> Synthesis {
    Synthesis {
        text: text.parse().unwrap(),
        language: language.parse().unwrap(),
        voice: None,
        rate: SpeakingRate::USUAL,
    }
}

async fn spoken(speech: &dyn SpeechSynthesizer, synthesis: &Synthesis) -> (Audio, String) {
    let (audio, voice) = speech.synthesize(synthesis).await.unwrap();
    assert!(!audio.content.is_empty());
    assert_eq!(AudioFormat::of(&audio.content), Some(audio.format));
    (audio, voice)
}

async fn sound(speech: &dyn SpeechSynthesizer, text: &str) -> Audio {
    spoken(speech, &synthesis(text, "en")).await.0
}

/// Refused, and by the provider of this name.
fn assert_refused<T>(result: Result<T, ProviderError>, provider: &str) {
    let error = result.err().unwrap();
    assert_eq!(error.kind, ProviderErrorKind::Refused);
    assert_eq!(error.provider, provider);
}

/// As sound of the format that it says, whatever the text is made of.
pub async fn a_text_is_spoken(speech: &dyn SpeechSynthesizer) {
    assert!(!speech.provider().is_empty());
    for (text, language) in [
        ("hello", "en"),
        ("good morning", "en"),
        ("café", "en"),
        ("你好", "zh"),
    ] {
        spoken(speech, &synthesis(text, language)).await;
    }
}

/// However the language is called.
pub async fn chinese_is_spoken_by_a_voice_that_speaks_it(speech: &dyn SpeechSynthesizer) {
    let voices = speech.voices().await.unwrap();
    for language in ["zh", "zh-CN", "cmn-CN", "zh-Hans-CN"] {
        let (_, name) = spoken(speech, &synthesis("学习", language)).await;
        let voice = voices.iter().find(|voice| voice.name == name).unwrap();
        assert_eq!(voice.language.language(), "zh", "{name} speaks {language}");
    }
}

/// And there are some.
pub async fn every_voice_has_a_name_of_its_own(speech: &dyn SpeechSynthesizer) {
    let voices = speech.voices().await.unwrap();
    let names: HashSet<&str> = voices.iter().map(|voice| voice.name.as_str()).collect();
    assert!(!voices.is_empty());
    assert_eq!(names.len(), voices.len());
    assert!(!names.contains(""));
    for wanted in ["en", "zh"] {
        let wanted = wanted.parse().unwrap();
        assert!(
            voices.iter().any(|voice| voice.language.serves(&wanted)),
            "{wanted}"
        );
    }
}

/// That one and no other.
pub async fn a_named_voice_speaks(speech: &dyn SpeechSynthesizer) {
    let voices = speech.voices().await.unwrap();
    for Voice { name, language, .. } in voices.into_iter().take(3) {
        let wanted = Synthesis {
            voice: Some(name.clone()),
            language,
            ..synthesis("hello", "en")
        };
        assert_eq!(spoken(speech, &wanted).await.1, name);
    }
}

/// So that it can be named from then on.
pub async fn who_speaks_without_being_named_is_one_of_the_voices(speech: &dyn SpeechSynthesizer) {
    let voices = speech.voices().await.unwrap();
    let wanted = synthesis("hello", "en");
    let (_, name) = spoken(speech, &wanted).await;
    let voice = voices.iter().find(|voice| voice.name == name).unwrap();
    assert!(voice.language.serves(&wanted.language));
}

/// The sound follows from the text.
pub async fn other_texts_sound_different(speech: &dyn SpeechSynthesizer) {
    let one = sound(speech, "one").await;
    assert_ne!(one, sound(speech, "seventeen").await);
    assert_ne!(one, sound(speech, "one seventeen").await);
}

/// Slower and faster.
pub async fn another_rate_sounds_different(speech: &dyn SpeechSynthesizer) {
    let usual = sound(speech, "good morning").await;
    for factor in [0.5, 2.0] {
        let other = Synthesis {
            rate: factor.try_into().unwrap(),
            ..synthesis("good morning", "en")
        };
        assert_ne!(spoken(speech, &other).await.0, usual, "{factor} times as fast");
    }
}

/// Were it taken for markup, it would not be heard, and the rest would sound as if it stood alone.
pub async fn markup_is_read_out_like_any_text(speech: &dyn SpeechSynthesizer) {
    let plain = sound(speech, "hello").await;
    for text in [
        "<mark name=\"one two three\"/>hello",
        "<!-- one two three -->hello",
        "<speak><sub alias=\"hello\">one two three</sub></speak>",
    ] {
        assert_ne!(sound(speech, text).await, plain, "{text}");
    }
}

/// Were it taken for an option, it would not be heard, or something else would.
pub async fn what_looks_like_an_option_is_read_out(speech: &dyn SpeechSynthesizer) {
    let plain = sound(speech, "hello").await;
    for text in ["--version", "-v de hello", "--voices hello", "-- help hello"] {
        assert_ne!(sound(speech, text).await, plain, "{text}");
    }
}

/// Nothing else happens, also to what is spoken afterwards.
pub async fn strange_texts_are_spoken_or_refused(speech: &dyn SpeechSynthesizer) {
    let before = sound(speech, "hello").await;
    let long = "字".repeat(300);
    let emoji = "😀".repeat(300);
    for text in [
        "@/etc/passwd",
        "/etc/passwd",
        "$(id)",
        "`id`",
        "a;b|c&d",
        "%s%n",
        "\"'",
        "</speak>",
        "&amp;",
        "...",
        "😀",
        &emoji,
        &long,
        "שלום",
        "a\u{300}\u{300}\u{300}",
    ] {
        match speech.synthesize(&synthesis(text, "en")).await {
            Ok((audio, _)) => assert_eq!(AudioFormat::of(&audio.content), Some(audio.format), "{text}"),
            Err(error) => assert_eq!(error.kind, ProviderErrorKind::Refused, "{text}"),
        }
    }
    assert_eq!(sound(speech, "hello").await, before);
}

/// `qaa` is a tag for private use: it names no language.
pub async fn a_language_that_it_has_not_is_refused(speech: &dyn SpeechSynthesizer) {
    let unknown = speech.synthesize(&synthesis("hello", "qaa")).await;
    assert_refused(unknown, speech.provider());
}

/// Whatever its name looks like.
pub async fn a_voice_that_it_has_not_is_refused(speech: &dyn SpeechSynthesizer) {
    for name in ["nobody", "", "../en", "--version", "en; id", "en\0"] {
        let wanted = Synthesis {
            voice: Some(name.to_owned()),
            ..synthesis("hello", "en")
        };
        assert_refused(speech.synthesize(&wanted).await, speech.provider());
    }
}

/// Each hears what they asked for.
pub async fn speakers_do_not_disturb_each_other(speech: &dyn SpeechSynthesizer) {
    let texts = ["one", "two", "three", "four"];
    let mut alone = Vec::new();
    for text in texts {
        alone.push(sound(speech, text).await);
    }
    let together = join_all(texts.map(|text| sound(speech, text))).await;
    assert_eq!(together, alone);
}

/// How many samples a second [`recording`] has.
const RATE: u32 = 16_000;

/// A recording of a second in WAV: a tone, or silence if `loudness` is zero.
pub fn recording(loudness: i16) -> Audio {
    let samples = (0..RATE).map(|number| if number / 40 % 2 == 0 { loudness } else { -loudness });
    let data: Vec<u8> = samples.flat_map(i16::to_le_bytes).collect();
    let length = u32::try_from(data.len()).unwrap();
    let mut content = b"RIFF".to_vec();
    content.extend((36 + length).to_le_bytes());
    content.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    content.extend(RATE.to_le_bytes());
    content.extend((2 * RATE).to_le_bytes());
    content.extend(b"\x02\0\x10\0data");
    content.extend(length.to_le_bytes());
    content.extend(data);
    Audio {
        format: AudioFormat::Wav,
        content: content.into(),
    }
}

fn recognition(audio: Audio, language: &str) -> Recognition {
    Recognition {
        audio,
        language: Some(language.parse().unwrap()),
    }
}

fn assert_is_sound(transcript: &Transcript) {
    assert!((0.0..=1.0).contains(&transcript.confidence), "{transcript:?}");
    for word in &transcript.words {
        assert!(!word.word.trim().is_empty(), "{transcript:?}");
        assert!(word.start_ms <= word.end_ms, "{transcript:?}");
    }
}

/// In each language.
pub async fn what_is_said_is_written_down(speech: &dyn SpeechRecognizer) {
    assert!(!speech.provider().is_empty());
    for language in ["en", "en-US", "zh", "zh-CN"] {
        let heard = speech
            .recognize(&recognition(recording(8_000), language))
            .await
            .unwrap();
        assert!(!heard.transcript.trim().is_empty(), "{language}");
        assert_is_sound(&heard);
    }
}

/// They are those of the transcript, if the provider tells them at all.
pub async fn words_come_in_order_and_within_the_recording(speech: &dyn SpeechRecognizer) {
    let heard = speech
        .recognize(&recognition(recording(8_000), "en"))
        .await
        .unwrap();
    assert!(heard.words.is_sorted_by_key(|word| word.start_ms), "{heard:?}");
    assert!(heard.words.iter().all(|word| word.end_ms <= 1_000), "{heard:?}");
    assert!(
        heard
            .words
            .iter()
            .all(|word| heard.transcript.contains(&word.word)),
        "{heard:?}"
    );
}

/// It is no failure.
pub async fn silence_has_no_words(speech: &dyn SpeechRecognizer) {
    let heard = speech.recognize(&recognition(recording(0), "en")).await.unwrap();
    assert_eq!(heard.transcript, "");
    assert!(heard.words.is_empty());
    assert_is_sound(&heard);
}

/// The provider chooses then.
pub async fn a_language_need_not_be_named(speech: &dyn SpeechRecognizer) {
    let recognition = Recognition {
        audio: recording(8_000),
        language: None,
    };
    assert!(
        !speech
            .recognize(&recognition)
            .await
            .unwrap()
            .transcript
            .is_empty()
    );
}

/// It begins as a recording does, and nothing comes after.
pub async fn a_recording_without_sense_is_refused(speech: &dyn SpeechRecognizer) {
    let nonsense: [(AudioFormat, &[u8]); 4] = [
        (AudioFormat::Wav, b"RIFF\xFF\xFF\xFF\xFFWAVE"),
        (AudioFormat::Wav, b"RIFF\x24\0\0\0WAVEjunk\xFF\xFF\xFF\xFFjunk"),
        (AudioFormat::Flac, b"fLaC\xFF\xFF\xFF\xFF"),
        (AudioFormat::Ogg, b"OggS\0\x02"),
    ];
    for (format, content) in nonsense {
        let content = Bytes::from_static(content);
        let result = speech
            .recognize(&recognition(Audio { format, content }, "en"))
            .await;
        assert_refused(result, speech.provider());
    }
}

/// At any place.
pub async fn a_recording_that_is_cut_off_is_heard_or_refused(speech: &dyn SpeechRecognizer) {
    let whole = recording(8_000);
    for length in [0, 1, 12, 20, 36, 43, 44, 45, 1_000] {
        let audio = Audio {
            content: whole.content.slice(..length),
            ..whole.clone()
        };
        match speech.recognize(&recognition(audio, "en")).await {
            Ok(heard) => assert_is_sound(&heard),
            Err(error) => assert_eq!(error.kind, ProviderErrorKind::Refused, "{length}"),
        }
    }
}
