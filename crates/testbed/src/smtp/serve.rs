//! Connections of clients that send mail.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use mailin::{Action, AuthMechanism, Handler, Response, Session, SessionBuilder, response};
use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio_rustls::TlsAcceptor;

use super::{FakeSmtp, ReceivedMail, SmtpBehaviour, SmtpEncryption, State};
use crate::tls::TlsFiles;

/// No mail of ours is longer.
const LONGEST_MAIL: usize = 1 << 20;

trait Connection: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Connection for T {}

/// Encrypts with this certificate.
pub(super) fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor> {
    let certificates = CertificateDer::pem_file_iter(files.certificate())?.collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_file(files.key())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificates, key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Takes connections until it is dropped, and them with it.
pub(super) async fn accept(
    listener: std::net::TcpListener,
    state: Arc<State>,
    acceptor: Option<TlsAcceptor>,
) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        *state.connections.lock() += 1;
        let (state, acceptor) = (Arc::clone(&state), acceptor.clone());
        connections.spawn(async move {
            // A client that breaks off is what many a test is about.
            let _ = converse(Box::new(stream), state, acceptor).await;
        });
    }
}

async fn converse(
    mut stream: Box<dyn Connection>,
    state: Arc<State>,
    acceptor: Option<TlsAcceptor>,
) -> Result<()> {
    let is_about_connections = |behaviour| {
        matches!(
            behaviour,
            SmtpBehaviour::Hang | SmtpBehaviour::RefuseConnection(_)
        )
    };
    match state.take(is_about_connections) {
        SmtpBehaviour::Hang => std::future::pending().await,
        SmtpBehaviour::RefuseConnection(code) => {
            let refusal = format!("{code} not now\r\n");
            return Ok(stream.write_all(refusal.as_bytes()).await?);
        }
        _ => {}
    }
    let encryption = state.terms.encryption;
    if let (SmtpEncryption::Whole, Some(acceptor)) = (encryption, &acceptor) {
        stream = encrypted(acceptor, stream).await?;
    }
    let talk = Arc::new(Talk::default());
    let mut session = session(&state, &talk);
    if encryption == SmtpEncryption::Whole {
        session.tls_active();
        talk.encrypted.store(true, Ordering::Relaxed);
    }
    let mut stream = BufReader::new(stream);
    answer(&mut stream, &session.greeting()).await?;
    let mut line = Vec::new();
    loop {
        line.clear();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        let response = session.process(&line);
        if talk.hangs.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        let delay = std::mem::take(&mut *talk.delay.lock());
        tokio::time::sleep(delay).await;
        if talk.is_cut.load(Ordering::Relaxed) {
            return Ok(());
        }
        answer(&mut stream, &response).await?;
        if talk.is_over.load(Ordering::Relaxed) {
            return Ok(());
        }
        match response.action {
            Action::Close => return Ok(()),
            Action::UpgradeTls => {
                let acceptor = acceptor.as_ref().context("there is no certificate")?;
                stream = BufReader::new(encrypted(acceptor, stream.into_inner()).await?);
                session.tls_active();
                talk.encrypted.store(true, Ordering::Relaxed);
            }
            Action::Reply | Action::NoReply => {}
        }
    }
}

async fn encrypted(acceptor: &TlsAcceptor, stream: Box<dyn Connection>) -> Result<Box<dyn Connection>> {
    Ok(Box::new(acceptor.accept(stream).await?))
}

async fn answer(stream: &mut BufReader<Box<dyn Connection>>, response: &Response) -> Result<()> {
    let mut bytes = Vec::new();
    response.write_to(&mut bytes)?;
    stream.write_all(&bytes).await?;
    Ok(stream.flush().await?)
}

fn session(state: &Arc<State>, talk: &Arc<Talk>) -> Session<Receiver> {
    let mut builder = SessionBuilder::new("mail.test");
    if state.terms.encryption == SmtpEncryption::StartTls {
        builder.enable_start_tls();
    }
    if state.terms.login {
        builder.enable_auth(AuthMechanism::Plain);
        if state.terms.encryption == SmtpEncryption::None {
            builder.insecure_enable_plaintext_auth();
        }
    }
    let receiver = Receiver {
        state: Arc::clone(state),
        talk: Arc::clone(talk),
        behaviour: SmtpBehaviour::Right,
        from: String::new(),
        to: Vec::new(),
        raw: Vec::new(),
    };
    builder.build(IpAddr::V4(Ipv4Addr::LOCALHOST), receiver)
}

/// What both sides of a connection know.
#[derive(Debug, Default)]
struct Talk {
    encrypted: AtomicBool,
    logged_in: AtomicBool,
    /// It gets no more answers.
    hangs: AtomicBool,
    /// How long the next answer takes.
    delay: Mutex<Duration>,
    /// It ends without the next answer.
    is_cut: AtomicBool,
    /// It ends with the next answer: `mailin` takes whatever follows a mail that was refused for more of that mail.
    is_over: AtomicBool,
}

struct Receiver {
    state: Arc<State>,
    talk: Arc<Talk>,
    behaviour: SmtpBehaviour,
    from: String,
    to: Vec<String>,
    raw: Vec<u8>,
}

fn refusal(code: u16) -> Response {
    Response::custom(code, "refused as it was told to be".to_owned())
}

impl Receiver {
    fn keep(&mut self) -> Result<()> {
        let raw = std::mem::take(&mut self.raw);
        let received = ReceivedMail {
            from: std::mem::take(&mut self.from),
            to: std::mem::take(&mut self.to),
            encrypted: self.talk.encrypted.load(Ordering::Relaxed),
            logged_in: self.talk.logged_in.load(Ordering::Relaxed),
            ..ReceivedMail::parse(raw)?
        };
        self.state.mails.lock().push(received);
        Ok(())
    }
}

impl Handler for Receiver {
    fn auth_plain(&mut self, _: &str, user: &str, password: &str) -> Response {
        if (user, password) != (FakeSmtp::USER, FakeSmtp::PASSWORD) {
            return response::INVALID_CREDENTIALS;
        }
        self.talk.logged_in.store(true, Ordering::Relaxed);
        response::AUTH_OK
    }

    fn mail(&mut self, _: IpAddr, _: &str, from: &str) -> Response {
        let is_about_mails = |behaviour| {
            !matches!(
                behaviour,
                SmtpBehaviour::Hang | SmtpBehaviour::RefuseConnection(_)
            )
        };
        self.behaviour = self.state.take(is_about_mails);
        from.clone_into(&mut self.from);
        self.to.clear();
        self.raw.clear();
        response::OK
    }

    fn rcpt(&mut self, to: &str) -> Response {
        if let SmtpBehaviour::RefuseReader(code) = self.behaviour {
            return refusal(code);
        }
        self.to.push(to.to_owned());
        response::OK
    }

    fn data(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        if self.raw.len() + bytes.len() > LONGEST_MAIL {
            return Err(std::io::Error::other("the mail is too long"));
        }
        self.raw.extend_from_slice(bytes);
        Ok(())
    }

    fn data_end(&mut self) -> Response {
        match self.behaviour {
            SmtpBehaviour::RefuseMail(code) => {
                self.talk.is_over.store(true, Ordering::Relaxed);
                return refusal(code);
            }
            SmtpBehaviour::HangAtEnd => {
                self.talk.hangs.store(true, Ordering::Relaxed);
                return response::OK;
            }
            SmtpBehaviour::LoseAnswer => self.talk.is_cut.store(true, Ordering::Relaxed),
            SmtpBehaviour::Slow(delay) => *self.talk.delay.lock() = delay,
            _ => {}
        }
        if self.behaviour == SmtpBehaviour::LoseAnswer {
            self.talk.is_cut.store(true, Ordering::Relaxed);
        }
        match self.keep() {
            Ok(()) => response::OK,
            Err(_) => response::TRANSACTION_FAILED,
        }
    }
}
