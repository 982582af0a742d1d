//! What can be called, and how it is described.

use super::record::GoogleRequest;
use super::schema::{Direction, Discovery, GENERATIVE_LANGUAGE, SPEECH, TEXT_TO_SPEECH, Violations};
use super::script::GoogleService;

/// A call: what it is for, and of which model, if it is for one.
pub(super) struct Call {
    pub(super) service: GoogleService,
    pub(super) model: String,
    pub(super) is_streamed: bool,
}

impl Call {
    /// The call of a request, if it is for one.
    pub(super) fn of(method: &str, path: &str) -> Option<Self> {
        let (service, model, is_streamed) = match (method, path) {
            ("POST", "/v1/text:synthesize") => (GoogleService::Synthesis, "", false),
            ("GET", "/v1/voices") => (GoogleService::Voices, "", false),
            ("POST", "/v1/speech:recognize") => (GoogleService::Recognition, "", false),
            ("POST", "/token") => (GoogleService::Tokens, "", false),
            ("POST", path) => {
                let (model, verb) = path.strip_prefix("/v1beta/models/")?.split_once(':')?;
                let is_streamed = match verb {
                    "generateContent" => false,
                    "streamGenerateContent" => true,
                    _ => return None,
                };
                (GoogleService::Writing, model, is_streamed)
            }
            _ => return None,
        };
        Some(Self {
            service,
            model: model.to_owned(),
            is_streamed,
        })
    }

    /// Where the messages of the service are described: the document, the request, the answer.
    pub(super) fn described(&self) -> Option<(&'static Discovery, Option<&'static str>, &'static str)> {
        Some(match self.service {
            GoogleService::Synthesis => (
                &TEXT_TO_SPEECH,
                Some("SynthesizeSpeechRequest"),
                "SynthesizeSpeechResponse",
            ),
            GoogleService::Voices => (&TEXT_TO_SPEECH, None, "ListVoicesResponse"),
            GoogleService::Recognition => (&SPEECH, Some("RecognizeRequest"), "RecognizeResponse"),
            GoogleService::Writing => (
                &GENERATIVE_LANGUAGE,
                Some("GenerateContentRequest"),
                "GenerateContentResponse",
            ),
            GoogleService::Tokens => return None,
        })
    }

    /// What of a request is not as the documents have it.
    pub(super) fn violations(&self, request: &GoogleRequest) -> Violations {
        let mut violations = match self.described() {
            Some((document, Some(name), _)) => document.check(name, &request.body, Direction::Request),
            _ => Vec::new(),
        };
        for (name, value) in url::form_urlencoded::parse(request.query.as_bytes()) {
            let is_known = match self.service {
                GoogleService::Voices => name == "languageCode",
                GoogleService::Writing => self.is_streamed && name == "alt" && value == "sse",
                _ => false,
            };
            if !is_known {
                violations.push(format!("{} has {name} in its query", request.path));
            }
        }
        let expected = match self.service {
            GoogleService::Voices => None,
            GoogleService::Tokens => Some("application/x-www-form-urlencoded"),
            _ => Some("application/json"),
        };
        if request.header("content-type") != expected {
            violations.push(format!(
                "{} has another content type than {expected:?}",
                request.path
            ));
        }
        violations
    }
}
