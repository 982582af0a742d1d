//! A mail that is to be sent: what it is about, never its words.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::accounts::{Email, LanguageTag, Purpose};
use crate::audit::Action;
use crate::ids::{MailId, SecretId, UserId};
use crate::time::Timestamp;

/// Which of two addresses a mail about a change of them goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WhichEmail {
    /// The one that is the account's until the change.
    Old,
    /// The one that is to be.
    New,
}

/// What a mail is about. Where it holds a link, it names the secret; the link is written when the mail is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "about", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Message {
    /// A link that shows that the address is the reader's.
    VerifyEmail {
        /// What the link holds.
        secret: SecretId,
    },
    /// A link with which a new password can be set.
    ResetPassword {
        /// What the link holds.
        secret: SecretId,
    },
    /// The password was changed.
    PasswordChanged,
    /// A link with which a change of the address is confirmed; one goes to the old and one to the new address.
    ConfirmEmailChange {
        /// What the link holds.
        secret: SecretId,
        /// Which address this mail goes to, hence which purpose the secret has.
        at: WhichEmail,
        /// The address that is to be the account's, its local part shortened.
        to: String,
    },
    /// The address was changed; goes to the old one.
    EmailChanged {
        /// The address that is the account's now, its local part shortened.
        to: String,
    },
    /// Too many sign-ins failed; the link ends the lock and all other sessions.
    AccountLocked {
        /// What the link holds.
        secret: SecretId,
        /// When the lock ends by itself.
        until: Timestamp,
    },
    /// Somebody signed in on a device that was not seen before.
    NewDevice {
        /// What the device says that it is.
        user_agent: Option<String>,
        /// Its address.
        address: Option<IpAddr>,
        /// When.
        at: Timestamp,
    },
    /// A second factor, a passkey or an identity was added or taken away, a recovery code used, or a key for programs made.
    SecurityChanged {
        /// The action's name, as the audit log has it.
        action: String,
    },
    /// A link that confirms that an identity at a provider is to be linked.
    ConfirmIdentity {
        /// What the link holds.
        secret: SecretId,
        /// The provider's name.
        provider: String,
    },
    /// What is held of the learner is ready to be fetched.
    ExportReady {
        /// What the link holds.
        secret: SecretId,
        /// Until when the link is good.
        until: Timestamp,
    },
    /// The account will be gone.
    DeletionRequested {
        /// When.
        purge_at: Timestamp,
    },
    /// The account stays.
    DeletionCancelled,
}

impl Message {
    /// Tells of an action that changed how an account is guarded.
    pub fn security_changed(action: Action) -> Self {
        Self::SecurityChanged {
            action: action.as_str().to_owned(),
        }
    }

    /// What it is about as JSON, for the outbox.
    pub fn to_json(&self) -> String {
        // Texts, numbers and names of members alone: there is nothing that could not be written.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The message that such a JSON text tells of.
    pub fn of_json(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The secret of its link and what that is good for, if it has one.
    pub const fn link(&self) -> Option<(Purpose, SecretId)> {
        match self {
            Self::VerifyEmail { secret } => Some((Purpose::VerifyEmail, *secret)),
            Self::ResetPassword { secret } => Some((Purpose::ResetPassword, *secret)),
            Self::ConfirmEmailChange { secret, at, .. } => Some((at.purpose(), *secret)),
            Self::AccountLocked { secret, .. } => Some((Purpose::Unlock, *secret)),
            Self::ConfirmIdentity { secret, .. } => Some((Purpose::LinkIdentity, *secret)),
            Self::ExportReady { secret, .. } => Some((Purpose::Export, *secret)),
            Self::PasswordChanged
            | Self::EmailChanged { .. }
            | Self::NewDevice { .. }
            | Self::SecurityChanged { .. }
            | Self::DeletionRequested { .. }
            | Self::DeletionCancelled => None,
        }
    }
}

impl WhichEmail {
    /// What the secret in its mail is good for.
    pub const fn purpose(self) -> Purpose {
        match self {
            Self::Old => Purpose::ConfirmOldEmail,
            Self::New => Purpose::ConfirmNewEmail,
        }
    }
}

/// A mail that waits to be sent, exactly once for its cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingMail {
    /// Its id.
    pub id: MailId,
    /// Whose account it is about.
    pub user_id: UserId,
    /// Where it goes.
    pub to: Email,
    /// The language that its reader speaks, if that is known.
    pub language: Option<LanguageTag>,
    /// What it is about.
    pub message: Message,
    /// When its cause was.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_message_reads_back_from_its_json() {
        let secret = SecretId(Uuid::from_u128(7));
        for message in [
            Message::PasswordChanged,
            Message::ResetPassword { secret },
            Message::ConfirmEmailChange {
                secret,
                at: WhichEmail::New,
                to: "j…@example.com".to_owned(),
            },
            Message::NewDevice {
                user_agent: Some("curl/8".to_owned()),
                address: Some([127, 0, 0, 1].into()),
                at: Timestamp::UNIX_EPOCH,
            },
        ] {
            assert_eq!(Message::of_json(&message.to_json()), Some(message));
        }
        assert_eq!(
            Message::ResetPassword { secret }.to_json(),
            r#"{"about":"resetPassword","secret":"00000000-0000-0000-0000-000000000007"}"#
        );
        assert_eq!(Message::of_json("{}"), None);
    }

    #[test]
    fn a_link_is_good_for_what_its_mail_is_about() {
        let secret = SecretId(Uuid::from_u128(7));
        let confirm = |at| Message::ConfirmEmailChange {
            secret,
            at,
            to: String::new(),
        };
        assert_eq!(
            confirm(WhichEmail::Old).link(),
            Some((Purpose::ConfirmOldEmail, secret))
        );
        assert_eq!(
            confirm(WhichEmail::New).link(),
            Some((Purpose::ConfirmNewEmail, secret))
        );
        assert_eq!(Message::PasswordChanged.link(), None);
    }
}
