//! What the binary is made of: settings, wiring, commands.

pub mod banner;
mod cached;
pub mod commands;
pub mod data_dir;
pub mod database;
mod federation;
mod gauges;
mod ledger;
pub mod logs;
mod nobody;
mod own_pool;
mod passkeys;
mod personal;
mod post;
mod providers;
mod sealer;
mod second_factors;
pub mod server;
pub mod settings;
mod shared;
pub mod shutdown;
mod signing_keys;
pub mod vocabulary;
pub mod wiring;
pub mod workers;
