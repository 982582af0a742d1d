//! A server of HTTP in a thread of its own, for those that stand for services of others.

use std::sync::mpsc;
use std::thread::JoinHandle;

use actix_web::dev::{Server, ServerHandle};
use anyhow::{Context, Result};

use crate::port::Port;

/// A server that runs until it is dropped.
#[derive(Debug)]
pub(crate) struct Listener {
    port: Port,
    server: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Runs what `listen` makes of a port, in a thread of this name.
    pub(crate) fn start(
        name: &str,
        port: Port,
        listen: impl FnOnce(u16) -> Result<Server> + Send + 'static,
    ) -> Result<Self> {
        let (sender, receiver) = mpsc::channel();
        let number = port.number();
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                match listen(number) {
                    Ok(server) => {
                        // Whoever waits for it is gone only if the test is.
                        let _ = sender.send(Ok(server.handle()));
                        let _ = server.await;
                    }
                    Err(error) => drop(sender.send(Err(error))),
                }
            });
        })?;
        let server = receiver.recv().context("the server did not start")??;
        Ok(Self {
            port,
            server,
            thread: Some(thread),
        })
    }

    /// Where it is, without a slash at its end.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port.number())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // The order to stop is sent here; its answer is that the thread ends.
        drop(self.server.stop(false));
        if let Some(thread) = self.thread.take() {
            // A server that panicked has told so.
            let _ = thread.join();
        }
    }
}
