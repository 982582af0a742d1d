//! How mail is sent, from whom, and where its links lead.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use parlance_domain::mail::LinkPattern;
use parlance_mail::{Sender, SmtpConfig};
use url::Url;

use super::reader::Reader;

/// How mail is sent, from whom, and where its links lead.
#[derive(Debug, Clone)]
pub struct MailSettings {
    /// How it is sent.
    pub delivery: MailDelivery,
    /// From whom; known wherever mail is sent.
    pub sender: Option<Sender>,
    /// What the product is called.
    pub product: String,
    /// Where the front end is.
    pub public_url: String,
    /// What links to it look like.
    pub link: LinkPattern,
}

/// How mail is sent.
#[derive(Debug, Clone)]
pub enum MailDelivery {
    /// By a server.
    Smtp(SmtpConfig),
    /// Into a folder.
    Folder(PathBuf),
    /// Not at all.
    Nobody,
}

/// What `MAIL_PROVIDER` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Auto,
    Smtp,
    Folder,
    Nobody,
}

/// By the server of `SMTP_URL`; in development into a folder where there is none.
pub(super) fn mail(reader: &mut Reader<'_>, data_dir: &Path, port: u16) -> MailSettings {
    let delivery = delivery(reader, data_dir);
    let must_be_set = reader.is_production() && !matches!(delivery, MailDelivery::Nobody);
    for name in ["MAIL_FROM", "PUBLIC_URL"] {
        if must_be_set && reader.text(name).is_none() {
            reader.refuse(name, "must be set in production, where mail is sent");
        }
    }
    let is_production = reader.is_production();
    let public_url = reader.read("PUBLIC_URL", |text| parse_public_url(text, is_production));
    MailSettings {
        delivery,
        sender: reader.read("MAIL_FROM", parse),
        product: reader.read("PRODUCT_NAME", parse_product).unwrap_or_default(),
        public_url: public_url.unwrap_or_else(|| format!("http://localhost:{port}")),
        link: reader.read("MAIL_LINK", parse).unwrap_or_default(),
    }
}

fn delivery(reader: &mut Reader<'_>, data_dir: &Path) -> MailDelivery {
    let wish = reader.choice(
        "MAIL_PROVIDER",
        &[
            ("auto", Wish::Auto),
            ("smtp", Wish::Smtp),
            ("folder", Wish::Folder),
            ("none", Wish::Nobody),
        ],
    );
    let is_named = reader.text("SMTP_URL").is_some();
    let server = reader.read("SMTP_URL", parse::<SmtpConfig>);
    let ca_file = reader.text("SMTP_CA_FILE").map(PathBuf::from);
    match wish {
        Wish::Smtp if !is_named => reader.refuse("SMTP_URL", "must be set where MAIL_PROVIDER is `smtp`"),
        Wish::Auto if !is_named && reader.is_production() => reader.refuse(
            "SMTP_URL",
            "must be set in production, and MAIL_FROM and PUBLIC_URL with it; else set MAIL_PROVIDER to `none`, and nobody \
             can set a new password by mail",
        ),
        Wish::Auto if !is_named => return MailDelivery::Folder(data_dir.join("mail")),
        Wish::Folder => return MailDelivery::Folder(data_dir.join("mail")),
        Wish::Auto | Wish::Smtp | Wish::Nobody => {}
    }
    match server {
        Some(server) if wish != Wish::Nobody => MailDelivery::Smtp(SmtpConfig { ca_file, ..server }),
        _ => MailDelivery::Nobody,
    }
}

fn parse<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

/// The name stands in subjects.
fn parse_product(text: &str) -> Result<String, String> {
    let fits = text.chars().count() <= 64 && !text.contains(char::is_control);
    let wrong = || "must be at most 64 characters, and no line breaks".to_owned();
    fits.then(|| text.to_owned()).ok_or_else(wrong)
}

fn parse_public_url(text: &str, is_production: bool) -> Result<String, String> {
    let wrong = || {
        "must be https:// or http:// and a host, perhaps a path, without login, query or fragment".to_owned()
    };
    let url = Url::parse(text).map_err(|_| wrong())?;
    let is_plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    match url.scheme() {
        "http" if is_production => Err("must be https:// in production: links to it hold secrets".to_owned()),
        "https" | "http" if is_plain && url.has_host() => Ok(url.into()),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::{development, production, subjects};

    const SERVER: (&str, &str) = ("SMTP_URL", "smtp://parlance:hunter2@mail.example.com");
    const FROM: (&str, &str) = ("MAIL_FROM", "Parlance <mail@example.com>");
    const FRONT_END: (&str, &str) = ("PUBLIC_URL", "https://app.example.com/learn");

    #[test]
    fn mail_goes_into_a_folder_in_development_unless_a_server_is_named() {
        let settings = development([("PORT", "4711")]).unwrap().mail;
        assert!(matches!(settings.delivery, MailDelivery::Folder(path) if path == Path::new("./data/mail")));
        assert_eq!(settings.public_url, "http://localhost:4711");
        assert_eq!(
            settings.sender.unwrap().to_string(),
            "Parlance <parlance@localhost>"
        );
        let delivery = development([SERVER]).unwrap().mail.delivery;
        assert!(matches!(delivery, MailDelivery::Smtp(server) if server.host == "mail.example.com"));
        let delivery = development([SERVER, ("MAIL_PROVIDER", "none")])
            .unwrap()
            .mail
            .delivery;
        assert!(matches!(delivery, MailDelivery::Nobody));
    }

    #[test]
    fn production_wants_to_know_how_mail_is_sent_or_that_it_is_not() {
        let auto = ("MAIL_PROVIDER", "auto");
        assert_eq!(subjects(production([auto])), ["SMTP_URL"]);
        assert_eq!(subjects(production([auto, SERVER])), ["MAIL_FROM", "PUBLIC_URL"]);
        let settings = production([auto, SERVER, FROM, FRONT_END]).unwrap().mail;
        assert_eq!(settings.public_url, "https://app.example.com/learn");
        assert!(!format!("{settings:?}").contains("hunter2"));
        assert!(production([("MAIL_PROVIDER", "none")]).is_ok());
        let folder = [("MAIL_PROVIDER", "folder"), FROM, FRONT_END];
        assert!(matches!(
            production(folder).unwrap().mail.delivery,
            MailDelivery::Folder(_)
        ));
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        for (name, value) in [
            ("MAIL_PROVIDER", "sendmail"),
            ("SMTP_URL", "mail.example.com"),
            ("SMTP_URL", "smtp://parlance:hunter2@relay:25?starttls=never"),
            ("MAIL_FROM", "Parlance"),
            ("MAIL_FROM", "Parlance\r\nBcc: eve@example.com <mail@example.com>"),
            ("PUBLIC_URL", "app.example.com"),
            ("PUBLIC_URL", "https://user:secret@app.example.com"),
            ("PUBLIC_URL", "https://app.example.com/?page="),
            ("PRODUCT_NAME", "Parlance\r\nBcc: eve@example.com"),
            ("MAIL_LINK", "/{page}"),
        ] {
            assert_eq!(subjects(development([(name, value)])), [name], "{value}");
        }
        assert_eq!(subjects(development([("MAIL_PROVIDER", "smtp")])), ["SMTP_URL"]);
    }

    #[test]
    fn links_of_production_are_encrypted() {
        let plain = production([
            SERVER,
            FROM,
            ("MAIL_PROVIDER", "auto"),
            ("PUBLIC_URL", "http://app.example.com"),
        ]);
        assert_eq!(subjects(plain), ["PUBLIC_URL"]);
    }
}
