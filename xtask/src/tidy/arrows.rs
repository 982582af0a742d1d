//! Which crate may depend on which.

use std::collections::{BTreeSet, HashMap};

use cargo_metadata::{DependencyKind, Metadata, Package, PackageId};

use super::Findings;

/// What a crate of ours may depend on among ours.
struct Arrows {
    name: &'static str,
    /// In what is shipped.
    shipped: &'static [&'static str],
    /// In its tests besides.
    tests: &'static [&'static str],
}

/// An adapter knows the domain, and its tests what the domain demands.
const fn adapter(name: &'static str) -> Arrows {
    Arrows {
        name,
        shipped: &["parlance-domain"],
        tests: &["parlance-contract"],
    }
}

/// An adapter whose tests need servers.
const fn tested_on_servers(name: &'static str) -> Arrows {
    Arrows {
        name,
        shipped: &["parlance-domain"],
        tests: &["parlance-contract", "parlance-testbed"],
    }
}

const ARROWS: [Arrows; 21] = [
    Arrows {
        name: "parlance-domain",
        shipped: &[],
        tests: &[],
    },
    Arrows {
        name: "parlance-contract",
        shipped: &["parlance-domain"],
        tests: &[],
    },
    adapter("parlance-sqlite"),
    adapter("parlance-memory"),
    adapter("parlance-platform"),
    tested_on_servers("parlance-postgres"),
    // What happens when Redis fails is decided by decorators, and tested with a Redis that fails.
    Arrows {
        name: "parlance-redis",
        shipped: &["parlance-domain"],
        tests: &["parlance-contract", "parlance-testbed", "parlance-resilience"],
    },
    adapter("parlance-resilience"),
    tested_on_servers("parlance-google"),
    tested_on_servers("parlance-openai"),
    tested_on_servers("parlance-elevenlabs"),
    adapter("parlance-offline"),
    tested_on_servers("parlance-objects"),
    tested_on_servers("parlance-mail"),
    tested_on_servers("parlance-passkeys"),
    tested_on_servers("parlance-oidc"),
    Arrows {
        name: "parlance-testbed",
        shipped: &[],
        tests: &[],
    },
    // Knows the running program by its HTTP face alone.
    Arrows {
        name: "parlance-soak",
        shipped: &["parlance-testbed"],
        tests: &[],
    },
    // Drives the domain as an adapter is driven by it: it sees no adapter, and tests with fakes.
    adapter("parlance-http"),
    Arrows {
        name: "parlance-server",
        shipped: &[
            "parlance-domain",
            "parlance-elevenlabs",
            "parlance-google",
            "parlance-http",
            "parlance-mail",
            "parlance-memory",
            "parlance-objects",
            "parlance-offline",
            "parlance-oidc",
            "parlance-openai",
            "parlance-passkeys",
            "parlance-platform",
            "parlance-postgres",
            "parlance-redis",
            "parlance-resilience",
            "parlance-sqlite",
        ],
        tests: &["parlance-contract", "parlance-testbed"],
    },
    Arrows {
        name: "xtask",
        shipped: &["parlance-testbed"],
        tests: &[],
    },
];

/// What the domain may use of others: values, time, text and its formats, cryptography that computes, traits.
const DOMAIN_MAY_USE: &[&str] = &[
    "async-trait",
    "base32",
    "base64",
    "bytes",
    "chrono",
    "chrono-tz",
    "csv",
    "fsrs",
    "futures-util",
    "hkdf",
    "hmac",
    "idna",
    "secrecy",
    "serde",
    "serde_json",
    "sha2",
    "subtle",
    "thiserror",
    "totp-rs",
    "unicode-normalization",
    "uuid",
];

/// What must not even be reached through others from the domain: runtimes, sockets, databases.
const DOMAIN_NEVER_REACHES: &[&str] = &[
    "actix-web",
    "async-std",
    "axum",
    "diesel",
    "hyper",
    "libsqlite3-sys",
    "mio",
    "redis",
    "reqwest",
    "smol",
    "socket2",
    "sqlx",
    "tokio",
    "tokio-postgres",
];

/// What belongs to some crates alone, in what is shipped.
const KEPT: &[(&str, &[&str])] = &[
    ("aes-gcm", &["parlance-platform"]),
    (
        "actix-web",
        &["parlance-http", "parlance-server", "parlance-testbed"],
    ),
    (
        "anyhow",
        &["parlance-server", "parlance-soak", "parlance-testbed", "xtask"],
    ),
    ("apistos", &["parlance-http"]),
    // The benchmark compares sign-ins with the time of a hash.
    ("bcrypt", &["parlance-platform", "xtask"]),
    ("clap", &["parlance-server", "parlance-soak", "xtask"]),
    ("diesel", &["parlance-postgres", "parlance-sqlite"]),
    ("dotenvy", &["parlance-server"]),
    // Google's service accounts sign with it too, and so does a provider of identities for tests.
    (
        "jsonwebtoken",
        &["parlance-google", "parlance-platform", "parlance-testbed"],
    ),
    ("lettre", &["parlance-mail"]),
    ("object_store", &["parlance-objects"]),
    ("libsqlite3-sys", &["parlance-sqlite"]),
    ("openidconnect", &["parlance-oidc"]),
    (
        "rand",
        &[
            "parlance-platform",
            "parlance-resilience",
            "parlance-server",
            "parlance-soak",
            "xtask",
        ],
    ),
    ("tracing-subscriber", &["parlance-server"]),
    ("webauthn-rs", &["parlance-passkeys"]),
];

/// Checks every arrow from a crate of the workspace.
pub(super) fn check(metadata: &Metadata, findings: &mut Findings) {
    let packages = metadata.workspace_packages();
    let ours: BTreeSet<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    for package in &packages {
        findings.errors.extend(bad_arrows(package, &ours));
    }
    findings.errors.extend(reached_from_domain(metadata));
}

fn bad_arrows(package: &Package, ours: &BTreeSet<&str>) -> Vec<String> {
    let name = package.name.as_str();
    let Some(arrows) = ARROWS.iter().find(|arrows| arrows.name == name) else {
        return vec![format!(
            "{name}: say in xtask/src/tidy/arrows.rs what it may depend on"
        )];
    };
    let mut bad = Vec::new();
    for dependency in &package.dependencies {
        let to = dependency.name.as_str();
        let in_tests = dependency.kind == DependencyKind::Development;
        let refusal = if ours.contains(to) {
            let allowed = arrows.shipped.contains(&to) || in_tests && arrows.tests.contains(&to);
            (!allowed).then_some("this arrow is not allowed")
        } else if in_tests {
            None
        } else {
            refusal_of_other(name, to)
        };
        bad.extend(refusal.map(|reason| format!("{name} -> {to}: {reason}")));
    }
    bad
}

fn refusal_of_other(from: &str, to: &str) -> Option<&'static str> {
    if from == "parlance-domain" && !DOMAIN_MAY_USE.contains(&to) {
        return Some("not on the list of what the domain may use");
    }
    let (_, keepers) = KEPT.iter().find(|(kept, _)| *kept == to)?;
    (!keepers.contains(&from)).then_some("this dependency belongs to other crates")
}

/// Follows what the domain ships with, step by step.
fn reached_from_domain(metadata: &Metadata) -> Vec<String> {
    let Some(resolve) = &metadata.resolve else {
        return vec!["cargo metadata resolved nothing".to_owned()];
    };
    let names: HashMap<&PackageId, &str> = metadata
        .packages
        .iter()
        .map(|package| (&package.id, package.name.as_str()))
        .collect();
    let nodes: HashMap<&PackageId, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let mut open: Vec<&PackageId> = names
        .iter()
        .filter(|(_, name)| **name == "parlance-domain")
        .map(|(id, _)| *id)
        .collect();
    let mut seen: BTreeSet<&PackageId> = open.iter().copied().collect();
    let mut bad = BTreeSet::new();
    while let Some(id) = open.pop() {
        for dependency in nodes.get(id).into_iter().flat_map(|node| &node.deps) {
            let shipped = dependency
                .dep_kinds
                .iter()
                .any(|kind| kind.kind == DependencyKind::Normal);
            if !shipped || !seen.insert(&dependency.pkg) {
                continue;
            }
            let name = names.get(&dependency.pkg).copied().unwrap_or_default();
            if DOMAIN_NEVER_REACHES.contains(&name) {
                bad.insert(format!(
                    "parlance-domain reaches {name} through what it depends on"
                ));
            }
            open.push(&dependency.pkg);
        }
    }
    bad.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn package(name: &str, dependencies: &[(&str, &str)]) -> Package {
        let dependencies: Vec<Value> = dependencies
            .iter()
            .map(|(to, kind)| {
                json!({"name": to, "req": "*", "kind": kind, "optional": false, "uses_default_features": true,
                       "features": [], "target": null})
            })
            .collect();
        let package = json!({
            "name": name, "version": "0.1.0", "id": name, "dependencies": dependencies, "targets": [],
            "features": {}, "manifest_path": "Cargo.toml",
        });
        serde_json::from_value(package).unwrap()
    }

    fn errors(name: &str, dependencies: &[(&str, &str)]) -> Vec<String> {
        let ours = BTreeSet::from([
            "parlance-domain",
            "parlance-contract",
            "parlance-sqlite",
            "parlance-memory",
            "parlance-http",
            "parlance-server",
        ]);
        bad_arrows(&package(name, dependencies), &ours)
    }

    #[test]
    fn the_arrows_of_this_workspace_are_allowed() {
        let mut findings = Findings::default();
        check(&crate::workspace::metadata().unwrap(), &mut findings);
        assert_eq!(findings, Findings::default());
    }

    #[test]
    fn the_domain_sees_none_of_ours_and_few_others() {
        assert_eq!(
            errors("parlance-domain", &[("uuid", "normal"), ("proptest", "dev")]),
            [""; 0]
        );
        for to in ["parlance-sqlite", "tokio", "diesel", "reqwest"] {
            assert_eq!(errors("parlance-domain", &[(to, "normal")]).len(), 1, "{to}");
        }
    }

    #[test]
    fn adapters_do_not_see_each_other_and_see_the_contract_in_tests_alone() {
        assert_eq!(
            errors("parlance-sqlite", &[("parlance-domain", "normal")]),
            [""; 0]
        );
        assert_eq!(
            errors("parlance-sqlite", &[("parlance-contract", "dev")]),
            [""; 0]
        );
        assert_eq!(
            errors("parlance-sqlite", &[("parlance-contract", "normal")]).len(),
            1
        );
        assert_eq!(
            errors("parlance-sqlite", &[("parlance-memory", "normal")]).len(),
            1
        );
        assert_eq!(errors("parlance-sqlite", &[("parlance-memory", "dev")]).len(), 1);
    }

    #[test]
    fn http_sees_no_adapter_and_no_database() {
        assert_eq!(errors("parlance-http", &[("parlance-sqlite", "normal")]).len(), 1);
        assert_eq!(errors("parlance-http", &[("diesel", "normal")]).len(), 1);
        assert_eq!(errors("parlance-http", &[("anyhow", "normal")]).len(), 1);
    }

    #[test]
    fn a_crate_that_nobody_judged_is_refused() {
        assert_eq!(errors("parlance-new", &[]).len(), 1);
    }
}
