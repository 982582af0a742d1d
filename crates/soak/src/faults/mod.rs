//! What is done to a cluster, and what must hold meanwhile and afterwards.

mod bucket;
mod crowd;
mod cuts;
mod device;
mod kept;
mod lifecycle;
mod load;
mod migration;
mod nemesis;
mod network;
mod outage;
mod plan;
mod providers;
mod scene;
mod shared;
mod speakers;
mod stage;
mod strace;
mod tally;
mod vitals;
mod wish;

use std::time::Instant;

use anyhow::Result;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

pub use load::{Load, Mix, Summary};
pub use nemesis::{nemesis, vulnerable};
pub use plan::{Extent, Plan};
pub use tally::{Kind, Outcome, Tally};
pub use vitals::{Probe, Vitals};

use crate::report::{Figures, Line};

/// A fault by its number, with what must hold.
pub struct Fault {
    /// `fault_` or `threat_`, its number, and what happens.
    pub name: &'static str,
    run: fn(Plan) -> LocalBoxFuture<'static, Result<Figures>>,
}

impl Fault {
    /// Injects it.
    pub async fn inject(&self, plan: Plan) -> Line {
        let began = Instant::now();
        let outcome = (self.run)(plan).await;
        Line::of("fault", self.name, plan.seed, began.elapsed(), outcome)
    }
}

macro_rules! faults {
    ($($name:literal => $run:path,)*) => {
        &[$(Fault { name: $name, run: |plan| $run(plan).boxed_local() },)*]
    };
}

/// All faults, in the order of their numbers.
pub const FAULTS: &[Fault] = faults! {
    "fault_01_a_copy_is_killed_in_the_middle_of_writes" => lifecycle::kill_in_writes,
    "fault_02_a_copy_is_asked_to_stop_under_load" => lifecycle::terminate_under_load,
    "fault_03_a_copy_is_asked_to_stop_while_postgresql_hangs" => lifecycle::terminate_while_hung,
    "fault_04_copies_are_replaced_one_by_one" => lifecycle::rolling_restart,
    "fault_05_postgresql_is_restarted" => outage::fast_restart,
    "fault_06_postgresql_is_stopped_without_a_word" => outage::immediate_stop,
    "fault_07_a_process_of_postgresql_is_killed" => outage::backend_killed,
    "fault_08_postgresql_cannot_write_its_log" => outage::wal_error,
    "fault_09_postgresql_cannot_be_reached" => network::blackhole,
    "fault_10_answers_of_postgresql_are_lost" => network::lost_answers,
    "fault_11_postgresql_is_slow" => network::slow,
    "fault_12_postgresql_takes_few_connections" => crowd::connection_limit,
    "fault_13_writers_cross" => crowd::crossed_writers,
    "fault_15_redis_is_killed" => shared::killed,
    "fault_15_redis_is_killed_under_kept_answers" => kept::killed,
    "fault_16_redis_is_frozen" => shared::frozen,
    "fault_16_redis_is_frozen_under_kept_answers" => kept::frozen,
    "fault_16_redis_pauses_its_clients" => shared::paused,
    "fault_17_redis_forgets_and_refuses" => shared::forgetful,
    "fault_18_redis_parts_from_everybody_again_and_again" => shared::reset_storm,
    "fault_19_the_provider_takes_its_time" => providers::slow,
    "fault_20_the_provider_fails_in_every_way" => providers::failing,
    "fault_21_the_provider_comes_and_goes" => providers::flapping,
    "fault_22_the_bucket_fails" => bucket::failing,
    "threat_52_requests_are_cut_off" => cuts::cut,
    "threat_55_five_hundred_ask_at_once" => kept::stampede,
    "threat_57_the_schema_goes_down_and_up_under_writes" => migration::down_and_up,
    "threat_60_everything_waits_for_a_lock" => crowd::all_locked,
};
