//! Devices as the server sees them: requests, sessions, and what they note down of both.

mod device;
mod session;
mod views;
mod wire;

pub use device::{Account, Device};
pub use session::Session;
pub use views::{Page, read_activity, read_feed, read_list, read_reviews, read_stats};
pub use wire::{Ask, Reply, Wire};
