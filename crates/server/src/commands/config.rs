//! `parlance config`: says what is wrong with the settings, or what they are.

use clap::Subcommand;

use crate::logs::say;
use crate::settings::Settings;

/// What to do with settings.
#[derive(Debug, Clone, Copy, Subcommand)]
pub(super) enum ConfigCommand {
    /// Say everything that is wrong with the settings, without starting anything
    Check,
}

/// Fails with everything that is wrong; warnings are printed.
pub(super) fn run(command: ConfigCommand, settings: anyhow::Result<Settings>) -> anyhow::Result<()> {
    match command {
        ConfigCommand::Check => {
            let settings = settings?;
            for warning in &settings.warnings {
                say(&format!("warning: {warning}"));
            }
            say(&format!(
                "the settings are fine ({})",
                settings.environment.as_str()
            ));
            Ok(())
        }
    }
}
