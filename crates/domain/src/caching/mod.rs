//! The caching policy: what answers of providers are kept under, for how long, and who may make them.
//!
//! What is shared: speech and conversations, since their keys hold everything that they follow from and nothing of the
//! caller. What a learner's own key paid for is kept under keys that hold whose it is, for them alone. What is never
//! cached: recordings and their transcripts, denials of a limit or a budget, keys that are refused, and failures, but for
//! refusals of the provider, which are kept for a short time.

mod answers;
mod key;
mod leases;
mod policy;

pub use answers::{Answer, Answers, Denial, Freshness, Make, MakeError, Question, Tally};
pub use key::{CacheKey, KeyBuilder};
pub use leases::{Lease, Leases};
pub use policy::{CONVERSATIONS, OWN_CONVERSATIONS, OWN_SPEECH, OWN_VOICES, Policy, SPEECH, VOICES};
