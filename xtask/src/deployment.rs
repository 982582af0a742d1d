//! Whether `deploy/` speaks of settings that there are, and of all that it must.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};

use crate::workspace;

type Names<'a> = BTreeSet<&'a str>;

/// What production starts without, and then refuses something or is less safe.
const WANTED: [&str; 2] = ["ENCRYPTION_KEYS", "AUDIT_KEY"];

/// Compares the compose file and the image with the settings and the toolchain.
pub(crate) fn check() -> Result<()> {
    let read = |path: &str| {
        std::fs::read_to_string(workspace::root().join(path)).with_context(|| format!("cannot read {path}"))
    };
    let (settings, compose) = (read(".env.example")?, read("deploy/compose.yaml")?);
    let (variables, image) = (read("deploy/.env.example")?, read("deploy/Dockerfile")?);
    let mut errors = objections_to_compose(&settings, &compose, &variables);
    errors.extend(objections_to_image(
        &settings,
        &image,
        &read("rust-toolchain.toml")?,
    ));
    if !errors.is_empty() {
        bail!("{}", errors.join("\n  "));
    }
    println!("deploy/ speaks of settings that there are");
    Ok(())
}

fn objections_to_compose(settings: &str, compose: &str, variables: &str) -> Vec<String> {
    let (known, given) = (assigned(settings), environment(compose));
    // What compose reads itself has no place in its file.
    let offered: Names<'_> = assigned(variables)
        .into_iter()
        .filter(|name| !name.starts_with("COMPOSE_"))
        .collect();
    let used: Names<'_> = compose.split("${").skip(1).map(leading_name).collect();
    let say = |names: Vec<&&str>, what: &str| -> Vec<String> {
        names.into_iter().map(|name| format!("{name}: {what}")).collect()
    };
    let mut required = required_in_production(settings);
    required.extend(WANTED.into_iter().filter(|name| known.contains(name)));
    [
        say(
            given.difference(&known).collect(),
            "deploy/compose.yaml sets it, but there is no such setting",
        ),
        say(
            required.difference(&given).collect(),
            "production wants it, but deploy/compose.yaml does not set it",
        ),
        say(
            used.difference(&offered).collect(),
            "deploy/compose.yaml uses it, but deploy/.env.example does not explain it",
        ),
        say(
            offered.difference(&used).collect(),
            "deploy/.env.example explains it, but deploy/compose.yaml does not use it",
        ),
    ]
    .concat()
}

fn objections_to_image(settings: &str, image: &str, toolchain: &str) -> Vec<String> {
    let last_stage = image.rsplit("\nFROM ").next().unwrap_or_default();
    let words = last_stage.split_whitespace().filter(|word| word.contains('='));
    let set: Names<'_> = words.map(leading_name).filter(|name| !name.is_empty()).collect();
    let arguments = Names::from(["COMMIT", "VERSION"]);
    let known = assigned(settings);
    let mut errors: Vec<String> = set
        .iter()
        .filter(|name| !known.contains(*name) && !arguments.contains(*name))
        .map(|name| format!("{name}: deploy/Dockerfile sets it, but there is no such setting"))
        .collect();
    let version = |text: &str, before: &str| -> Option<String> {
        let value = text.lines().find_map(|line| line.strip_prefix(before))?;
        Some(value.trim_matches('"').to_owned())
    };
    if version(image, "ARG RUST_VERSION=") != version(toolchain, "channel = ") {
        errors.push("deploy/Dockerfile builds with another Rust than rust-toolchain.toml says".to_owned());
    }
    errors
}

/// The names that a file of `NAME=value` lines gives, those that are commented out included.
fn assigned(text: &str) -> Names<'_> {
    let lines = text.lines().map(|line| line.strip_prefix('#').unwrap_or(line));
    lines.filter_map(assigned_name).collect()
}

fn assigned_name(line: &str) -> Option<&str> {
    let (name, _) = line.split_once('=')?;
    (!name.is_empty() && leading_name(name) == name).then_some(name)
}

/// The settings whose description says that production needs them.
fn required_in_production(settings: &str) -> Names<'_> {
    let blocks = settings.split("\n\n");
    let required = blocks.filter(|block| block.contains("# Required in production."));
    required.flat_map(assigned).collect()
}

/// The names under `environment: &settings`.
fn environment(compose: &str) -> Names<'_> {
    let lines = compose
        .lines()
        .skip_while(|line| !line.ends_with("environment: &settings"));
    let inside = lines.skip(1).take_while(|line| line.starts_with("    "));
    inside
        .map(|line| leading_name(line.trim_start()))
        .filter(|name| !name.is_empty())
        .collect()
}

/// The capital letters, digits and underscores that a text begins with.
fn leading_name(text: &str) -> &str {
    let is_inside = |letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_';
    text.split_once(|letter| !is_inside(letter))
        .map_or(text, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: &str =
        "# The port.\n#PORT=8080\n\n# A secret.\n# Required in production.\n#JWT_SECRET=\n";
    const COMPOSE: &str = "x:\n  environment: &settings\n    # why\n    PORT: \"1\"\n    JWT_SECRET: ${SECRET:?see}\n  user: a\n";

    fn objections(settings: &str, compose: &str, variables: &str) -> Vec<String> {
        let errors = objections_to_compose(settings, compose, variables);
        let name = |error: String| error.split(':').next().unwrap_or_default().to_owned();
        errors.into_iter().map(name).collect()
    }

    #[test]
    fn a_compose_file_that_fits_is_accepted() {
        let variables = "COMPOSE_PROJECT_NAME=a\nSECRET=\n";
        assert!(objections(SETTINGS, COMPOSE, variables).is_empty());
    }

    #[test]
    fn unknown_and_missing_settings_are_found() {
        let compose = COMPOSE.replace("PORT", "PROT");
        assert_eq!(objections(SETTINGS, &compose, "SECRET=\n"), ["PROT"]);
        let compose = COMPOSE.replace("    JWT_SECRET: ${SECRET:?see}\n", "");
        assert_eq!(objections(SETTINGS, &compose, ""), ["JWT_SECRET"]);
    }

    #[test]
    fn a_compose_file_without_keys_to_seal_with_is_refused() {
        let settings = format!("{SETTINGS}\n# What secrets are sealed with.\n#ENCRYPTION_KEYS=\n");
        assert_eq!(objections(&settings, COMPOSE, "SECRET=\n"), ["ENCRYPTION_KEYS"]);
    }

    #[test]
    fn variables_that_one_side_does_not_know_are_found() {
        assert_eq!(objections(SETTINGS, COMPOSE, "#OTHER=1\n"), ["SECRET", "OTHER"]);
    }

    #[test]
    fn an_image_with_unknown_settings_or_another_toolchain_is_refused() {
        let image =
            "ARG RUST_VERSION=1.2.3\nFROM a AS b\nENV X=1\nFROM c\nARG COMMIT=d\nENV PORT=1 \\\n    PROT=2\n";
        let toolchain = "[toolchain]\nchannel = \"1.2.3\"\n";
        let errors = objections_to_image(SETTINGS, image, toolchain);
        assert_eq!(
            errors,
            ["PROT: deploy/Dockerfile sets it, but there is no such setting"]
        );
        assert_eq!(
            objections_to_image(SETTINGS, image, "channel = \"1.2.4\"\n").len(),
            2
        );
    }
}
