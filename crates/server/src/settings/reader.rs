//! Reads typed values, noting every problem and going on.

use std::ops::RangeInclusive;
use std::str::FromStr;

use parlance_http::state::Environment;

use super::table::{InProduction, by_name};
use super::{Problem, Problems, Values};

/// Reads values one by one; what cannot be read is noted and replaced by something harmless.
pub(super) struct Reader<'a> {
    values: &'a Values,
    environment: Environment,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    /// A reader of these values; which environment they are for is read first.
    pub(super) fn new(values: &'a Values) -> Self {
        let mut reader = Self {
            values,
            environment: Environment::Development,
            problems: Vec::new(),
        };
        reader.environment = reader.choice(
            "APP_ENV",
            &[
                ("development", Environment::Development),
                ("production", Environment::Production),
            ],
        );
        reader
    }

    /// Which environment the values are for.
    pub(super) const fn environment(&self) -> Environment {
        self.environment
    }

    /// Whether they are for production.
    pub(super) const fn is_production(&self) -> bool {
        matches!(self.environment, Environment::Production)
    }

    /// Notes a problem.
    pub(super) fn refuse(&mut self, name: &str, message: impl Into<String>) {
        self.problems.push(Problem::new(name, message));
    }

    /// Everything that was wrong so far.
    pub(super) fn into_problems(self) -> Problems {
        Problems(self.problems)
    }

    /// The value as it was set, else its default; noted when production wants one and there is none.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        if let Some(value) = self.values.get(name) {
            return Some(value.to_owned());
        }
        let key = by_name(name)?;
        let default = match key.production {
            InProduction::Default(default) if self.is_production() => default,
            InProduction::Required if self.is_production() => {
                self.refuse(name, "must be set in production");
                return None;
            }
            InProduction::RequiredWhere(_) if self.is_production() => return None,
            _ => key.default,
        };
        (!default.is_empty()).then(|| default.to_owned())
    }

    /// A value read by a function that says what is wrong with it.
    pub(super) fn read<T>(&mut self, name: &str, read: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let text = self.text(name)?;
        match read(&text) {
            Ok(value) => Some(value),
            Err(message) => {
                self.refuse(name, message);
                None
            }
        }
    }

    /// A whole number within a range.
    pub(super) fn number<T>(&mut self, name: &str, range: RangeInclusive<T>) -> T
    where
        T: FromStr + PartialOrd + Copy + std::fmt::Display,
    {
        let (low, high) = (*range.start(), *range.end());
        self.read(name, |text| match text.parse() {
            Ok(number) if range.contains(&number) => Ok(number),
            _ => Err(format!("must be a whole number from {low} to {high}")),
        })
        .unwrap_or(low)
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, name: &str) -> bool {
        self.choice(name, &[("true", true), ("false", false)])
    }

    /// One of some names.
    pub(super) fn choice<T: Copy>(&mut self, name: &str, choices: &[(&str, T)]) -> T {
        let found = self.read(name, |text| {
            let found = choices.iter().find(|(choice, _)| *choice == text);
            found.map(|(_, value)| *value).ok_or_else(|| {
                let names: Vec<&str> = choices.iter().map(|(choice, _)| *choice).collect();
                format!("must be one of {}", names.join(", "))
            })
        });
        found.unwrap_or(choices[0].1)
    }

    /// Several values separated by commas, each bad one noted.
    pub(super) fn list<T>(&mut self, name: &str, read: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        let text = self.text(name).unwrap_or_default();
        let mut values = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            match read(part) {
                Ok(value) => values.push(value),
                Err(message) => self.refuse(name, message),
            }
        }
        values
    }
}
