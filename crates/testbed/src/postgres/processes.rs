//! The processes that a postmaster started.

use std::process::Command;

use anyhow::{Context, Result, bail};
use nix::unistd::Pid;

/// The children of a process.
pub(super) fn children(parent: Pid) -> Result<Vec<Pid>> {
    let listed = all()?;
    let children = listed.iter().filter(|process| process.parent == parent.as_raw());
    Ok(children.map(|process| Pid::from_raw(process.id)).collect())
}

/// Whether a process runs; one that has ended and that nobody has asked about does not.
pub(super) fn is_running(id: Pid) -> bool {
    let listed = all().unwrap_or_default();
    listed
        .iter()
        .any(|process| process.id == id.as_raw() && process.state != 'Z')
}

struct Process {
    id: i32,
    parent: i32,
    state: char,
}

fn all() -> Result<Vec<Process>> {
    if std::path::Path::new("/proc/self/stat").exists() {
        let entries = std::fs::read_dir("/proc").context("cannot read /proc")?.flatten();
        return Ok(entries
            .filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok())
            .filter_map(|stat| from_stat(&stat))
            .collect());
    }
    let output = Command::new("ps")
        .args(["-A", "-o", "pid=,ppid=,state="])
        .output()
        .context("cannot run ps")?;
    if !output.status.success() {
        bail!("ps failed ({})", output.status);
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().filter_map(from_ps).collect())
}

/// Reads `12 (name) S 1 …`; the name may hold anything.
fn from_stat(stat: &str) -> Option<Process> {
    let (id, rest) = stat.split_once(' ')?;
    let (_, rest) = rest.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    Some(Process {
        id: id.parse().ok()?,
        state: fields.next()?.chars().next()?,
        parent: fields.next()?.parse().ok()?,
    })
}

fn from_ps(line: &str) -> Option<Process> {
    let mut fields = line.split_whitespace();
    Some(Process {
        id: fields.next()?.parse().ok()?,
        parent: fields.next()?.parse().ok()?,
        state: fields.next()?.chars().next()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_a_curious_name_is_read() {
        let process = from_stat("12 (a) b (c) S 1 12 12 0 -1").unwrap();
        assert_eq!((process.id, process.parent, process.state), (12, 1, 'S'));
        let process = from_ps("   12     1 Ss").unwrap();
        assert_eq!((process.id, process.parent, process.state), (12, 1, 'S'));
    }

    #[test]
    fn a_child_is_found_until_it_ends() {
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        let id = Pid::from_raw(i32::try_from(child.id()).unwrap());
        assert!(children(nix::unistd::getpid()).unwrap().contains(&id));
        assert!(is_running(id));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!is_running(id));
    }
}
