//! What every [`RevokedSessions`] must do.

use chrono::{DateTime, TimeDelta};
use parlance_domain::accounts::RevokedSessions;
use parlance_domain::ids::SessionId;
use parlance_domain::time::Timestamp;
use uuid::Uuid;

/// Makes a test of each rule of a set of revoked sessions; the expression makes an empty one.
#[macro_export]
macro_rules! revoked_sessions_contract {
    ($make:expr) => {
        $crate::tests_of_rules!(sync revoked, $make, [
            a_session_that_was_inserted_is_refused,
            other_sessions_are_not_refused,
            sessions_whose_tokens_have_expired_are_forgotten,
            a_session_that_was_inserted_twice_is_refused_until_the_later_time,
        ]);
    };
}

fn session(number: u128) -> SessionId {
    SessionId(Uuid::from_u128(number))
}

fn minute(number: i64) -> Timestamp {
    DateTime::UNIX_EPOCH + TimeDelta::minutes(number)
}

/// From the moment on at which `insert` returns.
pub fn a_session_that_was_inserted_is_refused(revoked: &dyn RevokedSessions) {
    assert!(!revoked.contains(session(1)));
    revoked.insert(session(1), minute(15));
    assert!(revoked.contains(session(1)));
}

/// However like they are.
pub fn other_sessions_are_not_refused(revoked: &dyn RevokedSessions) {
    revoked.insert(session(1), minute(15));
    assert!(!revoked.contains(session(2)));
}

/// At the instant itself no token is good any more; before, the session stays refused.
pub fn sessions_whose_tokens_have_expired_are_forgotten(revoked: &dyn RevokedSessions) {
    for number in 1..=3 {
        revoked.insert(session(number), minute(14 + i64::try_from(number).unwrap()));
    }
    revoked.forget_before(minute(16));
    let refused = [1, 2, 3].map(|number| revoked.contains(session(number)));
    assert_eq!(refused, [false, false, true]);
}

/// A copy of the news that arrives late shortens nothing.
pub fn a_session_that_was_inserted_twice_is_refused_until_the_later_time(revoked: &dyn RevokedSessions) {
    revoked.insert(session(1), minute(20));
    revoked.insert(session(1), minute(15));
    revoked.insert(session(2), minute(15));
    revoked.insert(session(2), minute(20));
    revoked.forget_before(minute(19));
    assert!(revoked.contains(session(1)) && revoked.contains(session(2)));
}
