//! The mails that were written, as the outbox has them.

use parlance_domain::accounts::SecretTokens;
use parlance_domain::mail::Message;
use secrecy::{ExposeSecret, SecretString};

use super::TestApp;

/// A mail in the outbox, sent or not.
#[derive(Debug, Clone)]
pub(crate) struct TestMail {
    /// What it is about.
    pub(crate) message: Message,
    /// The token of its link, if it has one.
    pub(crate) token: Option<String>,
}

impl TestApp {
    /// The mails to an address, the oldest first.
    pub(crate) fn mails_to(&self, email: &str) -> Vec<TestMail> {
        let query = format!("SELECT message FROM outbox WHERE recipient = '{email}' ORDER BY id");
        let tokens = SecretTokens::new(&self.secret());
        let messages = self.place().texts(&query).into_iter();
        messages
            .map(|text| {
                let message = Message::of_json(&text).unwrap();
                let token = message.link().map(|(purpose, id)| tokens.write(purpose, id));
                let token = token.map(|token| token.expose_secret().to_owned());
                TestMail { message, token }
            })
            .collect()
    }

    /// The token of the link in the last mail to an address.
    pub(crate) fn token_to(&self, email: &str) -> String {
        let last = self.mails_to(email).pop();
        let last = last.unwrap_or_else(|| panic!("no mail to {email}"));
        last.token
            .unwrap_or_else(|| panic!("no link in {:?}", last.message))
    }

    /// What tokens are made with.
    fn secret(&self) -> SecretString {
        let path = self.data_dir().join("development.secret");
        std::fs::read_to_string(path).unwrap().trim().into()
    }
}
