//! Waiting for what a server does in its own time.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Asks again and again until there is an answer; an error is final.
///
/// # Errors
///
/// What `ask` fails with, or that nothing came within the time.
pub(crate) fn until<T>(
    what: &str,
    within: Duration,
    mut ask: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + within;
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        if Instant::now() >= deadline {
            bail!("waited {within:?} in vain: {what}");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
