//! A session and the rule by which its refresh tokens are rotated.

use std::net::IpAddr;
use std::str::FromStr;

use chrono::TimeDelta;

use crate::audit::{Circumstances, UserAgent};
use crate::ids::{DeviceId, SessionId, UserId};
use crate::time::Timestamp;

/// A signed-in device: the family of refresh tokens that descend from one sign-in.
///
/// Its tokens are numbered from 0; only the last one issued is its head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id, the `sid` of its access tokens.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// The number of its head.
    pub counter: u64,
    /// When its head was issued.
    pub rotated_at: Timestamp,
    /// When the token before its head was issued, if there was one.
    pub previous_rotated_at: Option<Timestamp>,
    /// When it began.
    pub created_at: Timestamp,
    /// When its head stops being good.
    pub expires_at: Timestamp,
    /// When it was ended, if it was.
    pub revoked_at: Option<Timestamp>,
    /// When its owner last showed who they are: at its beginning, or again since.
    pub authenticated_at: Timestamp,
    /// How they showed it.
    pub proof: Proof,
    /// What it was begun on.
    pub device: Device,
}

/// How somebody showed who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Proof {
    /// By the password alone.
    Password,
    /// By the password and a second factor.
    SecondFactor,
    /// By a passkey, which is two factors in one.
    Passkey,
    /// By signing in at a provider of identities.
    Provider,
}

impl Proof {
    const ALL: [Self; 4] = [Self::Password, Self::SecondFactor, Self::Passkey, Self::Provider];

    /// Its name in stores and views.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::SecondFactor => "second_factor",
            Self::Passkey => "passkey",
            Self::Provider => "provider",
        }
    }

    /// Whether it stands on two factors.
    pub const fn is_strong(self) -> bool {
        matches!(self, Self::SecondFactor | Self::Passkey)
    }
}

/// A name that no proof has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such proof")]
pub struct UnknownProof;

impl FromStr for Proof {
    type Err = UnknownProof;

    fn from_str(text: &str) -> Result<Self, UnknownProof> {
        let found = Self::ALL.into_iter().find(|proof| proof.as_str() == text);
        found.ok_or(UnknownProof)
    }
}

/// What a session was begun on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Device {
    /// By what the account knows it again; `None` where a release began it that knew no devices.
    pub id: Option<DeviceId>,
    /// What it says that it is.
    pub user_agent: Option<UserAgent>,
    /// Its address.
    pub address: Option<IpAddr>,
}

impl From<&Circumstances> for Device {
    fn from(circumstances: &Circumstances) -> Self {
        Self {
            id: None,
            user_agent: circumstances.user_agent.clone(),
            address: circumstances.address,
        }
    }
}

/// Who begins a session, how, and on what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beginning {
    /// Whose it is.
    pub user_id: UserId,
    /// How they showed who they are.
    pub proof: Proof,
    /// What it is begun on.
    pub device: Device,
}

/// The terms on which a refresh token is exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RotationTerms {
    /// The present.
    pub now: Timestamp,
    /// How long a token stays good after it was exchanged.
    pub grace: TimeDelta,
    /// How long the new token is good.
    pub lifetime: TimeDelta,
    /// How long a session goes on, however often its tokens are exchanged.
    pub longest: TimeDelta,
}

impl RotationTerms {
    /// When a token stops being good that a session of this beginning is given now.
    fn expiry(self, beginning: Timestamp) -> Timestamp {
        (self.now + self.lifetime).min(beginning + self.longest)
    }
}

/// What becomes of a session when one of its refresh tokens is presented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotation {
    /// The head was presented: this is the session with its successor as the head.
    Rotated(Session),
    /// A token that was exchanged before and is still good: its successor has this number.
    SameSuccessor {
        /// The session, unchanged.
        session: Session,
        /// The number of the token that was handed out before.
        counter: u64,
    },
    /// An exchanged token that is no longer good: somebody else may hold it. This is the session, revoked.
    Reused(Session),
    /// The session was ended, or its head has expired.
    Ended,
}

impl Session {
    /// A session that begins now.
    pub fn begin(id: SessionId, beginning: Beginning, terms: RotationTerms) -> Self {
        let Beginning {
            user_id,
            proof,
            device,
        } = beginning;
        Self {
            id,
            user_id,
            counter: 0,
            rotated_at: terms.now,
            previous_rotated_at: None,
            created_at: terms.now,
            expires_at: terms.expiry(terms.now),
            revoked_at: None,
            authenticated_at: terms.now,
            proof,
            device,
        }
    }

    /// Whether it goes on.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at > now
    }

    /// Decides what becomes of the session when its token of this number is presented.
    ///
    /// A token stays good until its successor was used or the grace has passed, whichever is later, and
    /// yields the same successor: tabs race, and answers get lost. Whatever is older was copied.
    pub fn rotate(&self, presented: u64, terms: RotationTerms) -> Rotation {
        // The longest time may have been longer when the head was issued.
        let end = self.expires_at.min(self.created_at + terms.longest);
        if self.revoked_at.is_some() || end <= terms.now || presented > self.counter {
            return Rotation::Ended;
        }
        if presented == self.counter {
            return Rotation::Rotated(Self {
                counter: self.counter + 1,
                rotated_at: terms.now,
                previous_rotated_at: Some(self.rotated_at),
                expires_at: terms.expiry(self.created_at),
                ..self.clone()
            });
        }
        let exchanged_lately = |at: Timestamp| terms.now < at + terms.grace;
        let behind = self.counter - presented;
        let good = behind == 1 || behind == 2 && self.previous_rotated_at.is_some_and(exchanged_lately);
        if good {
            Rotation::SameSuccessor {
                session: self.clone(),
                counter: presented + 1,
            }
        } else {
            Rotation::Reused(Self {
                revoked_at: Some(terms.now),
                ..self.clone()
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;

    fn at(seconds: i64) -> RotationTerms {
        RotationTerms {
            now: DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap(),
            grace: TimeDelta::seconds(10),
            lifetime: TimeDelta::days(7),
            longest: TimeDelta::days(20),
        }
    }

    fn session() -> Session {
        let beginning = Beginning {
            user_id: UserId(Uuid::from_u128(2)),
            proof: Proof::Password,
            device: Device::default(),
        };
        Session::begin(SessionId(Uuid::from_u128(1)), beginning, at(0))
    }

    fn rotated(session: &Session, presented: u64, seconds: i64) -> Session {
        match session.rotate(presented, at(seconds)) {
            Rotation::Rotated(session) => session,
            other => panic!("not rotated: {other:?}"),
        }
    }

    #[test]
    fn proofs_are_found_by_their_names() {
        for proof in Proof::ALL {
            assert_eq!(proof.as_str().parse(), Ok(proof));
        }
        assert_eq!("magic".parse::<Proof>(), Err(UnknownProof));
    }

    #[test]
    fn the_head_is_exchanged_and_lives_seven_days_from_then() {
        let next = rotated(&session(), 0, 60);
        assert_eq!(
            (next.counter, next.expires_at),
            (1, at(60).now + TimeDelta::days(7))
        );
    }

    #[test]
    fn however_often_it_is_refreshed_a_session_ends() {
        const DAY: i64 = 86_400;
        let last = (1..=3).fold(session(), |session, week| {
            rotated(&session, session.counter, week * 6 * DAY)
        });
        assert_eq!(last.expires_at, at(20 * DAY).now);
        assert!(matches!(last.rotate(3, at(20 * DAY - 1)), Rotation::Rotated(_)));
        assert_eq!(last.rotate(3, at(20 * DAY)), Rotation::Ended);
    }

    #[test]
    fn a_session_that_is_older_than_one_may_become_is_over() {
        let shorter = RotationTerms {
            longest: TimeDelta::days(1),
            ..at(86_400)
        };
        assert_eq!(session().rotate(0, shorter), Rotation::Ended);
    }

    #[test]
    fn a_token_whose_successor_was_never_used_yields_it_again_however_late() {
        let next = rotated(&session(), 0, 60);
        let again = next.rotate(0, at(86_400));
        assert_eq!(
            again,
            Rotation::SameSuccessor {
                session: next,
                counter: 1
            }
        );
    }

    #[test]
    fn within_the_grace_it_yields_the_same_successor_even_after_that_was_used() {
        let head = rotated(&rotated(&session(), 0, 60), 1, 61);
        assert!(matches!(
            head.rotate(0, at(69)),
            Rotation::SameSuccessor { counter: 1, .. }
        ));
        assert!(matches!(head.rotate(0, at(70)), Rotation::Reused(_)));
    }

    #[test]
    fn an_even_older_token_revokes_the_session() {
        let head = rotated(&rotated(&rotated(&session(), 0, 1), 1, 2), 2, 3);
        let Rotation::Reused(revoked) = head.rotate(0, at(4)) else {
            panic!("not revoked")
        };
        assert_eq!(revoked.revoked_at, Some(at(4).now));
        assert_eq!(revoked.rotate(3, at(5)), Rotation::Ended);
    }

    #[test]
    fn an_expired_session_or_a_number_never_issued_is_refused_without_harm() {
        assert_eq!(session().rotate(0, at(7 * 86_400)), Rotation::Ended);
        assert_eq!(session().rotate(1, at(1)), Rotation::Ended);
    }
}
