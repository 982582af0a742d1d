//! A Redis, its replica, and a sentinel that watches them.

use std::time::Duration;

use anyhow::{Context, Result};

use super::{Redis, RedisBuilder};
use crate::wait;

/// Two servers find each other, or change their roles, within this.
const SETTLED: Duration = Duration::from_mins(1);

/// One master, one replica of it, and one sentinel that makes the replica the master when the master is gone.
#[derive(Debug)]
pub struct Sentinel {
    watcher: Redis,
    servers: [Redis; 2],
    name: String,
}

impl Sentinel {
    /// Starts all three with the usual settings; see [`of`](Self::of).
    pub fn start(name: &str) -> Result<Self> {
        Self::of(name, &Redis::builder())
    }

    /// Starts all three, each as described; the sentinel knows the master by this name. Returns when the replica could
    /// take over.
    pub fn of(name: &str, described: &RedisBuilder) -> Result<Self> {
        // By default a master waits five seconds for further replicas before it serves the first.
        let master = described.clone().line("repl-diskless-sync-delay 0").start()?;
        let replica = described
            .clone()
            .line(format!("replicaof 127.0.0.1 {}", master.port()))
            .start()?;
        // The replica says so sooner than its master, which then still holds back what it is to send.
        wait::until("a replica was to follow its master", SETTLED, || {
            let role = master.command(&["INFO", "replication"])?;
            Ok(role.contains("state=online").then_some(()))
        })?;
        let watcher = described
            .clone()
            .sentinel()
            .line(format!("sentinel monitor {name} 127.0.0.1 {} 1", master.port()))
            .line(format!("sentinel down-after-milliseconds {name} 500"))
            .line(format!("sentinel failover-timeout {name} 5000"))
            .start()?;
        wait::until("a sentinel was to find the replica", SETTLED, || {
            let replicas = watcher.command(&["SENTINEL", "replicas", name])?;
            let found = replicas.contains(&format!("127.0.0.1:{}", replica.port()))
                && replicas.contains("master-link-status\nok");
            Ok(found.then_some(()))
        })?;
        Ok(Self {
            watcher,
            servers: [master, replica],
            name: name.to_owned(),
        })
    }

    /// The URL of a service, by way of the sentinel: `redis+sentinel://127.0.0.1:<port>/<service>/0`.
    pub fn url(&self, service: &str) -> String {
        let watcher = &self.watcher;
        format!(
            "{}+sentinel://{}/{service}/0",
            watcher.scheme(),
            watcher.address()
        )
    }

    /// The name under which the sentinel knows the master.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The server that was the master at first, then its replica.
    pub fn servers(&self) -> &[Redis; 2] {
        &self.servers
    }

    /// The sentinel as a server, to freeze or kill it.
    pub fn sentinel(&self) -> &Redis {
        &self.watcher
    }

    /// The server that is the master now, as the sentinel sees it.
    pub fn master(&self) -> Result<&Redis> {
        let command = ["SENTINEL", "get-master-addr-by-name", &self.name];
        let address = self.watcher.command(&command)?;
        let (_, port) = address.split_once('\n').context("the sentinel knows no master")?;
        let port: u16 = port.parse()?;
        let master = self.servers.iter().find(|server| server.port() == port);
        master.context("the sentinel names a server that nobody started")
    }

    /// Kills the master and waits until the other one has its role; gives back the new master.
    ///
    /// What the master kept when this was called, the new one keeps as well.
    pub fn fail_over(&self) -> Result<&Redis> {
        let old = self.master()?;
        self.catch_up(old)?;
        old.kill()?;
        wait::until("a replica was to become the master", SETTLED, || {
            let master = self.master()?;
            let promoted = master.port() != old.port()
                && master
                    .command(&["INFO", "replication"])
                    .is_ok_and(|role| role.contains("role:master"));
            Ok(promoted.then_some(master))
        })
    }

    /// Waits until everything that the master has now is with the replica.
    fn catch_up(&self, master: &Redis) -> Result<()> {
        let written = offset(master, "master_repl_offset:")?;
        for replica in self
            .servers
            .iter()
            .filter(|server| server.port() != master.port())
        {
            wait::until("a replica was to catch up", SETTLED, || {
                Ok((offset(replica, "slave_repl_offset:")? >= written).then_some(()))
            })?;
        }
        Ok(())
    }
}

/// How much of the stream of changes a server has written or read, in bytes.
fn offset(server: &Redis, field: &str) -> Result<u64> {
    let info = server.command(&["INFO", "replication"])?;
    let offset = info.lines().find_map(|line| line.strip_prefix(field));
    Ok(offset
        .context("a server tells nothing of its replication")?
        .parse()?)
}
