//! Accounts and sessions: who a learner is, and on which devices.

mod access_token;
mod account;
mod api_key;
mod credentials;
mod device;
mod email;
mod federation;
pub(crate) mod keyed;
mod language;
mod lockout;
mod one_time_secrets;
mod passkey;
mod password;
mod password_policy;
mod ports;
mod public_key;
mod refresh_token;
mod second_factor;
mod secret_token;
mod service;
mod session;
mod session_list;
mod sessions;
mod sign_in;
mod step_up;
mod username;
mod ways_in;

/// How often something is tried again when somebody else changed the account first.
const ATTEMPTS: usize = 4;

pub use access_token::{AccessClaims, AccessToken, AccessTokens, TokenError};
pub use account::{
    Account, AccountWithPassword, CefrLevel, Deletion, DisplayName, InvalidDisplayName, InvalidLevel, Patch,
    ProfilePatch, Role, Roles, Standing, UnknownRole,
};
pub use api_key::{
    API_KEY_PREFIX, ApiKey, ApiKeyName, ApiKeyPorts, ApiKeyStore, ApiKeyText, ApiKeys, InsertApiKeyError,
    InvalidApiKeyName, KeyBearer, MOST_API_KEYS, MadeApiKey, MakeApiKey, MakeApiKeyError, RevokeApiKeyError,
    Scope, Scopes, UnknownScope,
};
pub use credentials::{
    ChangePasswordError, ConfirmEmailChangeError, CredentialPorts, Credentials, EmailChange,
    RequestEmailChangeError, RequestVerificationError, ResetPasswordError, VerifyEmailError,
};
pub use device::{DEVICE_KNOWN_FOR, DEVICES_KNOWN, DeviceStore, DeviceTokens, KnownDevice, SeenDevice};
pub use email::{Email, InvalidEmail};
pub use federation::{
    AUTHORIZATION_LIFETIME, Authorization, AuthorizationRequest, AuthorizationStore, AuthorizationTokens,
    BeginError, BegunErrand, BrowserBinding, Callback, CodeGrant, CompleteError, Completed, Completion,
    ConfirmLinkError, Errand, ExchangeError, Federation, FederationPorts, IdentityClaims, IdentityProvider,
    IdentityStore, InvalidProviderId, InvalidSubject, LinkedIdentity, ProviderId, RegisterIdentityError,
    Subject, UnlinkError, UnlinkOutcome,
};
pub use language::{InvalidLanguage, LanguageTag};
pub use lockout::{
    Admission, Admitted, Attempt, Counts, LockoutKey, LockoutPolicy, LockoutPorts, LockoutStore, Lockouts,
    NotAdmitted, Outcome, Settlement, Settling, Tally, Terms, UNLOCK_LIFETIME, Unlock, UnlockError, Unlocked,
    Verdict,
};
pub use one_time_secrets::OneTimeSecrets;
pub use passkey::{
    AddPasskey, AddPasskeyError, Asserted, BeginPasskeyError, Begun, CeremonyError, CeremonyState,
    ChangePasskeyError, Claim, CredentialId, InsertPasskeyError, InvalidPasskeyName, MOST_PASSKEYS,
    PASSKEY_CHALLENGE_LIFETIME, Passkey, PasskeyAnswer, PasskeyAudience, PasskeyCeremonies, PasskeyChallenge,
    PasskeyCredential, PasskeyName, PasskeyOptions, PasskeyOwner, PasskeyPorts, PasskeySignInError,
    PasskeyStepUpError, PasskeyStore, PasskeyUse, Passkeys, PasskeysOff, RemovePasskeyError,
};
pub use password::{
    HashingRoom, InvalidPassword, Password, PasswordHash, PasswordHasher, PasswordHasherError, Verification,
};
pub use password_policy::{PasswordPolicy, WeakPassword};
pub use ports::{
    AccountChange, AccountStore, Ends, Forgets, InsertAccountError, RevokedSession, RevokedSessions,
    SaveAccountError, SecretStore, SessionStore,
};
pub use public_key::{PublicKey, PublicPoint};
pub use refresh_token::{RefreshToken, RefreshTokens};
pub use second_factor::{
    AuthorityError, BeginSecondFactorError, CHALLENGE_LIFETIME, Challenge, Challenges, CodeSignInError,
    ConfirmSecondFactorError, Enrolment, InvalidCode, InvalidTotpCode, NewFactor, RECOVERY_CODES,
    RecoveryCode, RemoveSecondFactorError, RenewRecoveryCodesError, SecondFactor, SecondFactorChecks,
    SecondFactorCode, SecondFactorPorts, SecondFactorRecord, SecondFactorState, SecondFactorStore,
    SecondFactors, TotpCode, TotpSecret,
};
pub use secret_token::{OneTimeSecret, Purpose, SecretTokens, UnknownPurpose};
pub use service::{Accounts, ProfileError, Register, RegisterError};
pub use session::{Beginning, Device, Proof, Rotation, RotationTerms, Session, UnknownProof};
pub use session_list::EndSessionError;
pub use sessions::{
    Identity, Principal, RefreshError, Refreshed, SessionPolicy, SessionPorts, Sessions, SignIn, SignInError,
    SignedIn,
};
pub use step_up::{RECENT, RecencyError, StepUpError};
pub use username::{InvalidUsername, Username};
pub use ways_in::{WayIn, WaysIn};

/// The topic on which the end of a session is announced; a message is the session's id.
pub const SESSION_REVOKED: &str = "sessions.revoked";
