//! Collects the values of settings: the environment over `.env`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::Path;

use super::table::{KEYS, NOT_YET, by_name};
use super::{Problem, Problems, dotenv};

/// Values by the name of their setting; shown by no `Debug`.
#[derive(Clone, Default)]
pub struct Values {
    values: BTreeMap<String, String>,
    warnings: Vec<String>,
}

impl Values {
    /// Collects from the process's environment and a `.env` file.
    ///
    /// A file that was named must exist; the `.env` of the working directory need not.
    pub fn collect(env_file: Option<&Path>) -> Result<Self, Problems> {
        let path = env_file.unwrap_or(Path::new(".env"));
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound && env_file.is_none() => String::new(),
            Err(error) => {
                let subject = path.display().to_string();
                return Err(Problems(vec![Problem::new(
                    subject,
                    format!("cannot be read: {error}"),
                )]));
            }
        };
        Self::merge(&text, |name| std::env::var_os(name))
    }

    /// Merges the text of a `.env` file and an environment, of which only known names are looked at.
    pub fn merge(env_file: &str, environment: impl Fn(&str) -> Option<OsString>) -> Result<Self, Problems> {
        let mut merged = Self::default();
        let (entries, mut problems) = dotenv::parse(env_file);
        for entry in entries {
            if by_name(&entry.name).is_some() {
                merged.set(&entry.name, entry.value);
            } else {
                let message = if NOT_YET.contains(&entry.name.as_str()) {
                    format!("{} is not supported by this version yet", entry.name)
                } else {
                    format!("{} is not a setting of Parlance", entry.name)
                };
                problems.push(Problem::new(format!(".env line {}", entry.line), message));
            }
        }
        for key in KEYS {
            match environment(key.name).map(OsString::into_string) {
                Some(Ok(value)) => merged.set(key.name, value),
                Some(Err(_)) => problems.push(Problem::new(key.name, "is not valid UTF-8")),
                None => {}
            }
        }
        for name in NOT_YET {
            if environment(name).is_some_and(|value| !value.is_empty()) {
                merged.warnings.push(format!(
                    "{name} is set in the environment, but this version does not use it yet"
                ));
            }
        }
        Problems(problems).into_result()?;
        Ok(merged)
    }

    /// Sets a value; an empty one counts as not set.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        if value.is_empty() {
            self.values.remove(name);
        } else {
            self.values.insert(name.to_owned(), value);
        }
    }

    /// The value that was set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// What an operator should know though nothing is wrong.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Values {
    fn from(pairs: [(&str, &str); N]) -> Self {
        let mut values = Self::default();
        for (name, value) in pairs {
            values.set(name, value);
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<OsString> {
        move |name| {
            let found = pairs.iter().find(|(other, _)| *other == name);
            found.map(|(_, value)| OsString::from(value))
        }
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let values = Values::merge("PORT=1\nHOST=::1", environment(&[("PORT", "2")]))
            .ok()
            .unwrap();
        assert_eq!((values.get("PORT"), values.get("HOST")), (Some("2"), Some("::1")));
    }

    #[test]
    fn an_empty_value_counts_as_not_set() {
        let values = Values::merge("PORT=1", environment(&[("PORT", "")]))
            .ok()
            .unwrap();
        assert_eq!(values.get("PORT"), None);
    }

    #[test]
    fn unknown_names_are_refused_in_the_file_and_ignored_in_the_environment() {
        let problems = Values::merge(
            "PROT=1\nOTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317\n",
            environment(&[("FOO", "1")]),
        )
        .err()
        .unwrap();
        assert_eq!(problems.0.len(), 2);
        assert!(problems.to_string().contains("PROT is not a setting"));
        assert!(
            problems
                .to_string()
                .contains("OTEL_EXPORTER_OTLP_ENDPOINT is not supported by this version yet")
        );
        assert!(Values::merge("", environment(&[("FOO", "1")])).is_ok());
    }

    #[test]
    fn a_setting_of_a_later_version_in_the_environment_is_warned_about() {
        let values = Values::merge(
            "",
            environment(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317")]),
        )
        .ok()
        .unwrap();
        assert_eq!(values.warnings().len(), 1);
    }
}
