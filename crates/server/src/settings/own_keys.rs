//! Where learners' own keys are used, and which models are asked with them.

use parlance_elevenlabs::{ElevenLabsConfig, is_endpoint, is_model, is_voice};

use super::providers::{parse_model, parse_openai_url};
use super::reader::Reader;

/// Where learners' own keys are used; those of Google where the installation's own is.
#[derive(Debug, Clone)]
pub struct OwnKeySettings {
    /// Those of `OpenAI`.
    pub openai: OwnOpenAiSettings,
    /// Those of `ElevenLabs`.
    pub elevenlabs: ElevenLabsConfig,
}

/// Where learners' own keys of `OpenAI` are used.
#[derive(Debug, Clone)]
pub struct OwnOpenAiSettings {
    /// Where it is.
    pub url: String,
    /// Which model writes.
    pub model: String,
    /// Which speaks.
    pub speech_model: String,
    /// Which listens.
    pub transcription_model: String,
}

pub(super) fn own_keys(reader: &mut Reader<'_>) -> OwnKeySettings {
    let mut model = |name: &str| reader.read(name, parse_model).unwrap_or_default();
    let openai = OwnOpenAiSettings {
        model: model("OWN_KEYS_OPENAI_MODEL"),
        speech_model: model("OWN_KEYS_OPENAI_SPEECH_MODEL"),
        transcription_model: model("OWN_KEYS_OPENAI_TRANSCRIPTION_MODEL"),
        url: reader
            .read("OWN_KEYS_OPENAI_URL", parse_openai_url)
            .unwrap_or_default(),
    };
    OwnKeySettings {
        openai,
        elevenlabs: elevenlabs(reader),
    }
}

fn elevenlabs(reader: &mut Reader<'_>) -> ElevenLabsConfig {
    let usual = ElevenLabsConfig::default();
    let mut read = |name: &str, usual: String, is_right: fn(&str) -> bool, must: &str| {
        let value = reader.read(name, |text| {
            // What is wrong with it is not repeated: there may be a password in it.
            let refusal = || format!("must be {must}");
            is_right(text).then(|| text.to_owned()).ok_or_else(refusal)
        });
        value.unwrap_or(usual)
    };
    let model = "the name of a model: letters, digits and - . _";
    ElevenLabsConfig {
        base_url: read(
            "OWN_KEYS_ELEVENLABS_URL",
            usual.base_url,
            is_endpoint,
            "https:// and a host, or http:// and a loopback address, without login, query or fragment, and no address \
             of a local link",
        ),
        speech_model: read("OWN_KEYS_ELEVENLABS_MODEL", usual.speech_model, is_model, model),
        transcription_model: read(
            "OWN_KEYS_ELEVENLABS_TRANSCRIPTION_MODEL",
            usual.transcription_model,
            is_model,
            model,
        ),
        voice: read(
            "OWN_KEYS_ELEVENLABS_VOICE",
            usual.voice,
            is_voice,
            "the id of a voice: letters and digits",
        ),
        timeout: usual.timeout,
    }
}

#[cfg(test)]
mod tests {
    use crate::settings::tests::{development, subjects};

    #[test]
    fn nothing_set_is_where_the_services_are() {
        let own = development([
            ("OPENAI_BASE_URL", "http://localhost:11434/v1"),
            ("OPENAI_MODEL", "llama3"),
        ]);
        let own = own.unwrap().providers.own_keys;
        assert_eq!(
            own.openai.url, "https://api.openai.com/v1",
            "not where the house asks"
        );
        assert_eq!(own.openai.speech_model, "tts-1");
        assert_eq!(own.elevenlabs.base_url, "https://api.elevenlabs.io");
        assert_eq!(own.elevenlabs.voice, "JBFqnCBsd6RMkjVDRZzb");
    }

    #[test]
    fn threat_44_learners_keys_go_over_tls_or_nowhere_far() {
        for name in ["OWN_KEYS_OPENAI_URL", "OWN_KEYS_ELEVENLABS_URL"] {
            for url in [
                "https://proxy.example.com/x",
                "http://127.0.0.1:8080",
                "http://localhost:1",
            ] {
                assert!(development([(name, url)]).is_ok(), "{name} {url}");
            }
            for url in [
                "http://proxy.example.com",
                "http://169.254.169.254/latest",
                "https://169.254.169.254",
                "file:///etc/passwd",
                "https://hunter2@example.com",
                "https://example.com/?key=hunter2",
            ] {
                let problems = development([(name, url)]).err().unwrap();
                assert!(!problems.to_string().contains("hunter2"), "{problems}");
                assert_eq!(subjects(Err(problems)), [name], "{url}");
            }
        }
    }

    #[test]
    fn models_and_voices_have_plain_names() {
        for name in [
            "OWN_KEYS_OPENAI_MODEL",
            "OWN_KEYS_OPENAI_SPEECH_MODEL",
            "OWN_KEYS_OPENAI_TRANSCRIPTION_MODEL",
            "OWN_KEYS_ELEVENLABS_MODEL",
            "OWN_KEYS_ELEVENLABS_TRANSCRIPTION_MODEL",
            "OWN_KEYS_ELEVENLABS_VOICE",
        ] {
            assert_eq!(subjects(development([(name, "../x y")])), [name]);
        }
    }
}
