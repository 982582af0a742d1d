//! A mail that was received, taken apart.

use anyhow::{Context, Result};
use mail_parser::MessageParser;

/// A mail as it came.
#[derive(Debug, Clone)]
pub struct ReceivedMail {
    /// Who sent it, as the envelope has it.
    pub from: String,
    /// Who is to read it, as the envelope has it.
    pub to: Vec<String>,
    /// The `Subject`, decoded.
    pub subject: String,
    /// The `Message-ID`, without its angle brackets.
    pub message_id: String,
    /// The names of its header fields and what is behind them, as they came.
    pub headers: Vec<(String, String)>,
    /// The plain text, with line feeds alone.
    pub text: String,
    /// The HTML, with line feeds alone.
    pub html: String,
    /// All of it.
    pub raw: Vec<u8>,
    /// Whether it came over TLS.
    pub encrypted: bool,
    /// Whether its sender had said who they are.
    pub logged_in: bool,
}

impl ReceivedMail {
    /// Takes a mail apart, such as one in a file; who sends and who reads it is what it says itself.
    pub fn parse(raw: Vec<u8>) -> Result<Self> {
        let mail = MessageParser::default().parse(&raw).context("this is no mail")?;
        let address = |found: Option<&mail_parser::Address<'_>>| {
            let found = found.into_iter().flat_map(|addresses| addresses.iter());
            found
                .filter_map(|one| one.address().map(str::to_owned))
                .collect::<Vec<_>>()
        };
        let body = |body: Option<std::borrow::Cow<'_, str>>| body.unwrap_or_default().replace("\r\n", "\n");
        let headers = mail
            .headers_raw()
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let parsed = Self {
            from: address(mail.from()).concat(),
            to: address(mail.to()),
            subject: mail.subject().unwrap_or_default().to_owned(),
            message_id: mail.message_id().unwrap_or_default().to_owned(),
            headers: headers.collect(),
            text: body(mail.body_text(0)),
            html: body(mail.body_html(0)),
            raw: Vec::new(),
            encrypted: false,
            logged_in: false,
        };
        Ok(Self { raw, ..parsed })
    }

    /// What stands behind a header field, without space around it.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim())
    }

    /// The first link with a token in its plain text.
    pub fn link(&self) -> Option<&str> {
        let mut words = self.text.split_whitespace();
        words.find(|word| word.starts_with("http") && word.contains("token="))
    }

    /// The token of that link.
    pub fn token(&self) -> Option<&str> {
        self.link()
            .and_then(|link| link.split_once("token="))
            .map(|(_, token)| token)
    }
}
