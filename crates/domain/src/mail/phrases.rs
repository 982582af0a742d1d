//! The words of letters, in English.

use std::net::IpAddr;

use super::{Message, WhichEmail};
use crate::audit::Action;
use crate::time::Timestamp;

/// The words of a letter; `button` is what its link is called, where it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Phrases {
    /// The subject, without the product's name.
    pub(super) subject: &'static str,
    /// Paragraphs before the link.
    pub(super) before: Vec<String>,
    /// What the link is called.
    pub(super) button: Option<&'static str>,
    /// Paragraphs behind the link.
    pub(super) after: Vec<String>,
}

/// How much of what a device says of itself is shown.
const SHOWN_OF_DEVICE: usize = 120;

const NOT_YOU: &str =
    "If that was not you, set a new password now and look through the devices that are signed in.";
const NOT_ASKED: &str =
    "If you did not ask for this, you can leave this mail alone: nothing changes without the link.";

/// The words about something, in a letter of a product.
pub(super) fn of(message: &Message, product: &str) -> Phrases {
    match message {
        Message::VerifyEmail { .. } => asks(
            "Confirm your email address",
            [format!("Please confirm that this is the address of your {product} account.")],
            "Confirm this address",
            ["If you have no such account, somebody mistyped theirs: you can leave this mail alone.".to_owned()],
        ),
        Message::ResetPassword { .. } => asks(
            "Set a new password",
            [format!("Somebody, hopefully you, asked to set a new password for your {product} account.")],
            "Set a new password",
            [
                "The link works once and for a short time. Setting a new password signs you out everywhere.".to_owned(),
                NOT_ASKED.to_owned(),
            ],
        ),
        Message::PasswordChanged => tells(
            "Your password was changed",
            [format!("The password of your {product} account was changed."), NOT_YOU.to_owned()],
        ),
        Message::ConfirmEmailChange { at, to, .. } => confirm_email_change(*at, to, product),
        Message::EmailChanged { to } => tells(
            "Your email address was changed",
            [
                format!("The address of your {product} account is {} now, and mail comes here no more.", plain(to)),
                "If that was not you, write to whoever runs this service.".to_owned(),
            ],
        ),
        Message::AccountLocked { until, .. } => asks(
            "Your account is locked",
            [format!(
                "There were too many failed attempts to sign in to your {product} account. It is locked until {}; devices \
                 that you used before still get in.",
                instant(*until)
            )],
            "Unlock it and sign out elsewhere",
            ["If that was not you, somebody may be guessing your password: make sure that it is used nowhere else."
                .to_owned()],
        ),
        Message::NewDevice { user_agent, address, at } => tells(
            "New sign-in",
            [
                format!("Somebody signed in to your {product} account on a device that was not seen before:"),
                device(user_agent.as_deref(), *address, *at),
                NOT_YOU.to_owned(),
            ],
        ),
        Message::SecurityChanged { action } => tells(
            "Your security settings were changed",
            [format!("{} your {product} account.", security_change(action)), NOT_YOU.to_owned()],
        ),
        Message::ConfirmIdentity { provider, .. } => asks(
            "Confirm a new way to sign in",
            [format!(
                "Somebody, hopefully you, wants to sign in to your {product} account by means of {}.",
                plain(provider)
            )],
            "Allow it",
            [NOT_ASKED.to_owned()],
        ),
        Message::ExportReady { until, .. } => asks(
            "Your data is ready",
            [format!("What your {product} account holds is ready to be fetched until {}.", instant(*until))],
            "Fetch it",
            [NOT_YOU.to_owned()],
        ),
        Message::DeletionRequested { purge_at } => tells(
            "Your account will be deleted",
            [
                format!("Your {product} account, with everything in it, will be gone on {}.", instant(*purge_at)),
                "Until then you can sign in and change your mind.".to_owned(),
            ],
        ),
        Message::DeletionCancelled => tells(
            "Your account stays",
            [format!("Your {product} account will not be deleted."), NOT_YOU.to_owned()],
        ),
    }
}

fn asks<const B: usize, const A: usize>(
    subject: &'static str,
    before: [String; B],
    button: &'static str,
    after: [String; A],
) -> Phrases {
    Phrases {
        subject,
        before: before.into(),
        button: Some(button),
        after: after.into(),
    }
}

fn tells<const N: usize>(subject: &'static str, paragraphs: [String; N]) -> Phrases {
    Phrases {
        subject,
        before: paragraphs.into(),
        button: None,
        after: Vec::new(),
    }
}

fn confirm_email_change(at: WhichEmail, to: &str, product: &str) -> Phrases {
    let (wish, behind) = match at {
        WhichEmail::Old => (
            format!(
                "Somebody, hopefully you, wants the address of your {product} account to be {}.",
                plain(to)
            ),
            "If you do not want this, leave this mail alone and set a new password.",
        ),
        WhichEmail::New => (
            format!("Please confirm that this is to be the address of your {product} account."),
            "If you have no such account, somebody mistyped theirs: you can leave this mail alone.",
        ),
    };
    let both = "The address changes once it was confirmed at the old and at the new one.";
    asks(
        "Confirm the change of your email address",
        [wish],
        "Confirm the change",
        [both.to_owned(), behind.to_owned()],
    )
}

/// What was done, in a sentence that goes on with whose account it is.
fn security_change(action: &str) -> &'static str {
    match action.parse() {
        Ok(Action::SecondFactorAdded) => "A second factor was added to",
        Ok(Action::SecondFactorRemoved) => "The second factor was taken away from",
        Ok(Action::RecoveryCodesMade) => "New recovery codes were made for",
        Ok(Action::RecoveryCodeUsed) => "A recovery code was used to sign in to",
        Ok(Action::PasskeyAdded) => "A passkey was added to",
        Ok(Action::PasskeyRemoved) => "A passkey was taken away from",
        Ok(Action::IdentityLinked) => "Another way to sign in was added to",
        Ok(Action::IdentityUnlinked) => "A way to sign in was taken away from",
        Ok(Action::ApiKeyMade) => "A key for programs was made for",
        _ => "Something was changed in the security settings of",
    }
}

fn device(user_agent: Option<&str>, address: Option<IpAddr>, at: Timestamp) -> String {
    let device = user_agent.map_or_else(|| "a device that does not say what it is".to_owned(), plain);
    let place = address
        .map(|address| format!(", from {address}"))
        .unwrap_or_default();
    format!("{device}{place}, on {}", instant(at))
}

/// What others chose the words of: one line, not too long, nothing that is not seen.
fn plain(text: &str) -> String {
    let seen: String = text
        .chars()
        .filter(|c| !c.is_control())
        .take(SHOWN_OF_DEVICE)
        .collect();
    seen.trim().to_owned()
}

fn instant(instant: Timestamp) -> String {
    instant.format("%-d %B %Y, %H:%M UTC").to_string()
}
