//! Judges a run by its history and by what was read when everything had come to rest.

mod set;
mod violation;

use anyhow::Result;

pub use violation::{Kind, Violation};

use crate::history::Evidence;

/// All that was wrong with a run.
pub fn check(evidence: &Evidence) -> Result<Vec<Violation>> {
    Ok(set::check(evidence))
}
