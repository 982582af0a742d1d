//! What the binary is made of: settings, wiring, commands.

pub mod banner;
pub mod commands;
pub mod data_dir;
pub mod database;
mod gauges;
pub mod logs;
pub mod server;
pub mod settings;
mod shared;
pub mod shutdown;
pub mod vocabulary;
pub mod wiring;
pub mod workers;
