//! `parlance reference`: prints the pages that are written from tables in the source.

use std::fmt::Write;

use clap::ValueEnum;
use parlance_http::error::CATALOGUE;

use crate::logs::say;
use crate::settings::reference;

/// A page that is written from a table.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Page {
    /// `.env.example`
    Env,
    /// `docs/reference/settings.md`
    Settings,
    /// `docs/reference/errors.md`
    Errors,
}

/// Prints a page.
pub(super) fn run(page: Page) {
    let text = match page {
        Page::Env => reference::env_example(),
        Page::Settings => reference::markdown(),
        Page::Errors => errors(),
    };
    say(text.trim_end());
}

/// The catalogue of error codes as a page.
fn errors() -> String {
    let mut text = String::from(
        "# Errors\n\n\
         An error is `application/problem+json` (RFC 9457). Its `code` is one of these; `error` and `message` are a\n\
         sentence for people, `details.fields` names every field that is not valid.\n\n\
         Written by `cargo xtask generate` from the catalogue in `crates/http/src/error/code.rs`.\n\n\
         | code | status | meaning | what a client can do |\n|---|---|---|---|\n",
    );
    for entry in CATALOGUE {
        let _ = writeln!(
            text,
            "| <a id=\"{0}\"></a>`{0}` | {1} | {2} | {3} |",
            entry.name, entry.status, entry.message, entry.action
        );
    }
    text
}
