//! Drives real processes with load and faults, and checks what they kept.

pub mod checker;
pub mod clients;
pub mod history;
pub mod workload;
