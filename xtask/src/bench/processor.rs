//! How much of the processor the server and PostgreSQL have used, as `/proc` tells.

use anyhow::{Context, Result};

/// Microseconds in a tick of `/proc`: a hundred in a second on every Linux.
const TICK_MICROS: f64 = 10_000.0;

/// Looks at both.
pub(super) struct Processor {
    server: u32,
    postmaster: Option<i32>,
}

/// Microseconds of a core.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spent {
    /// By the server.
    pub(super) server: f64,
    /// By all processes of PostgreSQL.
    pub(super) database: f64,
}

impl Spent {
    /// What was spent between two looks.
    pub(super) fn since(self, before: Self) -> Self {
        Self {
            server: self.server - before.server,
            database: self.database - before.database,
        }
    }
}

/// The numbers in `/proc/…/stat` behind the name of the program.
struct Stat(Vec<String>);

impl Stat {
    fn read(process: &str) -> Option<Self> {
        let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // The name is in parentheses and may hold anything.
        let behind = text.rsplit_once(')')?.1;
        Some(Self(behind.split_whitespace().map(str::to_owned).collect()))
    }

    /// The field of this number, counted as in proc(5).
    fn field(&self, number: usize) -> f64 {
        self.0
            .get(number - 3)
            .and_then(|text| text.parse().ok())
            .unwrap_or(0.0)
    }

    fn parent(&self) -> Option<i32> {
        self.0.get(1)?.parse().ok()
    }

    fn own(&self) -> f64 {
        self.field(14) + self.field(15)
    }

    fn of_ended_children(&self) -> f64 {
        self.field(16) + self.field(17)
    }
}

impl Processor {
    /// Of the server of this process id.
    pub(super) fn of_server(server: u32) -> Self {
        Self {
            server,
            postmaster: None,
        }
    }

    /// Of the server and the postmaster of these process ids.
    pub(super) fn of_both(server: u32, postmaster: i32) -> Self {
        Self {
            server,
            postmaster: Some(postmaster),
        }
    }

    /// What they have spent since they began.
    pub(super) fn read(&self) -> Result<Spent> {
        let server = Stat::read(&self.server.to_string()).context("the server is gone")?;
        let database = self.postmaster.map_or(Ok(0.0), database_ticks)?;
        Ok(Spent {
            server: server.own() * TICK_MICROS,
            database: database * TICK_MICROS,
        })
    }
}

/// What all processes of a PostgreSQL have spent.
fn database_ticks(postmaster: i32) -> Result<f64> {
    let stat = Stat::read(&postmaster.to_string()).context("PostgreSQL is gone")?;
    let mut ticks = stat.own() + stat.of_ended_children();
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let name = entry.file_name();
        let Some(stat) = name.to_str().and_then(Stat::read) else {
            continue;
        };
        if stat.parent() == Some(postmaster) {
            ticks += stat.own();
        }
    }
    Ok(ticks)
}
