//! Judges a run by its history and by what was read when everything had come to rest.

mod clock;
mod counters;
mod cursor;
mod feed;
mod isolation;
mod merge;
mod revisions;
mod sessions;
mod set;
mod tombstone;
mod unique;
mod violation;
mod words;
mod writes;

use anyhow::Result;

pub use violation::{Kind, Violation};

use self::writes::Writes;
use crate::history::Evidence;

/// All that was wrong with a run.
///
/// Fails only when the oracle cannot be asked.
pub fn check(evidence: &Evidence) -> Result<Vec<Violation>> {
    let mut found = check_history(evidence);
    found.extend(merge::check_folds(evidence)?);
    Ok(found)
}

/// What can be said without the oracle: all but whether states are what their logs give.
pub fn check_history(evidence: &Evidence) -> Vec<Violation> {
    let writes = Writes::of(evidence);
    [
        set::check(evidence),
        merge::check_reads(evidence),
        cursor::check(evidence, &writes),
        feed::check(evidence),
        revisions::check(evidence),
        words::check(evidence, &writes),
        sessions::check(evidence),
        counters::check(evidence),
        isolation::check(evidence),
        tombstone::check(evidence),
        unique::check(evidence),
    ]
    .concat()
}
