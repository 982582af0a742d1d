//! What a process takes of the machine, as the system tells it.

use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

/// The unit of processor time in `/proc`; on Linux it is the same on every processor.
const TICKS_PER_SECOND: u64 = 100;

/// What a process takes of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// Processor time so far, of user and system, in milliseconds.
    pub cpu_ms: u64,
    /// Resident memory, in kibibytes.
    pub resident_kib: u64,
    /// Open file descriptors.
    pub descriptors: usize,
    /// Threads.
    pub threads: u64,
}

impl Usage {
    /// Reads what a process takes at present.
    ///
    /// # Errors
    ///
    /// When the process is gone, or the system has no `/proc`.
    pub fn of(process: u32) -> Result<Self> {
        let read = |file: &str| {
            let path = format!("/proc/{process}/{file}");
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))
        };
        let status = read("status")?;
        let descriptors = std::fs::read_dir(format!("/proc/{process}/fd"))
            .context("cannot read the open files of a process")?
            .count();
        Ok(Self {
            cpu_ms: cpu_ticks(&read("stat")?).context("no processor time")? * 1000 / TICKS_PER_SECOND,
            resident_kib: field(&status, "VmRSS:").context("no VmRSS")?,
            descriptors,
            threads: field(&status, "Threads:").context("no Threads")?,
        })
    }

    /// Processor time since an earlier look.
    pub fn cpu_since(&self, earlier: &Self) -> Duration {
        Duration::from_millis(self.cpu_ms.saturating_sub(earlier.cpu_ms))
    }
}

/// Reads `12 (name) S 1 …`; the name may hold anything.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(") ")?;
    // The state is field 3 of the whole; user and system time are fields 14 and 15.
    let mut fields = rest.split(' ').skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_behind_a_curious_name() {
        let stat = "12 (a) b (c) S 1 12 12 0 -1 4194304 1 2 3 4 70 30 0 0 20 0";
        assert_eq!(cpu_ticks(stat), Some(100));
        assert_eq!(field("Name:\ta\nVmRSS:\t  512 kB\n", "VmRSS:"), Some(512));
    }

    #[test]
    fn a_process_knows_itself() {
        let usage = Usage::of(std::process::id()).unwrap();
        assert!(usage.resident_kib > 0 && usage.descriptors > 0 && usage.threads > 0);
        assert!(Usage::of(u32::MAX).is_err());
    }
}
