//! Sends letters by SMTP (RFC 5321).

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use parlance_domain::accounts::Email;
use parlance_domain::mail::{Letter, Mailer, MailerError, MailerErrorKind, SEND_DEADLINE};
use secrecy::ExposeSecret;
use tokio::time::timeout;

use crate::compose::{Composed, Sender};
use crate::config::{Encryption, SmtpConfig};
use crate::idle::Idle;

/// How long a connection that was kept may take to show that it is still there.
const STILL_THERE: Duration = Duration::from_secs(2);

/// How long each of its addresses may take to be reached.
const EACH_ADDRESS: Duration = Duration::from_secs(8);

/// Sends letters by SMTP.
///
/// A connection is used for one letter after the other; one on which an answer is missing is never used again, for it
/// could be taken for the answer to something else.
pub struct SmtpMailer {
    config: SmtpConfig,
    sender: Sender,
    deadline: Duration,
    tls: Option<TlsParameters>,
    hello: ClientId,
    idle: Idle,
}

/// Why nothing can be sent by SMTP.
#[derive(Debug, thiserror::Error)]
pub enum SmtpError {
    /// The certificates to trust cannot be read.
    #[error("the certificates in {path} cannot be read")]
    Certificates {
        /// Their file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// TLS cannot be set up.
    #[error("tls cannot be set up")]
    Tls(#[source] Error),
}

impl SmtpMailer {
    /// Sends from this sender by this server, which is not asked yet. Certificates are read now.
    pub fn new(config: SmtpConfig, sender: Sender) -> Result<Self, SmtpError> {
        let tls = match config.encryption {
            Encryption::None => None,
            Encryption::Whole | Encryption::StartTls => Some(tls(&config)?),
        };
        Ok(Self {
            config,
            sender,
            deadline: SEND_DEADLINE,
            tls,
            hello: ClientId::default(),
            idle: Idle::default(),
        })
    }

    /// The same with another deadline for each letter, where tests do not wait for the usual one.
    #[must_use]
    pub fn with_deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    async fn deliver(&self, composed: &Composed) -> Result<(), MailerError> {
        let mut connection = match self.kept().await {
            Some(connection) => connection,
            None => self.connect().await.map_err(|error| before_the_mail(&error))?,
        };
        send(&mut connection, composed).await?;
        self.idle.keep(connection);
        Ok(())
    }

    /// A connection that was kept and is still there.
    async fn kept(&self) -> Option<AsyncSmtpConnection> {
        while let Some(mut connection) = self.idle.take() {
            let is_there = timeout(STILL_THERE, connection.test_connected()).await;
            if is_there == Ok(true) {
                return Some(connection);
            }
        }
        None
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Error> {
        let SmtpConfig {
            host,
            port,
            encryption,
            login,
            ..
        } = &self.config;
        let from_the_beginning = self.tls.clone().filter(|_| *encryption == Encryption::Whole);
        let server = (host.as_str(), *port);
        let (hello, each) = (&self.hello, Some(EACH_ADDRESS));
        let connected = AsyncSmtpConnection::connect_tokio1(server, each, hello, from_the_beginning, None);
        let mut connection = connected.await?;
        if let (Encryption::StartTls, Some(tls)) = (encryption, &self.tls) {
            connection.starttls(tls.clone(), &self.hello).await?;
        }
        if let Some((user, password)) = login {
            let credentials = Credentials::new(user.clone(), password.expose_secret().to_owned());
            connection
                .auth(&[Mechanism::Plain, Mechanism::Login], &credentials)
                .await?;
        }
        Ok(connection)
    }
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn send(&self, to: &Email, letter: &Letter) -> Result<(), MailerError> {
        let composed = self.sender.compose(to, letter);
        let composed = composed.map_err(|error| MailerError::caused_by(MailerErrorKind::Never, error))?;
        let delivered = timeout(self.deadline, self.deliver(&composed)).await;
        delivered.unwrap_or_else(|_| {
            let error = io::Error::from(io::ErrorKind::TimedOut);
            Err(MailerError::caused_by(MailerErrorKind::Unreachable, error))
        })
    }
}

fn tls(config: &SmtpConfig) -> Result<TlsParameters, SmtpError> {
    let mut builder = TlsParameters::builder(config.host.clone());
    if let Some(path) = &config.ca_file {
        builder = builder.certificate_store(CertificateStore::None);
        builder = builder.add_root_certificate(certificates(path)?);
    }
    builder.build_rustls().map_err(SmtpError::Tls)
}

/// All certificates of a file.
fn certificates(path: &Path) -> Result<Certificate, SmtpError> {
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| SmtpError::Certificates {
        path: path.to_owned(),
        source,
    };
    let pem = std::fs::read(path).map_err(|error| failed(error.into()))?;
    Certificate::from_pem(&pem).map_err(|error| failed(error.into()))
}

/// Sends a mail; lettre's own way says farewell before it tells of a refusal, and may wait for an answer to that.
async fn send(connection: &mut AsyncSmtpConnection, composed: &Composed) -> Result<(), MailerError> {
    let Composed { from, to, bytes } = composed;
    let mut parameters = Vec::new();
    if !to.to_string().is_ascii() {
        if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
            let reason = "the server takes no address that is not ASCII";
            return Err(MailerError::caused_by(MailerErrorKind::Never, reason));
        }
        parameters.push(MailParameter::SmtpUtfEight);
    }
    let dialogue = async {
        connection
            .command(Mail::new(Some(from.clone()), parameters))
            .await?;
        connection.command(Rcpt::new(to.clone(), Vec::new())).await?;
        connection.command(Data).await?;
        connection.message(bytes).await
    };
    let taken = dialogue.await;
    taken.map(|_| ()).map_err(|error| about_the_mail(&error))
}

/// What went wrong before the server heard of any mail: it says nothing about one.
fn before_the_mail(error: &Error) -> MailerError {
    failure(MailerErrorKind::Unreachable, error)
}

/// What the server made of a mail.
fn about_the_mail(error: &Error) -> MailerError {
    let kind = match error.status().map(u16::from) {
        // There is no answer; or the server is about to go, or wants to know who we are: no mail would be taken.
        None | Some(421 | 530 | 534 | 535 | 538) => MailerErrorKind::Unreachable,
        Some(400..500) => MailerErrorKind::NotNow,
        Some(_) => MailerErrorKind::Never,
    };
    failure(kind, error)
}

/// Leaves out what the server said: it may name the reader.
fn failure(kind: MailerErrorKind, error: &Error) -> MailerError {
    match error.status() {
        Some(code) => MailerError::replied(kind, code.into()),
        None if error.is_response() => MailerError::caused_by(kind, "the answer cannot be read"),
        None => MailerError::caused_by(kind, error.to_string()),
    }
}
