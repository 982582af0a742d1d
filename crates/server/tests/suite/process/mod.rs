//! The real binary: how it starts, what it refuses, how it stops, what a crash leaves.

mod admin;
mod audit;
mod binary;
mod canary;
mod commands;
mod copy;
mod crash;
mod federation;
mod hostile;
mod keys;
mod mail;
mod readme;
mod secrets;
mod shutdown;
mod speech;
mod start;

pub(crate) use binary::{Parlance, Running};
