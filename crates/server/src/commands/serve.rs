//! `parlance serve`: serves until it is told to stop.

use anyhow::bail;

use crate::banner::banner;
use crate::logs::{Logs, say};
use crate::server::{Options, Server};
use crate::settings::Settings;
use crate::shutdown::Signals;

/// Serves; the first signal ends it in good order, the second at once.
pub(super) async fn run(settings: Settings) -> anyhow::Result<()> {
    let logs = Logs::start(&settings.logs)?;
    let served = serve(&settings, &logs).await;
    // What waits is written before the error is.
    drop(logs);
    served
}

async fn serve(settings: &Settings, logs: &Logs) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    let options = Options {
        gauges: vec![logs.gauge()],
        ..Options::default()
    };
    let mut server = tokio::select! {
        started = Server::start(settings, options) => started?,
        _ = signals.next() => return Ok(()),
    };
    greet(settings, &server);
    tokio::select! {
        signal = signals.next() => tracing::info!(signal, "stopping"),
        ended = server.ended() => bail!("the listener ended by itself: {ended:?}"),
    }
    signals.exit_on_next();
    server.stop(settings.drain).await;
    tracing::info!("stopped");
    Ok(())
}

fn greet(settings: &Settings, server: &Server) {
    tracing::info!(
        address = %server.address(),
        metrics = server.metrics_address().map(tracing::field::display),
        environment = settings.environment.as_str(),
        data = %settings.data_dir.display(),
        "listening"
    );
    if !settings.is_production() {
        say(&banner(
            settings,
            server.address(),
            server.metrics_address(),
            server.loaded(),
        ));
    }
}
