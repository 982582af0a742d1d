//! Puts mails into words: the same as plain text and as HTML.

use std::fmt::Write;

use secrecy::{ExposeSecret, SecretString};

use super::phrases::{self, Phrases};
use super::{Letter, Links, OutgoingMail};

/// Writes the letters of a product.
#[derive(Debug)]
pub struct Letters {
    product: String,
    links: Links,
}

impl Letters {
    /// Letters that call the product by this name and have these links.
    pub fn new(product: impl Into<String>, links: Links) -> Self {
        Self {
            product: product.into(),
            links,
        }
    }

    /// Puts a mail into words.
    pub fn write(&self, mail: &OutgoingMail) -> Letter {
        let phrases = phrases::of(&mail.message, &self.product);
        let link = mail
            .message
            .link()
            .map(|(purpose, secret)| self.links.to(purpose, secret));
        Letter {
            id: mail.id,
            written_at: mail.created_at,
            subject: format!("{}: {}", self.product, phrases.subject),
            text: self.text(&phrases, link.as_ref()),
            html: self.html(&phrases, link.as_ref()),
        }
    }

    fn text(&self, phrases: &Phrases, link: Option<&SecretString>) -> String {
        let mut text = String::from("Hello,\n\n");
        for paragraph in &phrases.before {
            let _ = write!(text, "{paragraph}\n\n");
        }
        if let (Some(button), Some(link)) = (phrases.button, link) {
            let _ = write!(text, "{button}:\n{}\n\n", link.expose_secret());
        }
        for paragraph in &phrases.after {
            let _ = write!(text, "{paragraph}\n\n");
        }
        // What a mail program knows a signature by (RFC 3676, 4.3).
        let _ = write!(text, "-- \n{}\n{}\n", self.product, self.links.base());
        text
    }

    fn html(&self, phrases: &Phrases, link: Option<&SecretString>) -> String {
        let subject = escaped(phrases.subject);
        let mut html = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{subject}</title>\n</head>\n\
             <body style=\"{BODY}\">\n<p>Hello,</p>\n"
        );
        push_paragraphs(&mut html, &phrases.before);
        if let (Some(button), Some(link)) = (phrases.button, link) {
            let (button, link) = (escaped(button), escaped(link.expose_secret()));
            let _ = writeln!(html, "<p><a href=\"{link}\" style=\"{BUTTON}\">{button}</a></p>");
            let _ = writeln!(
                html,
                "<p style=\"{SMALL}\">If the button does not work, copy this link:<br>{link}</p>"
            );
        }
        push_paragraphs(&mut html, &phrases.after);
        let (product, base) = (escaped(&self.product), escaped(self.links.base()));
        let _ = writeln!(
            html,
            "<p style=\"{SMALL}\">{product}<br><a href=\"{base}\">{base}</a></p>\n</body>\n</html>"
        );
        html
    }
}

const BODY: &str = "max-width:36em;margin:2em auto;padding:0 1em;font:16px/1.5 sans-serif;color:#222";
const BUTTON: &str = "display:inline-block;padding:.6em 1.2em;border-radius:.4em;background:#1a56db;color:#fff;text-decoration:none";
const SMALL: &str = "font-size:13px;color:#666;overflow-wrap:anywhere";

fn push_paragraphs(html: &mut String, paragraphs: &[String]) {
    for paragraph in paragraphs {
        let _ = writeln!(html, "<p>{}</p>", escaped(paragraph));
    }
}

/// Text for an element or a quoted attribute.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::accounts::{Purpose, SecretTokens};
    use crate::ids::{MailId, SecretId, UserId};
    use crate::mail::{Message, WhichEmail};
    use crate::time::Timestamp;

    fn secret() -> SecretId {
        SecretId(Uuid::from_u128(7))
    }

    fn every_message() -> Vec<Message> {
        let (secret, at) = (secret(), Timestamp::UNIX_EPOCH);
        let confirm = |at| Message::ConfirmEmailChange {
            secret,
            at,
            to: "b…@example.com".to_owned(),
        };
        vec![
            Message::VerifyEmail { secret },
            Message::ResetPassword { secret },
            Message::PasswordChanged,
            confirm(WhichEmail::Old),
            confirm(WhichEmail::New),
            Message::EmailChanged {
                to: "b…@example.com".to_owned(),
            },
            Message::AccountLocked { secret, until: at },
            new_device("Firefox"),
            Message::SecurityChanged {
                action: "passkey.added".to_owned(),
            },
            Message::ConfirmIdentity {
                secret,
                provider: "Example ID".to_owned(),
            },
            Message::ExportReady { secret, until: at },
            Message::DeletionRequested { purge_at: at },
            Message::DeletionCancelled,
        ]
    }

    fn new_device(user_agent: &str) -> Message {
        Message::NewDevice {
            user_agent: Some(user_agent.to_owned()),
            address: Some([192, 0, 2, 7].into()),
            at: Timestamp::UNIX_EPOCH,
        }
    }

    fn letter(message: Message) -> Letter {
        let tokens = SecretTokens::new(&"secret".into());
        let links = Links::new(
            "https://app.example.com",
            "/{page}#token={token}".parse().unwrap(),
            tokens,
        );
        Letters::new("Parlance & Co", links).write(&OutgoingMail {
            id: MailId(Uuid::from_u128(1)),
            user_id: UserId(Uuid::from_u128(2)),
            to: "ann@example.com".parse().unwrap(),
            language: None,
            message,
            created_at: Timestamp::UNIX_EPOCH,
        })
    }

    fn token(purpose: Purpose) -> String {
        let tokens = SecretTokens::new(&"secret".into());
        tokens.write(purpose, secret()).expose_secret().to_owned()
    }

    #[test]
    fn every_mail_has_words_and_its_link_if_it_has_one() {
        for message in every_message() {
            let letter = letter(message.clone());
            assert!(
                letter.subject.starts_with("Parlance & Co: "),
                "{}",
                letter.subject
            );
            assert!(
                letter.text.contains("Parlance & Co account")
                    && letter.html.contains("Parlance &amp; Co account")
            );
            match message.link() {
                Some((purpose, _)) => {
                    let link = format!("#token={}", token(purpose));
                    assert!(
                        letter.text.contains(&link) && letter.html.contains(&link),
                        "{message:?}"
                    );
                }
                None => assert!(!letter.text.contains('#'), "{message:?}"),
            }
        }
    }

    #[test]
    fn a_letter_reads_as_a_person_would_write_it() {
        let text = letter(new_device("Firefox")).text;
        assert_eq!(
            text,
            "Hello,\n\nSomebody signed in to your Parlance & Co account on a device that was not seen before:\n\n\
             Firefox, from 192.0.2.7, on 1 January 1970, 00:00 UTC\n\nIf that was not you, set a new password now and \
             look through the devices that are signed in.\n\n-- \nParlance & Co\nhttps://app.example.com\n"
        );
    }

    #[test]
    fn threat_46_what_others_wrote_adds_no_line_and_no_markup() {
        let letter = letter(new_device(
            "x\r\nBcc: eve@example.com\r\n\u{1b}[31m<img src=x onerror=alert(1)>",
        ));
        assert!(
            letter.text.contains("xBcc: eve@example.com[31m<img"),
            "{}",
            letter.text
        );
        assert!(!letter.text.contains(['\r', '\u{1b}']));
        assert!(
            letter.html.contains("&lt;img src=x onerror=alert(1)&gt;"),
            "{}",
            letter.html
        );
    }

    #[test]
    fn what_others_wrote_is_cut() {
        let letter = letter(new_device(&"字".repeat(10_000)));
        assert!(letter.text.len() < 1_000);
    }

    #[test]
    fn a_change_that_is_not_known_is_told_of_all_the_same() {
        let letter = letter(Message::SecurityChanged {
            action: "from.the.future".to_owned(),
        });
        assert!(
            letter
                .text
                .contains("Something was changed in the security settings of your")
        );
    }

    #[test]
    fn threat_73_debug_of_a_letter_shows_no_link() {
        let letter = letter(Message::ResetPassword { secret: secret() });
        assert!(!format!("{letter:?}").contains("token"));
    }
}
