//! The use-cases of a session: refresh, sign out, authenticate.

use std::sync::Arc;

use bytes::Bytes;
use chrono::TimeDelta;
use secrecy::SecretString;

use super::{
    AccessClaims, AccessToken, AccessTokens, Account, AccountStore, Beginning, Challenges, Device,
    DeviceStore, DeviceTokens, Email, Lockouts, Password, PasswordHasher, Proof, PublicKey, RefreshToken,
    RefreshTokens, RevokedSessions, Roles, Rotation, RotationTerms, SESSION_REVOKED, SecondFactorChecks,
    SeenDevice, Session, SessionStore, TokenError, Username,
};
use crate::audit::{Action, Actor, AuditStore, Circumstances};
use crate::consequences::Recorder;
use crate::ids::{DeviceId, IdGenerator, SessionId, UserId};
use crate::port::PortError;
use crate::pubsub::PubSub;
use crate::time::{Clock, Timestamp};

/// How long tokens are good.
#[derive(Debug, Clone, Copy)]
pub struct SessionPolicy {
    /// The lifetime of an access token.
    pub access_lifetime: TimeDelta,
    /// The lifetime of a refresh token.
    pub refresh_lifetime: TimeDelta,
    /// How long a refresh token stays good after it was exchanged.
    pub refresh_grace: TimeDelta,
    /// How long a session goes on, however often it is refreshed.
    pub longest: TimeDelta,
}

/// Who calls, as their access token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The account.
    pub user_id: UserId,
    /// The session.
    pub session_id: SessionId,
    /// The roles.
    pub roles: Roles,
}

/// What a learner signs in with beside the password.
#[derive(Debug, Clone)]
pub enum Identity {
    /// The email address.
    Email(Email),
    /// The username.
    Username(Username),
}

/// The command to sign in.
#[derive(Debug, Clone)]
pub struct SignIn {
    /// Who claims to be there.
    pub identity: Identity,
    /// What is to prove it.
    pub password: Password,
}

/// What a client holds after signing in or registering.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The account.
    pub account: Account,
    /// The tokens.
    pub tokens: Refreshed,
    /// By what the account knows the device again.
    pub device_token: Option<SecretString>,
}

/// A fresh pair of tokens.
#[derive(Debug, Clone)]
pub struct Refreshed {
    /// For requests.
    pub access_token: AccessToken,
    /// How long the access token is good.
    pub expires_in: TimeDelta,
    /// For the next refresh.
    pub refresh_token: SecretString,
}

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// There is no such account, or the password is not its own; which of the two is not said.
    #[error("the credentials are wrong")]
    InvalidCredentials,
    /// The account was put out of use or deleted by an administrator; said only to whoever showed that it is theirs.
    #[error("the account is not in use")]
    Deactivated,
    /// The password is right, and a code of the second factor is asked for; said only to whoever showed the password.
    #[error("a code of the second factor is asked for")]
    SecondFactorRequired {
        /// What the code is to come with.
        challenge: SecretString,
    },
    /// Too many sign-ins failed for the account, or what would be one.
    #[error("too many sign-ins failed for the account")]
    Locked {
        /// How long the next must wait.
        retry_after: TimeDelta,
    },
    /// Too many sign-ins failed from the address.
    #[error("too many sign-ins failed from the address")]
    Throttled {
        /// How long the next must wait.
        retry_after: TimeDelta,
    },
    /// Too many passwords wait to be hashed, or the account was changed by others again and again.
    #[error("too many sign-ins at once")]
    Busy,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Why a refresh token was not exchanged.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// It was never issued, has expired, or its session has ended.
    #[error("the refresh token is not valid")]
    Invalid,
    /// It was exchanged before, too long ago: the session is revoked.
    #[error("a refresh token of session {session_id} was used again")]
    Reused {
        /// The session that was revoked.
        session_id: SessionId,
        /// Whose it was.
        user_id: UserId,
    },
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// What [`Sessions`] calls.
#[derive(Clone)]
pub struct SessionPorts {
    /// The accounts.
    pub accounts: Arc<dyn AccountStore>,
    /// The sessions.
    pub sessions: Arc<dyn SessionStore>,
    /// The devices that accounts know.
    pub devices: Arc<dyn DeviceStore>,
    /// The audit log.
    pub audit: Arc<dyn AuditStore>,
    /// Counts attempts to sign in.
    pub lockouts: Arc<Lockouts>,
    /// Who has a second factor, and whether a code is right.
    pub second_factors: SecondFactorChecks,
    /// Hashes passwords.
    pub hasher: Arc<dyn PasswordHasher>,
    /// Signs access tokens.
    pub access_tokens: Arc<dyn AccessTokens>,
    /// The revoked sessions in the process.
    pub revoked: Arc<dyn RevokedSessions>,
    /// Tells the other copies.
    pub pubsub: Arc<dyn PubSub>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdGenerator>,
}

/// The use-cases of sessions.
pub struct Sessions {
    pub(super) ports: SessionPorts,
    pub(super) recorder: Recorder,
    pub(super) challenges: Challenges,
    refresh_tokens: RefreshTokens,
    device_tokens: DeviceTokens,
    policy: SessionPolicy,
}

/// How many expired sessions one purge deletes at a time.
const PURGE_BATCH: u32 = 500;
/// How far apart the clocks of two copies may be, and how long a write may take, for one to notice what the
/// other ended.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::seconds(30);

impl Sessions {
    /// The use-cases over these ports.
    pub fn new(
        ports: SessionPorts,
        refresh_tokens: RefreshTokens,
        device_tokens: DeviceTokens,
        challenges: Challenges,
        policy: SessionPolicy,
    ) -> Self {
        Self {
            recorder: Recorder::new(Arc::clone(&ports.clock), Arc::clone(&ports.ids)),
            ports,
            challenges,
            refresh_tokens,
            device_tokens,
            policy,
        }
    }

    /// Exchanges a refresh token for a fresh pair.
    pub async fn refresh(
        &self,
        token: &str,
        circumstances: &Circumstances,
    ) -> Result<Refreshed, RefreshError> {
        let token = self.refresh_tokens.read(token).ok_or(RefreshError::Invalid)?;
        let rotation = self
            .ports
            .sessions
            .rotate(token.session_id, token.counter, self.terms())
            .await?;
        let (session, counter) = match rotation {
            Some(Rotation::Rotated(session)) => {
                let counter = session.counter;
                (session, counter)
            }
            Some(Rotation::SameSuccessor { session, counter }) => (session, counter),
            Some(Rotation::Reused(session)) => {
                self.announce_ended(&[session.id]).await;
                self.note_reuse(&session, circumstances).await?;
                return Err(RefreshError::Reused {
                    session_id: session.id,
                    user_id: session.user_id,
                });
            }
            Some(Rotation::Ended) | None => return Err(RefreshError::Invalid),
        };
        let account = self
            .ports
            .accounts
            .by_id(session.user_id)
            .await?
            .filter(Account::is_active)
            .ok_or(RefreshError::Invalid)?;
        Ok(self.tokens(&session, counter, &account.roles)?)
    }

    async fn note_reuse(&self, session: &Session, circumstances: &Circumstances) -> Result<(), PortError> {
        let entry = self.recorder.entry(
            Actor::Anonymous,
            Action::RefreshTokenReused,
            Some(session.user_id),
            circumstances,
        );
        let entry = entry.with("session", session.id.to_string());
        self.ports.audit.append(&[entry]).await
    }

    /// Ends the session of a refresh token; a token that names none ends none.
    pub async fn sign_out(&self, token: &str, circumstances: &Circumstances) -> Result<(), PortError> {
        let Some(token) = self.refresh_tokens.read(token) else {
            return Ok(());
        };
        let Some(session) = self.ports.sessions.by_id(token.session_id).await? else {
            return Ok(());
        };
        let now = self.ports.clock.now();
        let entry = self
            .recorder
            .by_owner(session.user_id, Action::SessionEnded, circumstances)
            .with("session", session.id.to_string());
        self.ports
            .sessions
            .revoke(session.user_id, session.id, now, &entry.into())
            .await?;
        // Whether this or an earlier attempt ended it, whose answer was lost: it must be known everywhere.
        self.announce_ended(&[session.id]).await;
        Ok(())
    }

    /// Says who bears an access token. Asks no store.
    pub fn authenticate(&self, token: &str) -> Result<Principal, TokenError> {
        let now = self.ports.clock.now();
        let claims = self.ports.access_tokens.verify(token, now)?;
        // Revocations are remembered for the lifetime in force; a token of a longer one must not outlive them.
        if claims.issued_at + self.policy.access_lifetime <= now {
            return Err(TokenError::Expired);
        }
        if self.ports.revoked.contains(claims.session_id) {
            return Err(TokenError::Invalid);
        }
        Ok(Principal {
            user_id: claims.user_id,
            session_id: claims.session_id,
            roles: claims.roles,
        })
    }

    /// By what others check access tokens: the public halves of the keys that sign them.
    pub fn public_keys(&self) -> Vec<PublicKey> {
        self.ports.access_tokens.public_keys()
    }

    /// Reads from the store which sessions were ended while their access tokens are still good.
    ///
    /// To be done before the first request is answered.
    pub async fn load_revoked(&self) -> Result<Timestamp, PortError> {
        let now = self.ports.clock.now();
        self.load_revoked_from(now - self.policy.access_lifetime - CLOCKS_DIFFER)
            .await?;
        Ok(now)
    }

    /// Reads from the store which sessions were ended since it was last read; gives the time to name next.
    ///
    /// Looks a little further back, for copies whose clocks differ and for writes that take their time.
    pub async fn load_revoked_since(&self, last: Timestamp) -> Result<Timestamp, PortError> {
        let now = self.ports.clock.now();
        self.load_revoked_from(last - CLOCKS_DIFFER).await?;
        Ok(now)
    }

    async fn load_revoked_from(&self, since: Timestamp) -> Result<(), PortError> {
        for session in self.ports.sessions.revoked_since(since).await? {
            self.refuse(session.id, session.revoked_at);
        }
        Ok(())
    }

    /// Takes note of a session that another copy of the program says has ended.
    pub fn ended_elsewhere(&self, id: SessionId) {
        self.refuse(id, self.ports.clock.now());
    }

    /// Deletes expired sessions, batch by batch, and forgets revocations that no longer matter.
    pub async fn purge_expired(&self) -> Result<u32, PortError> {
        let now = self.ports.clock.now();
        self.ports.revoked.forget_before(now);
        // An access token issued by the last refresh outlives no refresh token, but the revocation of its
        // session must be readable for as long as it is good.
        let before = now - self.policy.access_lifetime;
        let mut purged = 0;
        loop {
            let batch = self.ports.sessions.purge_expired(before, PURGE_BATCH).await?;
            purged += batch;
            if batch < PURGE_BATCH {
                return Ok(purged);
            }
        }
    }

    /// The device that a token names; `None` for whatever this program did not write.
    pub fn read_device(&self, token: &str) -> Option<SeenDevice> {
        self.device_tokens.read(token)
    }

    /// A session of an account that begins now, on a device that it knows or a new one; not kept yet.
    pub(super) fn begin(
        &self,
        user_id: UserId,
        proof: Proof,
        known: Option<DeviceId>,
        circumstances: &Circumstances,
    ) -> Session {
        let id = known.unwrap_or_else(|| DeviceId(self.ports.ids.next()));
        let beginning = Beginning {
            user_id,
            proof,
            device: Device {
                id: Some(id),
                ..Device::from(circumstances)
            },
        };
        Session::begin(SessionId(self.ports.ids.next()), beginning, self.terms())
    }

    /// What somebody holds whose session has begun and is kept.
    pub(super) fn signed_in(&self, account: Account, session: &Session) -> Result<SignedIn, PortError> {
        let tokens = self.tokens(session, session.counter, &account.roles)?;
        let user_id = session.user_id;
        let device = session.device.id.map(|id| SeenDevice { user_id, id });
        Ok(SignedIn {
            account,
            tokens,
            device_token: device.map(|device| self.device_tokens.write(device)),
        })
    }

    /// The pair of tokens for a session whose refresh token has this number.
    fn tokens(&self, session: &Session, counter: u64, roles: &Roles) -> Result<Refreshed, PortError> {
        let issued_at = self.ports.clock.now();
        let access_token = self.ports.access_tokens.sign(&AccessClaims {
            user_id: session.user_id,
            session_id: session.id,
            roles: roles.clone(),
            issued_at,
            expires_at: issued_at + self.policy.access_lifetime,
        })?;
        let refresh_token = self.refresh_tokens.write(RefreshToken {
            session_id: session.id,
            counter,
        });
        Ok(Refreshed {
            access_token,
            expires_in: self.policy.access_lifetime,
            refresh_token,
        })
    }

    fn terms(&self) -> RotationTerms {
        RotationTerms {
            now: self.ports.clock.now(),
            grace: self.policy.refresh_grace,
            lifetime: self.policy.refresh_lifetime,
            longest: self.policy.longest,
        }
    }

    fn refuse(&self, id: SessionId, revoked_at: Timestamp) {
        self.ports
            .revoked
            .insert(id, revoked_at + self.policy.access_lifetime + CLOCKS_DIFFER);
    }

    /// Makes known everywhere that sessions have ended, so that their access tokens stop working.
    pub(crate) async fn announce_ended(&self, ids: &[SessionId]) {
        for id in ids {
            self.refuse(*id, self.ports.clock.now());
            // The store is the truth, and every copy reads it; the announcement only makes it quick.
            let message = Bytes::copy_from_slice(id.0.as_bytes());
            let _ = self.ports.pubsub.publish(SESSION_REVOKED, message).await;
        }
    }
}
