//! Each fault for a few seconds: what must hold is asserted, not how fast it is.

use parlance_soak::faults::{FAULTS, Plan};

use crate::{room, seed};

async fn inject(name: &str) {
    let fault = FAULTS.iter().find(|fault| fault.name == name).unwrap();
    let _room = room().await;
    let line = fault.inject(Plan::short(seed())).await;
    println!("{}", line.json());
    assert!(line.ok, "{}", line.error.unwrap_or_default());
}

macro_rules! injected {
    ($($name:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                inject(stringify!($name)).await;
            }
        )*
        const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}

injected! {
    fault_01_a_copy_is_killed_in_the_middle_of_writes,
    fault_02_a_copy_is_asked_to_stop_under_load,
    fault_03_a_copy_is_asked_to_stop_while_postgresql_hangs,
    fault_04_copies_are_replaced_one_by_one,
    fault_05_postgresql_is_restarted,
    fault_06_postgresql_is_stopped_without_a_word,
    fault_07_a_process_of_postgresql_is_killed,
    fault_08_postgresql_cannot_write_its_log,
    fault_09_postgresql_cannot_be_reached,
    fault_10_answers_of_postgresql_are_lost,
    fault_11_postgresql_is_slow,
    fault_12_postgresql_takes_few_connections,
    fault_13_writers_cross,
    fault_15_redis_is_killed,
    fault_15_redis_is_killed_under_kept_answers,
    fault_16_redis_is_frozen,
    fault_16_redis_is_frozen_under_kept_answers,
    fault_16_redis_pauses_its_clients,
    fault_17_redis_forgets_and_refuses,
    fault_18_redis_parts_from_everybody_again_and_again,
    fault_19_the_provider_takes_its_time,
    fault_20_the_provider_fails_in_every_way,
    fault_21_the_provider_comes_and_goes,
    fault_22_the_bucket_fails,
    threat_52_requests_are_cut_off,
    threat_55_five_hundred_ask_at_once,
    threat_57_the_schema_goes_down_and_up_under_writes,
    threat_60_everything_waits_for_a_lock,
}

#[test]
fn every_fault_is_injected() {
    let all: Vec<&str> = FAULTS.iter().map(|fault| fault.name).collect();
    assert_eq!(NAMES, all);
}
