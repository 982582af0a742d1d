//! Limits that go on without the limiter that is shared, or spare it.

mod fallback;
mod leased;

pub use fallback::FallbackLimiter;
pub use leased::LeasedLimiter;
