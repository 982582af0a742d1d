//! What may be spent on providers: how often by a user in a minute, how much in a day by a user and by all.

mod allowance;
mod ports;

pub use allowance::{Allowance, AllowancePolicy, Reservation};
pub use ports::{Caps, Meter, ReserveError, Spending, SpendingStore};
