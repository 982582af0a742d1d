//! The place that a URL names: a directory, or a bucket and a prefix in it.

use std::path::PathBuf;

use object_store::path::Path;
use url::Url;

use crate::config::ObjectsConfigError;

/// Where objects are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// In this directory.
    Directory(PathBuf),
    /// In a bucket, reached by the protocol of S3.
    Amazon(Bucket),
    /// In a bucket of Google's.
    Google(Bucket),
}

/// A part of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bucket {
    pub(crate) name: String,
    /// What all names begin with.
    pub(crate) prefix: Path,
}

impl std::str::FromStr for Place {
    type Err = ObjectsConfigError;

    fn from_str(text: &str) -> Result<Self, ObjectsConfigError> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return directory(text.into());
        };
        match scheme {
            "file" => file(text),
            "s3" => bucket(text, rest).map(Self::Amazon),
            "gs" => bucket(text, rest).map(Self::Google),
            _ => Err(ObjectsConfigError::Scheme),
        }
    }
}

fn file(text: &str) -> Result<Place, ObjectsConfigError> {
    let url = plain(text)?;
    directory(url.to_file_path().map_err(|()| ObjectsConfigError::Malformed)?)
}

fn directory(path: PathBuf) -> Result<Place, ObjectsConfigError> {
    if path.as_os_str().is_empty() {
        return Err(ObjectsConfigError::Malformed);
    }
    Ok(Place::Directory(path))
}

fn bucket(text: &str, rest: &str) -> Result<Bucket, ObjectsConfigError> {
    let url = plain(text)?;
    // Parsing the URL leaves out what leads upwards; a prefix is refused rather than guessed.
    let (_, written) = rest.split_once('/').unwrap_or((rest, ""));
    let prefix = Path::from_url_path(written).map_err(|_| ObjectsConfigError::Prefix)?;
    let name = url.host_str().filter(|name| is_bucket(name));
    Ok(Bucket {
        name: name.ok_or(ObjectsConfigError::Malformed)?.to_owned(),
        prefix,
    })
}

/// A URL without a login, a port, parameters or a fragment.
fn plain(text: &str) -> Result<Url, ObjectsConfigError> {
    let url = Url::parse(text).map_err(|_| ObjectsConfigError::Malformed)?;
    let has_login = !url.username().is_empty() || url.password().is_some();
    if has_login || url.port().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(ObjectsConfigError::Parts);
    }
    Ok(url)
}

/// Whether a name is made of what names of buckets are made of, at Amazon's and Google's.
fn is_bucket(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=222).contains(&name.len()) && name.bytes().all(is_part) && !name.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Result<Place, String> {
        text.parse::<Place>().map_err(|error| error.to_string())
    }

    fn in_bucket(name: &str, prefix: &str) -> Bucket {
        Bucket {
            name: name.to_owned(),
            prefix: prefix.into(),
        }
    }

    #[test]
    fn a_directory_is_named_by_its_path_or_a_url() {
        for (text, path) in [
            ("file:///srv/audio%20files", "/srv/audio files"),
            ("/srv/audio", "/srv/audio"),
            ("./data/objects", "./data/objects"),
        ] {
            assert_eq!(place(text), Ok(Place::Directory(path.into())), "{text}");
        }
    }

    #[test]
    fn a_bucket_may_have_a_prefix() {
        assert_eq!(place("s3://sounds"), Ok(Place::Amazon(in_bucket("sounds", ""))));
        assert_eq!(place("s3://sounds/"), Ok(Place::Amazon(in_bucket("sounds", ""))));
        let deep = in_bucket("my.sounds-1", "a/b c");
        assert_eq!(place("gs://my.sounds-1/a/b%20c/"), Ok(Place::Google(deep)));
    }

    #[test]
    fn threat_39_no_prefix_leads_elsewhere() {
        for bad in [
            "s3://sounds/..",
            "s3://sounds/a/../../other",
            "gs://sounds/%2e%2e/other",
            "s3://sounds/a//b",
            "s3://sounds/a%0ab",
        ] {
            assert!(place(bad).is_err_and(|error| error.contains("prefix")), "{bad}");
        }
    }

    #[test]
    fn what_names_no_place_is_refused() {
        for bad in [
            "",
            "http://sounds",
            "azure://sounds",
            "s3://",
            "s3:///a",
            "s3://../a",
            "s3://so unds",
            "file://elsewhere/a",
        ] {
            assert!(place(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn threat_73_a_login_in_a_url_is_refused_and_not_repeated() {
        for bad in [
            "s3://key:hunter2@sounds",
            "s3://sounds?secret=hunter2",
            "gs://sounds/a#hunter2",
        ] {
            let error = place(bad).unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
