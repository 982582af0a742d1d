//! How long answers are good for.

use std::time::Duration;

/// How the answers of a service are kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    /// The service, as figures name it.
    pub service: &'static str,
    /// How long an answer is fresh.
    pub fresh: Duration,
    /// How much of that is taken off at random, lest answers that were made together expire together: at most this
    /// share.
    pub jitter: f64,
    /// For how long after that it is served while a fresh one is made behind the caller's back (`stale-while-revalidate`
    /// of RFC 5861).
    pub revalidate: Duration,
    /// For how long after it was fresh it is served when the provider fails (`stale-if-error`); not shorter.
    pub if_error: Duration,
    /// How long a refusal of the provider is kept.
    pub refusal: Duration,
    /// The longest answer that is kept, in bytes.
    pub largest: usize,
    /// Within what time whoever makes an answer is done or given up; others then make it.
    pub making: Duration,
}

/// Speech: 24 hours.
pub const SPEECH: Policy = Policy {
    service: "TTS",
    fresh: Duration::from_hours(24),
    jitter: 0.1,
    revalidate: Duration::from_hours(6),
    if_error: Duration::from_hours(7 * 24),
    refusal: Duration::from_secs(30),
    largest: 4 * 1024,
    making: Duration::from_secs(20),
};

/// The voices of a provider: 24 hours.
pub const VOICES: Policy = Policy {
    service: "Voices",
    largest: 4 * 1024 * 1024,
    ..SPEECH
};

/// Speech that a learner's own key paid for: as fresh, and gone soon after.
pub const OWN_SPEECH: Policy = Policy {
    if_error: SPEECH.revalidate,
    ..SPEECH
};

/// The voices that a learner's own key may name.
pub const OWN_VOICES: Policy = Policy {
    if_error: VOICES.revalidate,
    ..VOICES
};

/// Conversations: an hour.
pub const CONVERSATIONS: Policy = Policy {
    service: "Conversation",
    fresh: Duration::from_hours(1),
    jitter: 0.1,
    revalidate: Duration::from_mins(10),
    if_error: Duration::from_hours(24),
    refusal: Duration::from_secs(30),
    largest: 64 * 1024,
    making: Duration::from_secs(40),
};

/// Conversations that a learner's own key paid for: as fresh, and gone soon after.
pub const OWN_CONVERSATIONS: Policy = Policy {
    if_error: CONVERSATIONS.revalidate,
    ..CONVERSATIONS
};
