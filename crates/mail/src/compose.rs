//! Makes a message of the Internet (RFC 5322) out of a letter.

use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::{Address, Message};
use parlance_domain::accounts::Email;
use parlance_domain::mail::Letter;

/// Who mail comes from: an address, perhaps with a name before it, such as `Parlance <mail@example.com>`.
#[derive(Clone, PartialEq, Eq)]
pub struct Sender(Mailbox);

/// A text that names no sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an email address, perhaps with a name before it, such as `Parlance <mail@example.com>`")]
pub struct InvalidSender;

impl FromStr for Sender {
    type Err = InvalidSender;

    fn from_str(text: &str) -> Result<Self, InvalidSender> {
        if text.contains(char::is_control) {
            return Err(InvalidSender);
        }
        let mailbox: Mailbox = text.parse().map_err(|_| InvalidSender)?;
        // Every server has to take it.
        let address: &str = mailbox.email.as_ref();
        if !address.is_ascii() {
            return Err(InvalidSender);
        }
        Ok(Self(mailbox))
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why no message was made: whoever is to read it has an address that mail cannot be sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("mail cannot be sent to this address")]
pub(crate) struct NoAddress;

/// A message in the form in which it is sent.
pub(crate) struct Composed {
    /// Who sends it.
    pub(crate) from: Address,
    /// Who is to read it.
    pub(crate) to: Address,
    /// All of it.
    pub(crate) bytes: Vec<u8>,
}

impl Sender {
    /// Makes the message of a letter. The same letter always has the same `Message-ID`.
    pub(crate) fn compose(&self, to: &Email, letter: &Letter) -> Result<Composed, NoAddress> {
        let to = address_of(to)?;
        let message_id = format!("<{}@{}>", letter.id, self.0.email.domain());
        let mut message = Message::builder()
            .from(self.0.clone())
            .to(Mailbox::new(None, to.clone()))
            .subject(&letter.subject)
            .date(SystemTime::from(letter.written_at))
            .message_id(Some(message_id))
            .multipart(MultiPart::alternative_plain_html(
                letter.text.clone(),
                letter.html.clone(),
            ))
            .map_err(|_| NoAddress)?;
        // So that nobody's absence answers it (RFC 3834).
        let name = HeaderName::new_from_ascii_str("Auto-Submitted");
        let value = HeaderValue::new(name, "auto-generated".to_owned());
        message.headers_mut().insert_raw(value);
        Ok(Composed {
            from: self.0.email.clone(),
            to,
            bytes: message.formatted(),
        })
    }
}

/// The local part as its owner writes it; the domain in its ASCII form (RFC 5891), which every server knows.
fn address_of(email: &Email) -> Result<Address, NoAddress> {
    let (local, _) = email.as_str().rsplit_once('@').ok_or(NoAddress)?;
    let (_, domain) = email.key().rsplit_once('@').ok_or(NoAddress)?;
    Address::new(local, domain).map_err(|_| NoAddress)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_is_an_address_with_or_without_a_name() {
        for (text, shown) in [
            ("mail@example.com", "mail@example.com"),
            ("Parlance <mail@example.com>", "Parlance <mail@example.com>"),
            ("Parlance <parlance@localhost>", "Parlance <parlance@localhost>"),
        ] {
            assert_eq!(text.parse::<Sender>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn threat_46_what_is_no_sender_is_refused() {
        for text in [
            "",
            "Parlance",
            "mail@",
            "@example.com",
            "a@example.com, b@example.com",
            "Parlance\r\nBcc: eve@example.com <mail@example.com>",
            "学生@example.com",
        ] {
            assert_eq!(text.parse::<Sender>(), Err(InvalidSender), "{text:?}");
        }
    }

    #[test]
    fn threat_24_mail_goes_to_the_address_as_its_owner_writes_it() {
        for (email, expected) in [
            ("Ann.Lee+x@Example.COM", "Ann.Lee+x@example.com"),
            ("ann@bücher.example", "ann@xn--bcher-kva.example"),
            ("mıke@example.com", "mıke@example.com"),
            ("o'hara@example.com", "o'hara@example.com"),
        ] {
            let address = address_of(&email.parse().unwrap()).unwrap();
            assert_eq!(address.to_string(), expected);
        }
    }
}
