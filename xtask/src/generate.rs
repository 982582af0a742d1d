//! The files that the program writes about itself, and whether they are as it would write them now.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::process::{cargo, output};
use crate::workspace;

/// A file, and the command of the program that prints it.
struct Generated {
    path: &'static str,
    command: &'static [&'static str],
}

impl Generated {
    fn full_path(&self) -> PathBuf {
        workspace::root().join(self.path)
    }

    /// What the program would write now.
    fn text(&self) -> Result<Vec<u8>> {
        let start = [
            "run",
            "--quiet",
            "--package",
            "parlance-server",
            "--bin",
            "parlance",
            "--",
        ];
        output(&mut cargo(start.iter().chain(self.command)))
    }
}

const OPENAPI: Generated = Generated {
    path: "openapi.json",
    command: &["openapi"],
};

const FILES: [Generated; 4] = [
    OPENAPI,
    Generated {
        path: ".env.example",
        command: &["reference", "env"],
    },
    Generated {
        path: "docs/reference/settings.md",
        command: &["reference", "settings"],
    },
    Generated {
        path: "docs/reference/errors.md",
        command: &["reference", "errors"],
    },
];

/// Writes the description of the HTTP interface.
pub(crate) fn openapi() -> Result<()> {
    write(&OPENAPI)
}

/// Writes every generated file.
pub(crate) fn run() -> Result<()> {
    FILES.iter().try_for_each(write)
}

fn write(file: &Generated) -> Result<()> {
    std::fs::write(file.full_path(), file.text()?).with_context(|| format!("cannot write {}", file.path))?;
    println!("wrote {}", file.path);
    Ok(())
}

/// Refuses a file that is not as the program would write it now.
pub(crate) fn check() -> Result<()> {
    let mut stale = Vec::new();
    for file in &FILES {
        // A file that is not there is as stale as one that differs.
        let there = std::fs::read(file.full_path()).unwrap_or_default();
        if there != file.text()? {
            stale.push(file.path);
        }
    }
    if stale.is_empty() {
        println!("{} generated files are as the program writes them", FILES.len());
        Ok(())
    } else {
        bail!(
            "{}: run `cargo xtask generate` and commit what it writes",
            stale.join(", ")
        )
    }
}
