//! Ports of 127.0.0.1 that no other test takes.

use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, bail};

/// Below the range that the system gives to outgoing connections: were a stopped server's port in it, a client that
/// tries to come back could take the port, or even connect to itself. A Redis Cluster listens 10,000 above as well,
/// which stays below that range, too.
const FIRST: u16 = 16_000;
const COUNT: u16 = 6_000;
/// Where the bus of a Redis Cluster listens, counted from the port for clients.
const BUS: u16 = 10_000;

/// A port that belongs to this value, also while nothing listens on it, so that a server can come back to it.
#[derive(Debug)]
pub struct Port {
    number: u16,
    /// Locked as long as it is open; the system closes the file of a process that dies.
    _claim: File,
}

impl Port {
    /// Finds a port on which nobody listens and which no other process that asks here owns.
    pub fn claim() -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let folder = std::env::temp_dir().join(format!("parlance-ports-{}", nix::unistd::geteuid()));
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        // Processes begin at different places, so that they seldom try the same port.
        let start = std::process::id().wrapping_mul(37);
        for _ in 0..COUNT {
            let step = NEXT.fetch_add(1, Ordering::Relaxed);
            let offset = start.wrapping_add(step) % u32::from(COUNT);
            let number = FIRST + u16::try_from(offset)?;
            if let Some(port) = Self::try_claim(&folder, number)? {
                return Ok(port);
            }
        }
        bail!("no port of {FIRST} to {} is free", FIRST + COUNT - 1)
    }

    fn try_claim(folder: &Path, number: u16) -> Result<Option<Self>> {
        let path = folder.join(number.to_string());
        let claim = File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
        let ours = claim.try_lock().is_ok() && is_free(number) && is_free(number + BUS);
        Ok(ours.then_some(Self {
            number,
            _claim: claim,
        }))
    }

    /// The number of the port.
    pub fn number(&self) -> u16 {
        self.number
    }
}

fn is_free(number: u16) -> bool {
    TcpListener::bind(("127.0.0.1", number)).is_ok()
}
