//! What the first minute with Parlance looks like: where it listens and what to try.

use std::net::{IpAddr, SocketAddr};

use crate::settings::Settings;
use crate::vocabulary::shipped::Loaded;

/// The greeting of a server that has begun to listen.
pub fn banner(
    settings: &Settings,
    address: SocketAddr,
    metrics: Option<SocketAddr>,
    loaded: Loaded,
) -> String {
    let base = base_url(address);
    let mut lines = vec![
        String::new(),
        format!("  Parlance {} is listening on {base}", env!("CARGO_PKG_VERSION")),
        String::new(),
        format!("    documentation  {base}/api-docs"),
        format!("    data           {}", settings.data_dir.display()),
        "    embedded       SQLite database, in-process limits and revocations".to_owned(),
    ];
    if let Some(metrics) = metrics {
        lines.push(format!("    metrics        http://{metrics}/metrics"));
    }
    if loaded.lists > 0 {
        lines.push(format!(
            "    vocabulary     {} words on {} lists were loaded",
            loaded.words, loaded.lists
        ));
    }
    lines.extend([
        String::new(),
        "  Try:".to_owned(),
        format!("    curl {base}/api/v1/vocabulary/lists"),
        String::new(),
        format!(
            "  This is a {} set-up. Ctrl-C stops it.",
            settings.environment.as_str()
        ),
    ]);
    lines.join("\n")
}

/// The address as a browser on this machine best calls it.
///
/// `localhost`, because to a browser 127.0.0.1 is another site than the front end's `http://localhost:…`,
/// and the refresh cookie would stay behind.
pub fn base_url(address: SocketAddr) -> String {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_loopback() || ip.is_unspecified() => {
            format!("http://localhost:{}", address.port())
        }
        _ => format!("http://{address}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Values;

    #[test]
    fn it_names_address_documentation_data_and_a_first_request() {
        let settings = Settings::from_values(&Values::default()).unwrap();
        let loaded = Loaded {
            lists: 7,
            words: 10_969,
        };
        let text = banner(&settings, ([127, 0, 0, 1], 4711).into(), None, loaded);
        for part in [
            "http://localhost:4711/api-docs",
            "curl http://localhost:4711/api/v1/vocabulary/lists",
            "./data",
            "SQLite",
            "10969 words on 7 lists",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }

    #[test]
    fn other_addresses_are_named_as_they_are() {
        assert_eq!(base_url(([10, 0, 0, 1], 80).into()), "http://10.0.0.1:80");
        assert_eq!(base_url("[::1]:80".parse().unwrap()), "http://[::1]:80");
    }
}
