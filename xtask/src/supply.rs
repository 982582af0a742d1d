//! Where the dependencies come from, and the oldest versions without a known hole.

use anyhow::{Context, Result, bail};
use cargo_metadata::semver::Version;

use crate::workspace;

/// The oldest version of each line of a crate that is free of the published holes that touch a server.
///
/// A crate that is not in the lock file is judged when it comes.
const FLOORS: &[(&str, &str)] = &[
    ("actix-files", "0.6.10"),
    ("actix-http", "3.13.3"),
    ("actix-multipart", "0.8.0"),
    ("actix-web", "4.14.1"),
    ("ammonia", "4.1.4"),
    ("bcrypt", "0.19.2"),
    ("bytes", "1.11.1"),
    ("diesel", "2.3.8"),
    ("diesel-async", "0.9.0"),
    // The 0.3 line has its own last release with the fixes of 0.4.
    ("h2", "0.3.27"),
    ("h2", "0.4.16"),
    ("idna", "1.0.3"),
    ("jsonwebtoken", "10.3.0"),
    ("lru", "0.18.2"),
    ("postgres-protocol", "0.6.12"),
    ("quick-xml", "0.41.0"),
    ("rustls-webpki", "0.103.13"),
    ("time", "0.3.47"),
    ("tokio", "1.44.2"),
    ("tokio-postgres", "0.7.18"),
    ("tracing-subscriber", "0.3.20"),
    ("zip", "2.3.0"),
];

/// Crates without a fixed version.
const BANNED: &[&str] = &["actix-governor"];

/// Crates with a hole in a part that nobody here calls, and who may depend on them.
///
/// `rsa` tells by its time what it decrypts or signs with a private key (RUSTSEC-2023-0071). Who checks signatures with
/// public keys has none.
const CONFINED: &[(&str, &[&str])] = &[("rsa", &["openidconnect"])];

/// A package of the lock file.
#[derive(Debug, Default)]
struct Locked {
    name: String,
    version: String,
    source: Option<String>,
    has_checksum: bool,
    dependencies: Vec<String>,
}

/// Refuses a lock file with a source that is not a registry, or with a version below its floor.
pub(crate) fn run() -> Result<()> {
    let path = workspace::root().join("Cargo.lock");
    let text = std::fs::read_to_string(&path).context("cannot read Cargo.lock")?;
    let packages = parse(&text);
    let mut bad = Vec::new();
    for package in &packages {
        bad.extend(objection(package)?);
    }
    if bad.is_empty() {
        println!("{} packages, none below its floor", packages.len());
        Ok(())
    } else {
        bail!("dependencies that are not allowed:\n  {}", bad.join("\n  "))
    }
}

fn parse(lock: &str) -> Vec<Locked> {
    let mut packages = Vec::new();
    for line in lock.lines() {
        if line == "[[package]]" {
            packages.push(Locked::default());
        }
        let Some(package) = packages.last_mut() else {
            continue;
        };
        // ` "name",` or ` "name version",` within the brackets.
        if let Some(dependency) = line.strip_prefix(" \"") {
            let name = dependency.split([' ', '"']).next().unwrap_or_default();
            package.dependencies.push(name.to_owned());
        }
        let Some((key, value)) = line.split_once(" = ") else {
            continue;
        };
        let value = value.trim_matches('"').to_owned();
        match key {
            "name" => package.name = value,
            "version" => package.version = value,
            "source" => package.source = Some(value),
            "checksum" => package.has_checksum = true,
            _ => {}
        }
    }
    packages
}

fn objection(package: &Locked) -> Result<Option<String>> {
    let name = format!("{} {}", package.name, package.version);
    let from_registry = package
        .source
        .as_ref()
        .is_none_or(|source| source.starts_with("registry+") && package.has_checksum);
    if !from_registry {
        return Ok(Some(format!(
            "{name}: not from a registry, or without a checksum"
        )));
    }
    if BANNED.contains(&package.name.as_str()) {
        return Ok(Some(format!(
            "{name}: has a known hole or a licence that is not allowed"
        )));
    }
    if let Some(confined) = confined(package) {
        return Ok(Some(format!("{name} -> {confined}: confined to others")));
    }
    let version: Version = package.version.parse()?;
    let mut floors = Vec::new();
    for (_, floor) in FLOORS.iter().filter(|(of, _)| *of == package.name) {
        floors.push(floor.parse::<Version>()?);
    }
    let fits = floors.is_empty() || is_above(&version, &floors);
    Ok((!fits).then(|| format!("{name}: below its floor")))
}

/// What a package depends on that is not for it.
fn confined(package: &Locked) -> Option<&'static str> {
    let mut confined = CONFINED.iter();
    let found = confined.find(|(name, users)| {
        let depends = package.dependencies.iter().any(|dependency| dependency == name);
        depends && !users.contains(&package.name.as_str())
    });
    found.map(|(name, _)| *name)
}

/// Whether a version is at or above the floor of its own line, or of a line above every floor.
fn is_above(version: &Version, floors: &[Version]) -> bool {
    let own: Vec<_> = floors
        .iter()
        .filter(|floor| line(floor) == line(version))
        .collect();
    if own.is_empty() {
        floors.iter().all(|floor| version > floor)
    } else {
        own.into_iter().all(|floor| version >= floor)
    }
}

/// What two versions have in common that cargo takes for compatible.
fn line(version: &Version) -> (u64, u64) {
    match version.major {
        0 => (0, version.minor),
        major => (major, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locked(name: &str, version: &str) -> Locked {
        Locked {
            name: name.into(),
            version: version.into(),
            source: Some("registry+somewhere".into()),
            has_checksum: true,
            dependencies: Vec::new(),
        }
    }

    fn is_fine(package: &Locked) -> bool {
        objection(package).unwrap().is_none()
    }

    #[test]
    fn threat_76_no_dependency_is_below_the_version_that_mended_its_hole() {
        run().unwrap();
    }

    #[test]
    fn threat_76_a_version_with_a_known_hole_is_refused() {
        for (name, version) in [
            ("bcrypt", "0.19.1"),
            ("jsonwebtoken", "10.2.9"),
            ("jsonwebtoken", "9.3.0"),
            ("h2", "0.3.26"),
            ("h2", "0.4.15"),
            ("actix-governor", "0.6.0"),
        ] {
            assert!(!is_fine(&locked(name, version)), "{name} {version}");
        }
        for (name, version) in [
            ("bcrypt", "0.19.3"),
            ("jsonwebtoken", "11.1.0"),
            ("h2", "0.3.27"),
            ("h2", "0.5.0"),
            ("anything", "0.0.1"),
        ] {
            assert!(is_fine(&locked(name, version)), "{name} {version}");
        }
    }

    #[test]
    fn threat_76_a_crate_with_a_hole_stays_with_those_who_do_not_call_it() {
        let lock = "[[package]]\nname = \"openidconnect\"\nversion = \"4.1.0\"\nsource = \"registry+x\"\nchecksum = \"0\"\n\
                    dependencies = [\n \"rand\",\n \"rsa 0.9.10\",\n]\n";
        let allowed = parse(lock).remove(0);
        assert_eq!(allowed.dependencies, ["rand", "rsa"]);
        assert!(is_fine(&allowed));
        assert!(!is_fine(&Locked {
            name: "parlance-oidc".into(),
            ..allowed
        }));
    }

    #[test]
    fn threat_76_only_a_registry_with_checksums_is_a_source() {
        let git = Locked {
            source: Some("git+https://example.com/x".into()),
            ..locked("x", "1.0.0")
        };
        let unchecked = Locked {
            has_checksum: false,
            ..locked("x", "1.0.0")
        };
        assert!(!is_fine(&git));
        assert!(!is_fine(&unchecked));
    }

    #[test]
    fn the_lock_file_is_read() {
        let packages = parse(
            "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.2.3\"\nsource = \"registry+x\"\nchecksum = \"00\"\n",
        );
        assert_eq!(packages.len(), 1);
        assert_eq!(
            (packages[0].name.as_str(), packages[0].version.as_str()),
            ("a", "1.2.3")
        );
        assert!(packages[0].has_checksum);
    }
}
