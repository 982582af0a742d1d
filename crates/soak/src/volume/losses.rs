//! What is wrong with what was kept.

use anyhow::Result;
use serde::Serialize;

/// How many examples of what is wrong are told.
const EXAMPLES: usize = 5;

/// What is wrong with what was kept; all zero when nothing is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Losses {
    /// Reviews that were acknowledged and are not there.
    pub lost: usize,
    /// Reviews that are there more than once.
    pub doubled: usize,
    /// Reviews that nobody sent.
    pub phantom: usize,
    /// Words and totals that are not the sum of the log, or not what was fixed.
    pub miscounted: usize,
    /// Rows that are somebody else's.
    pub foreign: usize,
    #[serde(skip)]
    examples: Vec<String>,
}

impl Losses {
    /// Whether nothing is wrong.
    pub fn is_none(&self) -> bool {
        self.lost + self.doubled + self.phantom + self.miscounted + self.foreign == 0
    }

    /// Takes over what is wrong elsewhere.
    pub fn absorb(&mut self, other: Self) {
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.phantom += other.phantom;
        self.miscounted += other.miscounted;
        self.foreign += other.foreign;
        self.examples.extend(other.examples);
        self.examples.truncate(EXAMPLES);
    }

    /// Fails when anything is wrong, with examples.
    pub fn ensure_none(&self) -> Result<()> {
        anyhow::ensure!(self.is_none(), "{self:?}");
        Ok(())
    }

    /// Counts one more of a kind if something is wrong, and keeps the first examples.
    pub(super) fn count(
        &mut self,
        is_wrong: bool,
        which: fn(&mut Self) -> &mut usize,
        example: impl FnOnce() -> String,
    ) {
        if is_wrong {
            *which(self) += 1;
            if self.examples.len() < EXAMPLES {
                self.examples.push(example());
            }
        }
    }
}
