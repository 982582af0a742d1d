//! `parlance speech`: makes speech without anybody asking for it.

mod prewarm;
mod progress;

use clap::Subcommand;

use crate::logs::Logs;
use crate::settings::Settings;

/// What to do with speech.
#[derive(Debug, Subcommand)]
pub(super) enum SpeechCommand {
    /// Have the words of a list spoken ahead of time, so that learners never wait for them
    ///
    /// What was spoken before is skipped: a run that was broken off is gone on with by running it again. It needs the
    /// Redis and the object store that the servers use, spends from the budget of the installation
    /// (`SPEECH_CHARACTERS_PER_DAY`), and stops when that is spent or the provider keeps failing.
    Prewarm(prewarm::Prewarm),
}

/// Does what was asked for.
pub(super) async fn run(settings: Settings, command: SpeechCommand) -> anyhow::Result<()> {
    let SpeechCommand::Prewarm(prewarm) = command;
    let logs = Logs::start(&settings.logs)?;
    let done = prewarm.run(&settings).await;
    // What waits is written before the error is.
    drop(logs);
    done
}
