//! Log lines: to standard error, off the threads that answer requests, dropped rather than waited for.

use std::io::{self, IsTerminal, Write};
use std::panic;

use parlance_http::metrics::GaugeSource;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use crate::settings::{LogFormat, LogSettings};

/// How many lines may wait to be written before new ones are dropped.
const BUFFERED_LINES: usize = 16_384;

/// Tells what devices sent, and of every answer of theirs that is not good as of an error.
const TOO_TALKATIVE: &str = "webauthn_rs_core=off";

/// Writes log lines while it lives; dropped, what waits is written.
pub struct Logs {
    dropped: ErrorCounter,
    _writer: WorkerGuard,
}

impl Logs {
    /// Begins to write log lines.
    pub fn start(settings: &LogSettings) -> anyhow::Result<Self> {
        let (writer, guard) = NonBlockingBuilder::default()
            .lossy(true)
            .buffered_lines_limit(BUFFERED_LINES)
            .finish(Stubborn(io::stderr()));
        let dropped = writer.error_counter();
        let filter = EnvFilter::try_new(&settings.filter)?.add_directive(TOO_TALKATIVE.parse()?);
        tracing_subscriber::registry()
            .with(layer(settings.format, writer).with_filter(filter))
            .try_init()?;
        log_panics();
        Ok(Self {
            dropped,
            _writer: guard,
        })
    }

    /// Tells how many lines were dropped because they came faster than they could be written.
    pub fn gauge(&self) -> GaugeSource {
        let dropped = self.dropped.clone();
        GaugeSource::new("log_lines_dropped", "Log lines dropped", move || {
            // More than 2³² of them are as bad.
            f64::from(u32::try_from(dropped.dropped_lines()).unwrap_or(u32::MAX))
        })
    }
}

fn layer<S>(format: LogFormat, writer: NonBlocking) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    let pretty = match format {
        LogFormat::Pretty => true,
        LogFormat::Json => false,
        LogFormat::Auto => io::stderr().is_terminal(),
    };
    let layer = fmt::layer().with_writer(writer).log_internal_errors(false);
    if pretty {
        layer.with_ansi(io::stderr().is_terminal()).compact().boxed()
    } else {
        layer
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .boxed()
    }
}

/// Makes a panic a log line.
fn log_panics() {
    panic::set_hook(Box::new(|info| {
        // A message that was put together may hold what a user sent; one that stands in the source does not.
        let message = info.payload().downcast_ref::<&'static str>().copied();
        let location = info.location().map(ToString::to_string);
        tracing::error!(
            message = message.unwrap_or("panic"),
            location = location.as_deref().unwrap_or("unknown"),
            panic = true
        );
    }));
}

/// A writer whose failures nobody hears of: a closed standard error must not end the process.
struct Stubborn<W>(W);

impl<W: Write> Write for Stubborn<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = self.0.flush();
        Ok(())
    }
}

/// Writes a text to standard output; whoever closed it does not want it.
pub fn say(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    let _ = out.write_all(b"\n");
    let _ = out.flush();
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }

    #[test]
    fn threat_71_a_closed_output_is_no_error() {
        let mut writer = Stubborn(Closed);
        assert_eq!(writer.write(b"line").unwrap(), 4);
        writer.flush().unwrap();
    }
}
