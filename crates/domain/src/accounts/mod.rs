//! Accounts and sessions: who a learner is, and on which devices.

mod access_token;
mod account;
mod email;
mod language;
mod password;
mod ports;
mod refresh_token;
mod service;
mod session;
mod sessions;
mod username;

pub use access_token::{AccessClaims, AccessToken, AccessTokens, TokenError};
pub use account::{
    Account, AccountWithPassword, CefrLevel, DisplayName, InvalidDisplayName, InvalidLevel, Patch,
    ProfilePatch, Role, Roles, UnknownRole,
};
pub use email::{Email, InvalidEmail};
pub use language::{InvalidLanguage, LanguageTag};
pub use password::{
    InvalidPassword, Password, PasswordHash, PasswordHasher, PasswordHasherError, Verification, WeakPassword,
};
pub use ports::{
    AccountStore, InsertAccountError, RevokedSession, RevokedSessions, SaveAccountError, SessionStore,
};
pub use refresh_token::{RefreshToken, RefreshTokens};
pub use service::{Accounts, ProfileError, Register, RegisterError};
pub use session::{Rotation, RotationTerms, Session};
pub use sessions::{
    Identity, Principal, RefreshError, Refreshed, SessionPolicy, SessionPorts, Sessions, SignIn, SignInError,
    SignedIn,
};
pub use username::{InvalidUsername, Username};

/// The topic on which the end of a session is announced; a message is the session's id.
pub const SESSION_REVOKED: &str = "sessions.revoked";
