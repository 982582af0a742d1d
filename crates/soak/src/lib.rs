//! Drives real processes with load and faults, and checks what they kept.

pub mod checker;
pub mod clients;
pub mod cluster;
pub mod faults;
pub mod history;
pub mod mutant;
pub mod oracle;
pub mod proxy;
pub mod report;
pub mod volume;
pub mod workload;
