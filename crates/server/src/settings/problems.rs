//! What is wrong with the settings: everything at once, values of secrets never.

use std::fmt;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where: the name of a setting, or a place in a file.
    pub subject: String,
    /// What is wrong there.
    pub message: String,
}

impl Problem {
    /// A problem with a setting or at a place.
    pub fn new(subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            message: message.into(),
        }
    }
}

/// Everything that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => f.write_str("there is a problem with the settings:")?,
            count => write!(f, "there are {count} problems with the settings:")?,
        }
        for Problem { subject, message } in &self.0 {
            write!(f, "\n  {subject}: {message}")?;
        }
        Ok(())
    }
}

impl Problems {
    /// Nothing, if nothing is wrong.
    pub fn into_result(self) -> Result<(), Self> {
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }
}
