//! What every adapter of a port must do, one function per rule.

pub mod fakes;
