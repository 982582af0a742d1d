//! Where audio is kept: a directory, or a bucket of an object store.

use std::path::Path;

use secrecy::SecretString;
use url::Url;

use super::providers::parse_key;
use super::reader::Reader;

/// Where audio is kept, and how that is reached.
#[derive(Debug, Clone)]
pub struct ObjectSettings {
    /// The path of a directory, or the URL of a bucket and a prefix in it.
    pub url: String,
    /// Where the store is, if not where its provider has it.
    pub endpoint: Option<String>,
    /// The region of the bucket.
    pub region: Option<String>,
    /// Who we are, and the proof of it.
    pub access_key: Option<(SecretString, SecretString)>,
    /// Where clients fetch audio themselves.
    pub public_url: Option<String>,
    /// Whether the store may be reached without TLS.
    pub allow_http: bool,
}

impl ObjectSettings {
    /// Whether it is a directory of this machine.
    pub fn in_directory(&self) -> bool {
        !self.url.contains("://")
    }
}

/// The place of `OBJECT_STORE`, else a directory in the data directory.
pub(super) fn objects(reader: &mut Reader<'_>, data_dir: &Path) -> ObjectSettings {
    let allow_http = reader.flag("OBJECT_STORE_ALLOW_HTTP");
    let endpoint = reader.read("OBJECT_STORE_ENDPOINT", parse_url);
    if endpoint.as_ref().is_some_and(|url| url.starts_with("http:")) && !allow_http {
        reader.refuse(
            "OBJECT_STORE_ENDPOINT",
            "must be https://, unless OBJECT_STORE_ALLOW_HTTP is true",
        );
    }
    let url = reader.read("OBJECT_STORE", parse_place);
    ObjectSettings {
        url: url.unwrap_or_else(|| data_dir.join("objects").to_string_lossy().into_owned()),
        endpoint,
        region: reader.text("OBJECT_STORE_REGION"),
        access_key: access_key(reader),
        public_url: reader.read("OBJECT_STORE_PUBLIC_URL", parse_url),
        allow_http,
    }
}

fn access_key(reader: &mut Reader<'_>) -> Option<(SecretString, SecretString)> {
    let id = reader.read("OBJECT_STORE_ACCESS_KEY_ID", parse_key);
    let secret = reader.read("OBJECT_STORE_SECRET_ACCESS_KEY", parse_key);
    let missing = match (&id, &secret) {
        (Some(_), None) => Some("OBJECT_STORE_SECRET_ACCESS_KEY"),
        (None, Some(_)) => Some("OBJECT_STORE_ACCESS_KEY_ID"),
        _ => None,
    };
    if let Some(missing) = missing {
        reader.refuse(missing, "must be set where the other half of the key is");
    }
    id.zip(secret)
}

fn parse_place(text: &str) -> Result<String, String> {
    let is_place = match text.split_once("://") {
        None => true,
        Some(("s3" | "gs", rest)) => {
            let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            is_bucket(bucket) && is_prefix(prefix)
        }
        Some(_) => false,
    };
    is_place.then(|| text.to_owned()).ok_or_else(|| {
        "must be s3:// or gs:// and the name of a bucket, perhaps with a prefix behind it, or the path of a directory"
            .to_owned()
    })
}

fn is_bucket(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._".contains(&byte);
    (3..=222).contains(&text.len()) && text.bytes().all(is_plain) && !text.contains("..")
}

fn is_prefix(text: &str) -> bool {
    let text = text.trim_end_matches('/');
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let is_part = |part: &str| !part.is_empty() && part != "." && part != ".." && part.bytes().all(is_plain);
    text.is_empty() || text.split('/').all(is_part)
}

fn parse_url(text: &str) -> Result<String, String> {
    let wrong = || "must be https:// or http:// and a host, without login, query or fragment".to_owned();
    let url = Url::parse(text).map_err(|_| wrong())?;
    let is_plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    let is_web = matches!(url.scheme(), "https" | "http") && url.has_host();
    (is_plain && is_web).then(|| text.to_owned()).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use crate::settings::tests::{development, production, subjects};

    #[test]
    fn audio_is_kept_in_the_data_directory_unless_another_place_is_named() {
        for (set, url, in_directory) in [
            ("", "./data/objects", true),
            ("/srv/audio", "/srv/audio", true),
            ("s3://audio", "s3://audio", false),
            ("gs://audio.example/a/b/", "gs://audio.example/a/b/", false),
        ] {
            let objects = development([("OBJECT_STORE", set)]).unwrap().objects;
            assert_eq!(
                (objects.url.as_str(), objects.in_directory()),
                (url, in_directory)
            );
        }
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for bad in [
            "s3://",
            "s3://a",
            "s3://Audio",
            "s3://audio/../b",
            "s3://audio/a//b",
            "s3://key:secret@audio",
            "az://audio",
            "https://audio.example.com",
            "file:///srv/audio",
        ] {
            assert_eq!(
                subjects(development([("OBJECT_STORE", bad)])),
                ["OBJECT_STORE"],
                "{bad}"
            );
        }
    }

    #[test]
    fn half_a_key_and_a_store_without_tls_are_refused() {
        for (set, missing) in [
            ("OBJECT_STORE_ACCESS_KEY_ID", "OBJECT_STORE_SECRET_ACCESS_KEY"),
            ("OBJECT_STORE_SECRET_ACCESS_KEY", "OBJECT_STORE_ACCESS_KEY_ID"),
        ] {
            assert_eq!(subjects(development([(set, "hunter2")])), [missing]);
        }
        let endpoint = ("OBJECT_STORE_ENDPOINT", "http://minio:9000");
        assert_eq!(subjects(development([endpoint])), ["OBJECT_STORE_ENDPOINT"]);
        assert!(development([endpoint, ("OBJECT_STORE_ALLOW_HTTP", "true")]).is_ok());
        for name in ["OBJECT_STORE_ENDPOINT", "OBJECT_STORE_PUBLIC_URL"] {
            for bad in [
                "minio:9000",
                "https://user:hunter2@minio",
                "https://minio/?x=hunter2",
            ] {
                let problems = development([(name, bad)]).err().unwrap();
                assert_eq!(problems.0[0].subject, name, "{bad}");
                assert!(!problems.to_string().contains("hunter2"), "{problems}");
            }
        }
    }

    #[test]
    fn copies_that_keep_audio_apart_are_warned_about() {
        let warned = |pairs: [(&str, &str); 3]| !production(pairs).unwrap().warnings.is_empty();
        let database = ("DATABASE_URL", "postgres://db/parlance");
        let speech = ("SPEECH_PROVIDER", "offline");
        assert!(warned([database, speech, ("OBJECT_STORE", "/srv/audio")]));
        assert!(!warned([database, speech, ("OBJECT_STORE", "s3://audio")]));
        assert!(!warned([
            database,
            ("SPEECH_PROVIDER", "none"),
            ("OBJECT_STORE", "")
        ]));
    }
}
