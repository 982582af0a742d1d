//! A cluster under a steady load, watched, before, during and after something goes wrong.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{Extent, Load, Mix, Plan, Summary, Tally, Vitals};
use crate::cluster::{Cluster, Setup, Usage};
use crate::report::Figures;

/// Everything is as it was within this after the end of a fault.
const BACK_TO_BASE: Duration = Duration::from_mins(1);
/// So many connections a copy may have that it had not when it was looked at: its pools, each of which has a bound, have
/// filled, and clients that were told to wait keep the connections that they opened meanwhile.
const POOLED: usize = 32;
/// How long the copies may take to say of themselves that all is well, as seen by whoever asks now and then.
const LOOKS: Duration = Duration::from_millis(500);

/// A cluster under load.
pub(super) struct Scene {
    pub(super) plan: Plan,
    pub(super) cluster: Cluster,
    pub(super) load: Load,
    pub(super) vitals: Vitals,
    base: Vec<Usage>,
    processes: Vec<u32>,
}

/// A moment, by both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub(super) at: Instant,
    pub(super) load: Duration,
}

/// What must hold once the fault is over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recovery {
    /// All copies are well within this.
    pub(super) within: Duration,
    /// The processes are the same as before.
    pub(super) same_processes: bool,
}

/// What came of it.
pub(super) struct Act {
    pub(super) summary: Summary,
    /// From the fault until all copies were well again.
    pub(super) during: Tally,
    pub(super) figures: Figures,
}

impl Mark {
    /// From then until now, by the clock of the watch.
    pub(super) fn until_now(self) -> (Instant, Instant) {
        (self.at, Instant::now())
    }
}

impl Recovery {
    /// Within this, without a start of ours.
    pub(super) const fn within(within: Duration) -> Self {
        Self {
            within,
            same_processes: true,
        }
    }
}

impl Scene {
    /// Starts a cluster and a load, and lets it go on for a while.
    pub(super) async fn set(plan: &Plan, setup: Setup, mix: Mix) -> Result<Self> {
        let cluster = setup.start().await?;
        let load = Load::on(&cluster, plan, mix).await?;
        let vitals = Vitals::of(&cluster)?;
        load.go_on(plan.time(1_500, 60)).await;
        let mut processes = Vec::new();
        for copy in cluster.copies() {
            processes.push(copy.pid().await?);
        }
        Ok(Self {
            plan: *plan,
            base: cluster.usage().await?,
            cluster,
            load,
            vitals,
            processes,
        })
    }

    /// The present.
    pub(super) fn mark(&self) -> Mark {
        Mark {
            at: Instant::now(),
            load: self.load.now(),
        }
    }

    /// What the load saw from a moment until now.
    pub(super) fn seen_since(&self, mark: Mark) -> Tally {
        self.load.tally((mark.load, self.load.now()))
    }

    /// What the copies take at present is what they are to come back to.
    pub(super) async fn settle(&mut self) -> Result<()> {
        self.base = self.cluster.usage().await?;
        Ok(())
    }

    /// Waits until everything is well after a fault.
    pub(super) async fn well(&self, recovery: Recovery) -> Result<Mark> {
        let within = self.plan.limit(recovery.within);
        Vitals::well(&self.cluster, within + LOOKS).await?;
        Ok(self.mark())
    }

    /// Waits until everything is well after a fault, and ends.
    pub(super) async fn end(self, fault: Mark, healed: Mark, recovery: Recovery) -> Result<Act> {
        let well = self.well(recovery).await?;
        self.end_well(fault, healed, well, recovery).await
    }

    /// Lets the load go on for a while after all was well again, and checks what must hold after each fault.
    pub(super) async fn end_well(
        self,
        fault: Mark,
        healed: Mark,
        well: Mark,
        recovery: Recovery,
    ) -> Result<Act> {
        self.load.go_on(self.plan.time(1_500, 60)).await;
        let end = self.mark();
        let Self {
            plan,
            cluster,
            load,
            vitals,
            base,
            processes,
        } = self;
        if recovery.same_processes {
            ensure_same(&cluster, &processes).await?;
        }
        let summary = load.finish().await.context("after the fault")?;
        summary.ensure_kept()?;
        summary.whole().ensure_nothing_wrong()?;
        let before = summary.ended(fault.load);
        before.ensure_done(&plan).context("before the fault")?;
        let during = summary.touching((fault.load, well.load));
        let after = summary.sent((well.load, end.load));
        after.ensure_available(&plan).context("after the fault")?;
        drop(vitals);
        let bound = recovery.same_processes.then_some(plan);
        let usage = back_to_base(&cluster, &base, bound).await?;
        let figures = Figures::default()
            .with_millis("faultMs", healed.at - fault.at)
            .with_millis("wellAfterMs", well.at - healed.at)
            .with("acked", summary.acked)
            .with("cameThrough", summary.came_through)
            .and(before.figures("before"))
            .and(during.figures("during"))
            .and(after.figures("after"))
            .and(usage);
        Ok(Act {
            summary,
            during,
            figures,
        })
    }
}

/// Fails when a copy is not the process that it was.
async fn ensure_same(cluster: &Cluster, processes: &[u32]) -> Result<()> {
    for (copy, process) in cluster.copies().iter().zip(processes) {
        let now = copy.pid().await?;
        ensure!(now == *process, "a copy is another process than before");
    }
    Ok(())
}

/// Waits until the copies take no more of the machine than before; the memory of other processes than before, which
/// no plan is given for, is not compared.
async fn back_to_base(cluster: &Cluster, base: &[Usage], plan: Option<Plan>) -> Result<Figures> {
    let deadline = Instant::now() + BACK_TO_BASE;
    loop {
        let now = cluster.usage().await?;
        let within = |(now, base): (&Usage, &Usage)| {
            now.descriptors <= base.descriptors + base.descriptors / 10 + POOLED
                && plan.is_none_or(|plan| now.resident_kib <= memory_bound(plan, base))
        };
        if now.iter().zip(base).all(within) {
            return Ok(Figures::default()
                .with("usageBefore", serde_json::to_value(base)?)
                .with("usageAfter", serde_json::to_value(&now)?));
        }
        ensure!(
            Instant::now() < deadline,
            "the copies take {now:?}, before {base:?}"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// In kibibytes. An allocator keeps what was needed once, and a short run has not needed much when it begins.
fn memory_bound(plan: Plan, base: &Usage) -> u64 {
    let (share, slack) = match plan.extent {
        Extent::Short => (2, 32 * 1024),
        Extent::Full => (10, 16 * 1024),
    };
    base.resident_kib + base.resident_kib / share + slack
}
