//! What is done that the audit log tells of.

use std::fmt;
use std::str::FromStr;

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// What was done; named in the log by `subject.verb`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Action {
            $($(#[$doc])* $name,)+
        }

        impl Action {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Its name in stores and views.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

actions! {
    /// An account was made.
    AccountRegistered = "account.registered",
    /// Its owner changed the profile.
    ProfileChanged = "profile.changed",
    /// Its owner changed the settings.
    SettingsChanged = "settings.changed",

    /// Somebody signed in.
    SessionStarted = "session.started",
    /// Somebody was not let in.
    SignInRefused = "sign_in.refused",
    /// Somebody signed out.
    SessionEnded = "session.ended",
    /// Sessions were ended by somebody else than their device.
    SessionsRevoked = "sessions.revoked",
    /// A refresh token was used again, and its session ended.
    RefreshTokenReused = "refresh_token.reused",
    /// Somebody showed again who they are.
    StepUpPassed = "step_up.passed",
    /// Somebody failed to show again who they are.
    StepUpRefused = "step_up.refused",

    /// Too many sign-ins failed.
    AccountLocked = "account.locked",
    /// The owner or an administrator ended a lock.
    AccountUnlocked = "account.unlocked",

    /// A message was sent that shows whose an address is.
    EmailVerificationRequested = "email.verification_requested",
    /// The address was shown to be the owner's.
    EmailVerified = "email.verified",
    /// A change of the address began.
    EmailChangeRequested = "email.change_requested",
    /// A change of the address was confirmed at one of the two.
    EmailChangeConfirmed = "email.change_confirmed",
    /// The address was changed.
    EmailChanged = "email.changed",
    /// A message was sent with which a new password can be set.
    PasswordResetRequested = "password.reset_requested",
    /// A new password was set by such a message.
    PasswordReset = "password.reset",
    /// The owner changed the password.
    PasswordChanged = "password.changed",

    /// A second factor was set up.
    SecondFactorAdded = "second_factor.added",
    /// A second factor was taken away.
    SecondFactorRemoved = "second_factor.removed",
    /// New recovery codes were made.
    RecoveryCodesMade = "recovery_codes.made",
    /// A recovery code was used.
    RecoveryCodeUsed = "recovery_code.used",
    /// A passkey was added.
    PasskeyAdded = "passkey.added",
    /// A passkey was given another name.
    PasskeyRenamed = "passkey.renamed",
    /// A passkey was taken away.
    PasskeyRemoved = "passkey.removed",
    /// A passkey counted less than before, so that there may be a copy of it, and was refused.
    PasskeyWentBack = "passkey.went_back",
    /// The owner of an address was asked whether an identity with it is to open the account.
    IdentityLinkRequested = "identity.link_requested",
    /// An identity at a provider was linked.
    IdentityLinked = "identity.linked",
    /// An identity at a provider was unlinked.
    IdentityUnlinked = "identity.unlinked",

    /// A key of a provider was set.
    ProviderKeySet = "provider_key.set",
    /// A key of a provider was taken away.
    ProviderKeyRemoved = "provider_key.removed",
    /// A key for programs was made.
    ApiKeyMade = "api_key.made",
    /// A key for programs was revoked.
    ApiKeyRevoked = "api_key.revoked",
    /// A key that signs access tokens was made or retired.
    SigningKeysRotated = "signing_keys.rotated",
    /// What is encrypted was encrypted with another key.
    EncryptionKeysRotated = "encryption_keys.rotated",

    /// The owner asked for everything that is held of them.
    ExportRequested = "export.requested",
    /// It was fetched.
    ExportDownloaded = "export.downloaded",
    /// The owner asked for the end of the account.
    DeletionRequested = "deletion.requested",
    /// The owner changed their mind.
    DeletionCancelled = "deletion.cancelled",
    /// The account and all that belonged to it is gone.
    AccountPurged = "account.purged",

    /// An administrator looked through accounts.
    AccountsListed = "accounts.listed",
    /// An administrator looked at an account.
    AccountRead = "account.read",
    /// An administrator read the audit log.
    AuditRead = "audit.read",
    /// The chain of the audit log was begun anew.
    AuditRestarted = "audit.restarted",
    /// Roles were given or taken.
    RolesChanged = "roles.changed",
    /// An account was made one that pays, or one that does not.
    PremiumChanged = "premium.changed",
    /// An account was put out of use.
    AccountDeactivated = "account.deactivated",
    /// An account was put to use again.
    AccountReactivated = "account.reactivated",
    /// An account was deleted, to be purged later.
    AccountDeleted = "account.deleted",
    /// A deleted account was brought back.
    AccountRestored = "account.restored",
    /// The conversations of a word were dropped from the cache.
    ConversationsForgotten = "conversations.forgotten",
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that no action has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such action")]
pub struct UnknownAction;

impl FromStr for Action {
    type Err = UnknownAction;

    fn from_str(text: &str) -> Result<Self, UnknownAction> {
        let found = Self::ALL.iter().find(|action| action.as_str() == text);
        found.copied().ok_or(UnknownAction)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_action_has_a_name_of_its_own_and_is_found_by_it() {
        let names: BTreeSet<_> = Action::ALL.iter().map(|action| action.as_str()).collect();
        assert_eq!(names.len(), Action::ALL.len());
        for action in Action::ALL {
            assert_eq!(action.as_str().parse(), Ok(*action));
        }
        assert_eq!("session.paused".parse::<Action>(), Err(UnknownAction));
    }
}
