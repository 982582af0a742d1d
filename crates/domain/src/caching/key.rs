//! The key of a request: SHA-256 over a canonical encoding of all that its answer follows from.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// What every encoding begins with; another version of the encoding has other keys.
const PREAMBLE: &[u8] = b"parlance-cache-v1\0";

/// The key of a request: the name of its service, a colon, and base64url of a digest.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CacheKey(String);

impl CacheKey {
    /// A key that was kept in a cache itself.
    pub(crate) fn kept(written: &[u8]) -> Option<Self> {
        std::str::from_utf8(written).ok().map(|key| Self(key.to_owned()))
    }

    /// The key as a cache takes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digest alone, 43 characters out of `A-Za-z0-9_-`.
    pub fn digest(&self) -> &str {
        self.0.rsplit(':').next().unwrap_or_default()
    }
}

impl fmt::Display for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Puts a key together out of named fields.
///
/// The encoding: the preamble, then for the service's name and for each field its name and its value, each as its
/// length in bytes (32 bits, big-endian) and its bytes. No two lists of fields have the same encoding.
#[derive(Clone)]
pub struct KeyBuilder {
    service: &'static str,
    digest: Sha256,
}

impl KeyBuilder {
    /// A key of this service, without fields so far.
    pub fn new(service: &'static str) -> Self {
        let digest = Sha256::new_with_prefix(PREAMBLE);
        let mut key = Self { service, digest };
        key.write(service);
        key
    }

    /// The same with one more field.
    #[must_use]
    pub fn field(mut self, name: &'static str, value: &str) -> Self {
        self.write(name);
        self.write(value);
        self
    }

    /// The key.
    pub fn finish(self) -> CacheKey {
        let digest = URL_SAFE_NO_PAD.encode(self.digest.finalize());
        CacheKey(format!("{}:{digest}", self.service))
    }

    fn write(&mut self, text: &str) {
        // Longer texts are refused long before.
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        self.digest.update(length.to_be_bytes());
        self.digest.update(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(fields: &[(&'static str, &str)]) -> CacheKey {
        let builder = fields.iter().fold(KeyBuilder::new("tts"), |key, (name, value)| {
            key.field(name, value)
        });
        builder.finish()
    }

    #[test]
    fn a_key_is_what_the_specification_says() {
        let key = key(&[("text", "你好"), ("rate", "1.00")]);
        assert_eq!(key.as_str(), format!("tts:{}", key.digest()));
        let mut encoded = b"parlance-cache-v1\0\0\0\0\x03tts\0\0\0\x04text\0\0\0\x06".to_vec();
        encoded.extend("你好".bytes());
        encoded.extend(b"\0\0\0\x04rate\0\0\0\x041.00");
        assert_eq!(key.digest(), URL_SAFE_NO_PAD.encode(Sha256::digest(&encoded)));
    }

    /// The examples of `docs/specification/caching.md`.
    #[test]
    fn the_examples_of_the_specification_are_right() {
        let speech = key(&[
            ("provider", "google"),
            ("text", "你好"),
            ("language", "cmn-CN"),
            ("voice", ""),
            ("rate", "1.00"),
        ]);
        assert_eq!(speech.as_str(), "tts:1GScHxnOr1AFudzRZWghOoFVc8GaChfirt8rtpOUu08");
        let conversation = KeyBuilder::new("conversation")
            .field("provider", "gemini")
            .field("version", "v1")
            .field("wordId", "zh-00003")
            .field("word", "学习");
        assert_eq!(
            conversation.finish().as_str(),
            "conversation:sCtmpsvYTZDZ47cK0MGO6qGCTbcxaFtBS2t8uzaNVMQ"
        );
    }

    #[test]
    fn threat_54_fields_do_not_run_into_each_other() {
        let one = key(&[("voice", "a|b"), ("text", "c")]);
        let other = key(&[("voice", "a"), ("text", "b|c")]);
        assert_ne!(one, other);
        assert_ne!(key(&[("a", "")]), key(&[]));
        assert_ne!(
            KeyBuilder::new("tts").finish().digest(),
            KeyBuilder::new("stt").finish().digest()
        );
    }

    proptest! {
        #[test]
        fn threat_54_different_values_have_different_keys(
            one in ".{0,20}", two in ".{0,20}", three in ".{0,20}", four in ".{0,20}"
        ) {
            let same = (&one, &two) == (&three, &four);
            let first = key(&[("a", &one), ("b", &two)]);
            prop_assert_eq!(first == key(&[("a", &three), ("b", &four)]), same);
        }
    }
}
