//! The stores in SQLite keep to the contracts of their ports, and the file outlives what may befall it.

mod contracts;
mod support;
