//! Writes `.env.example` and the settings' reference page from the table.

use std::fmt::Write;

use super::table::{Group, InProduction, KEYS, Key};

const WIDTH: usize = 110;

/// The text of `.env.example`: every setting, commented out, with its default.
pub fn env_example() -> String {
    let mut text = String::from(
        "# Settings of Parlance. Copy this file to `.env` and uncomment what you change; nothing needs to be set for\n\
         # development. The environment wins over this file. A name that Parlance does not know is an error here.\n\
         # Written by `cargo xtask generate` from the table in crates/server/src/settings/table.rs.\n",
    );
    for group in Group::ALL {
        let _ = write!(text, "\n# == {} ==\n", group.title());
        for key in of(group) {
            text.push('\n');
            for line in wrapped(key.description, WIDTH - 2) {
                let _ = writeln!(text, "# {line}");
            }
            match key.production {
                InProduction::Same => {}
                InProduction::Default(default) => {
                    let _ = writeln!(text, "# In production the default is {default}.");
                }
                InProduction::Required => text.push_str("# Required in production.\n"),
                InProduction::RequiredWhere(so) => {
                    let _ = writeln!(text, "# Required in production, where {so}.");
                }
            }
            let _ = writeln!(text, "#{}={}", key.name, key.default);
        }
    }
    text
}

/// The text of the reference page.
pub fn markdown() -> String {
    let mut text = String::from(
        "# Settings\n\n\
         Parlance reads its settings from the environment and from a file `.env` in the working directory; the\n\
         environment wins. A name in `.env` that is not listed here is an error; of the environment only these names\n\
         are looked at. An empty value counts as not set. Everything that is wrong is said at once, before anything\n\
         starts: `parlance config check` says it without starting.\n\n\
         `.env` holds one `NAME=value` per line. Values may stand in single or double quotation marks; nothing in them\n\
         is expanded.\n\n\
         Written by `cargo xtask generate` from the table in `crates/server/src/settings/table.rs`.\n",
    );
    for group in Group::ALL {
        let _ = write!(
            text,
            "\n## {}\n\n| setting | default | what it does |\n|---|---|---|\n",
            group.title()
        );
        for key in of(group) {
            let _ = writeln!(
                text,
                "| `{}` | {} | {} |",
                key.name,
                default_cell(key),
                key.description
            );
        }
    }
    text
}

fn of(group: Group) -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(move |key| key.group == group)
}

fn default_cell(key: &Key) -> String {
    let default = if key.default.is_empty() {
        "none".to_owned()
    } else {
        format!("`{}`", key.default)
    };
    match key.production {
        InProduction::Same => default,
        InProduction::Default(production) => format!("{default}; in production `{production}`"),
        InProduction::Required if key.default.is_empty() => "none; required in production".to_owned(),
        InProduction::Required => format!("{default}; in production none, required"),
        InProduction::RequiredWhere(so) if key.default.is_empty() => {
            format!("none; required in production, where {so}")
        }
        InProduction::RequiredWhere(so) => format!("{default}; in production none, required where {so}"),
    }
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines
            .last_mut()
            .filter(|line| line.len() + 1 + word.len() <= width);
        match line {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Settings, Values};

    fn committed(path: &str) -> String {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../..")
            .join(path);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    #[test]
    fn the_committed_env_example_is_the_one_written_from_the_table() {
        assert_eq!(
            committed(".env.example"),
            env_example(),
            "run `cargo xtask generate`"
        );
    }

    #[test]
    fn the_committed_reference_is_the_one_written_from_the_table() {
        assert_eq!(
            committed("docs/reference/settings.md"),
            markdown(),
            "run `cargo xtask generate`"
        );
    }

    #[test]
    fn the_env_example_with_every_default_uncommented_is_a_valid_env_file() {
        let uncommented: String = env_example()
            .lines()
            .filter_map(|line| line.strip_prefix('#'))
            .filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()) && line.contains('='))
            .fold(String::new(), |text, line| text + line + "\n");
        assert_eq!(uncommented.lines().count(), KEYS.len());
        let values = Values::merge(&uncommented, |_| None).ok().unwrap();
        Settings::from_values(&values).unwrap();
    }
}
