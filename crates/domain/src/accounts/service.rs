//! The use-cases of an account: register, look, change the profile.

use std::sync::Arc;

use super::credentials::asking;
use super::{
    ATTEMPTS, Account, AccountChange, AccountStore, AccountWithPassword, DisplayName, Email,
    InsertAccountError, OneTimeSecrets, Password, PasswordHasher, PasswordHasherError, PasswordPolicy,
    ProfilePatch, Proof, Role, Roles, SaveAccountError, Sessions, SignedIn, Standing, Username, WeakPassword,
};
use crate::audit::{Action, Circumstances};
use crate::consequences::Recorder;
use crate::ids::{IdGenerator, UserId};
use crate::port::PortError;
use crate::time::{Clock, TimeZone};

/// The command to make an account.
#[derive(Debug, Clone)]
pub struct Register {
    /// Where mail goes.
    pub email: Email,
    /// What will prove who signs in.
    pub password: Password,
    /// What others see.
    pub display_name: Option<DisplayName>,
    /// A second name to sign in with.
    pub username: Option<Username>,
}

/// Why no account was made.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// The password is too easily guessed.
    #[error(transparent)]
    WeakPassword(#[from] WeakPassword),
    /// The email belongs to an account.
    #[error("the email is taken")]
    EmailTaken,
    /// The username belongs to an account.
    #[error("the username is taken")]
    UsernameTaken,
    /// Too many passwords wait to be hashed.
    #[error("too many registrations at once")]
    Busy,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Why a profile was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The account is gone.
    #[error("there is no such account")]
    NotFound,
    /// It was changed by others again and again.
    #[error("the account is changed by others at the same time")]
    Conflict,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// The use-cases of accounts.
pub struct Accounts {
    store: Arc<dyn AccountStore>,
    hasher: Arc<dyn PasswordHasher>,
    sessions: Arc<Sessions>,
    secrets: OneTimeSecrets,
    passwords: PasswordPolicy,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
    recorder: Recorder,
}

impl Accounts {
    /// The use-cases over these ports.
    pub fn new(
        store: Arc<dyn AccountStore>,
        hasher: Arc<dyn PasswordHasher>,
        sessions: Arc<Sessions>,
        secrets: OneTimeSecrets,
        passwords: PasswordPolicy,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGenerator>,
    ) -> Self {
        Self {
            recorder: Recorder::new(Arc::clone(&clock), Arc::clone(&ids)),
            store,
            hasher,
            sessions,
            secrets,
            passwords,
            clock,
            ids,
        }
    }

    /// Makes an account and signs it in; a mail asks to show whose its address is.
    pub async fn register(
        &self,
        command: Register,
        circumstances: &Circumstances,
    ) -> Result<SignedIn, RegisterError> {
        self.passwords.check(&command.password)?;
        let room = self.hasher.room().await.ok_or(RegisterError::Busy)?;
        // Saves the hash when the address is taken; the store decides if two come at once.
        if self.store.by_email(&command.email).await?.is_some() {
            return Err(RegisterError::EmailTaken);
        }
        let password_hash = self
            .hasher
            .hash(&command.password)
            .await
            .map_err(|error| match error {
                PasswordHasherError::Busy => RegisterError::Busy,
                PasswordHasherError::Port(error) => error.into(),
            })?;
        drop(room);
        let now = self.clock.now();
        let account = Account {
            id: UserId(self.ids.next()),
            email: command.email,
            username: command.username,
            display_name: command.display_name,
            roles: Roles::from([Role::User]),
            native_language: None,
            target_language: None,
            proficiency_level: None,
            time_zone: TimeZone::UTC,
            is_premium: false,
            email_verified: false,
            created_at: now,
            updated_at: now,
            last_login_at: Some(now),
            standing: Standing::Active,
            revision: 1,
        };
        let session = self
            .sessions
            .begin(account.id, Proof::Password, None, circumstances);
        let registered = self
            .recorder
            .by_owner(account.id, Action::AccountRegistered, circumstances);
        let consequences = asking(&account, &self.secrets, &self.recorder, registered);
        let entry = AccountWithPassword {
            account,
            password_hash,
        };
        self.store
            .insert(&entry, &session, &consequences)
            .await
            .map_err(|error| match error {
                InsertAccountError::EmailTaken => RegisterError::EmailTaken,
                InsertAccountError::UsernameTaken => RegisterError::UsernameTaken,
                InsertAccountError::Port(error) => error.into(),
            })?;
        Ok(self.sessions.signed_in(entry.account, &session)?)
    }

    /// The account of this id.
    pub async fn by_id(&self, id: UserId) -> Result<Option<Account>, PortError> {
        self.store.by_id(id).await
    }

    /// Changes a profile; what the patch does not name stays.
    pub async fn update_profile(
        &self,
        id: UserId,
        patch: ProfilePatch,
        circumstances: &Circumstances,
    ) -> Result<Account, ProfileError> {
        for _ in 0..ATTEMPTS {
            let current = self.store.by_id(id).await?.ok_or(ProfileError::NotFound)?;
            let next = current.patched(patch.clone(), self.clock.now());
            if next == current {
                return Ok(current);
            }
            let entry = self.recorder.by_owner(id, Action::ProfileChanged, circumstances);
            let change = AccountChange::new(&current, next.clone(), entry);
            match self.store.save(&change).await {
                Ok(_) => return Ok(next),
                Err(SaveAccountError::Port(error)) => return Err(error.into()),
                Err(_) => {}
            }
        }
        Err(ProfileError::Conflict)
    }
}
