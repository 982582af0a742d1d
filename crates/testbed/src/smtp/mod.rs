//! A server that receives mail by SMTP, and misbehaves as it is told.

mod mail;
mod serve;

use std::collections::VecDeque;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

pub use self::mail::ReceivedMail;
use crate::port::Port;
use crate::tls::TlsFiles;

/// How a mail, or a connection, is received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpBehaviour {
    /// As it should be.
    Right,
    /// The connection is greeted with this code and closed.
    RefuseConnection(u16),
    /// The connection is never greeted.
    Hang,
    /// The reader is refused with this code.
    RefuseReader(u16),
    /// The mail is refused with this code once it is there.
    RefuseMail(u16),
    /// The mail is there, and nothing is ever said about it; it is not kept.
    HangAtEnd,
    /// The mail is kept, and the connection cut instead of an answer.
    LoseAnswer,
    /// The mail is kept, and that is said after this time.
    Slow(Duration),
}

/// What is asked of clients.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SmtpTerms {
    /// Whether they must say who they are: [`FakeSmtp::USER`] with [`FakeSmtp::PASSWORD`].
    pub login: bool,
    /// How the connection is encrypted.
    pub encryption: SmtpEncryption,
}

/// How connections are encrypted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SmtpEncryption {
    /// Not at all.
    #[default]
    None,
    /// From the moment the client asks for it.
    StartTls,
    /// From the beginning.
    Whole,
}

#[derive(Debug)]
struct State {
    terms: SmtpTerms,
    usual: Mutex<SmtpBehaviour>,
    next: Mutex<VecDeque<SmtpBehaviour>>,
    mails: Mutex<Vec<ReceivedMail>>,
    connections: Mutex<u64>,
}

impl State {
    /// How the next mail is received; or the next connection, where that is about one.
    fn take(&self, is_for: impl Fn(SmtpBehaviour) -> bool) -> SmtpBehaviour {
        let mut next = self.next.lock();
        let behaviour = next.front().copied().unwrap_or(*self.usual.lock());
        if !is_for(behaviour) {
            return SmtpBehaviour::Right;
        }
        next.pop_front();
        behaviour
    }
}

/// A server that receives mail on this machine until it is dropped; it can be stopped and come back.
pub struct FakeSmtp {
    port: Port,
    state: Arc<State>,
    tls: Option<TlsFiles>,
    running: Mutex<Option<Running>>,
}

struct Running {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl FakeSmtp {
    /// Who may send.
    pub const USER: &str = "parlance";
    /// The password that goes with it; what stands for it in a URL has `%20` for the space and `%2F` for the slash.
    pub const PASSWORD: &str = "pass of tests/opens nothing";

    /// Starts one that takes mail from everybody, without encryption.
    pub fn start() -> Result<Self> {
        Self::start_with(SmtpTerms::default())
    }

    /// Starts one on these terms.
    pub fn start_with(terms: SmtpTerms) -> Result<Self> {
        let tls = (terms.encryption != SmtpEncryption::None).then(TlsFiles::create);
        let server = Self {
            port: Port::claim()?,
            state: Arc::new(State {
                terms,
                usual: Mutex::new(SmtpBehaviour::Right),
                next: Mutex::default(),
                mails: Mutex::default(),
                connections: Mutex::default(),
            }),
            tls: tls.transpose()?,
            running: Mutex::new(None),
        };
        server.resume()?;
        Ok(server)
    }

    /// Its address as a setting has it, with the login where it wants one.
    pub fn url(&self) -> String {
        let login = if self.state.terms.login {
            "parlance:pass%20of%20tests%2Fopens%20nothing@"
        } else {
            ""
        };
        let (scheme, query) = match self.state.terms.encryption {
            SmtpEncryption::None => ("smtp", "?starttls=never"),
            SmtpEncryption::StartTls => ("smtp", ""),
            SmtpEncryption::Whole => ("smtps", ""),
        };
        format!("{scheme}://{login}localhost:{}{query}", self.port.number())
    }

    /// What its certificate is trusted by, where it has one.
    pub fn tls(&self) -> Option<&TlsFiles> {
        self.tls.as_ref()
    }

    /// Receives the next mails like this, one by one.
    pub fn next(&self, behaviours: &[SmtpBehaviour]) {
        self.state.next.lock().extend(behaviours);
    }

    /// Receives mails like this from now on.
    pub fn always(&self, behaviour: SmtpBehaviour) {
        *self.state.usual.lock() = behaviour;
    }

    /// What was received.
    pub fn mails(&self) -> Vec<ReceivedMail> {
        self.state.mails.lock().clone()
    }

    /// How many connections there were.
    pub fn connections(&self) -> u64 {
        *self.state.connections.lock()
    }

    /// Refuses connections and cuts those that there are.
    pub fn stop(&self) {
        if let Some(Running { stop, thread }) = self.running.lock().take() {
            // It may have ended by itself.
            let _ = stop.send(());
            let _ = thread.join();
        }
    }

    /// Listens again.
    pub fn resume(&self) -> Result<()> {
        let mut running = self.running.lock();
        if running.is_some() {
            return Ok(());
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port.number()))
            .with_context(|| format!("cannot listen on port {}", self.port.number()))?;
        listener.set_nonblocking(true)?;
        let acceptor: Option<TlsAcceptor> = self.tls.as_ref().map(serve::acceptor).transpose()?;
        let (stop, stopped) = oneshot::channel();
        let state = Arc::clone(&self.state);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = std::thread::Builder::new()
            .name("smtp".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = serve::accept(listener, state, acceptor) => {}
                        _ = stopped => {}
                    }
                });
            })?;
        *running = Some(Running { stop, thread });
        Ok(())
    }
}

impl Drop for FakeSmtp {
    fn drop(&mut self) {
        self.stop();
    }
}
