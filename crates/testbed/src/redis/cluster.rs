//! A Redis Cluster of three masters.

use std::time::Duration;

use anyhow::Result;

use super::{Redis, RedisBuilder};
use crate::wait;

const SLOTS: usize = 16_384;
const MASTERS: usize = 3;
/// The servers of a cluster know each other within this.
const SETTLED: Duration = Duration::from_mins(1);

/// Three masters that share the slots evenly, without replicas.
#[derive(Debug)]
pub struct RedisCluster {
    servers: Vec<Redis>,
}

impl RedisCluster {
    /// Starts the servers with the usual settings; see [`of`](Self::of).
    pub fn start() -> Result<Self> {
        Self::of(&Redis::builder())
    }

    /// Starts the servers, each as described; returns when each of them says that the cluster is complete.
    pub fn of(described: &RedisBuilder) -> Result<Self> {
        let mut servers = Vec::with_capacity(MASTERS);
        for number in 0..MASTERS {
            let server = described
                .clone()
                .line("cluster-enabled yes")
                .line("cluster-node-timeout 2000")
                .start()?;
            assign(&server, number * SLOTS / MASTERS..(number + 1) * SLOTS / MASTERS)?;
            server.command(&["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()])?;
            servers.push(server);
        }
        let cluster = Self { servers };
        cluster.meet()?;
        Ok(cluster)
    }

    fn meet(&self) -> Result<()> {
        let ports: Vec<String> = self
            .servers
            .iter()
            .map(|server| server.port().to_string())
            .collect();
        for (server, port) in self.servers.iter().skip(1).zip(&ports) {
            server.command(&["CLUSTER", "MEET", "127.0.0.1", port])?;
        }
        for server in &self.servers {
            wait::until("a cluster was to be complete", SETTLED, || {
                let info = server.command(&["CLUSTER", "INFO"])?;
                Ok(is_complete(&info).then_some(()))
            })?;
        }
        Ok(())
    }

    /// The servers.
    pub fn servers(&self) -> &[Redis] {
        &self.servers
    }

    /// The URL of the cluster: `redis+cluster://127.0.0.1:<port>,127.0.0.1:<port>,127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        let addresses: Vec<_> = self.servers.iter().map(Redis::address).collect();
        format!("{}+cluster://{}", self.servers[0].scheme(), addresses.join(","))
    }
}

/// Gives a server its slots; one by one, for Redis 6.2 knows no ranges here.
fn assign(server: &Redis, slots: std::ops::Range<usize>) -> Result<()> {
    let slots: Vec<String> = slots.map(|slot| slot.to_string()).collect();
    let mut command = vec!["CLUSTER", "ADDSLOTS"];
    command.extend(slots.iter().map(String::as_str));
    server.command(&command)?;
    Ok(())
}

fn is_complete(info: &str) -> bool {
    let wanted = [
        "cluster_state:ok".to_owned(),
        format!("cluster_slots_ok:{SLOTS}"),
        format!("cluster_known_nodes:{MASTERS}"),
    ];
    wanted.iter().all(|line| info.lines().any(|other| other == line))
}
