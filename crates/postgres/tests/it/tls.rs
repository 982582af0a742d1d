//! What a server must prove before it is told anything, as the URL says.

use parlance_domain::health::Probe;
use parlance_postgres::{OpenError, PgConfig, PgDatabase, TlsError};
use parlance_testbed::{Postgres, TlsFiles};
use tokio::task::spawn_blocking;

use crate::support::{config, told};

struct Secured {
    server: Postgres,
    files: TlsFiles,
}

/// A server that speaks TLS with a certificate for these names, and no one else uses.
async fn secured(names: &'static [&'static str]) -> Secured {
    let start = move || {
        let files = TlsFiles::for_names(names).unwrap();
        let server = Postgres::builder().tls(&files).start().unwrap();
        Secured { server, files }
    };
    spawn_blocking(start).await.unwrap()
}

async fn plain() -> Postgres {
    spawn_blocking(|| Postgres::start().unwrap()).await.unwrap()
}

fn url(server: &Postgres, host: &str, options: &str) -> String {
    format!("postgres://postgres@{host}:{}/postgres?{options}", server.port())
}

fn with_root(options: &str, files: &TlsFiles) -> String {
    format!("{options}&sslrootcert={}", files.ca().display())
}

/// Whether what is said to the server is encrypted; or why nothing is said at all.
async fn is_encrypted(server: &Postgres, url: &str) -> Result<bool, String> {
    let opened = PgDatabase::open(PgConfig {
        connections: 1,
        application_name: "asked about".to_owned(),
        ..config(url)
    })
    .await;
    let database = opened.map_err(|error| told(&error))?;
    database.check().await.unwrap();
    let query = "SELECT count(*) FILTER (WHERE ssl), count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
        WHERE application_name = 'asked about'";
    let rows = server.query("postgres", query).unwrap();
    database.close().await;
    match (rows[0][0].as_deref(), rows[0][1].as_deref()) {
        (Some(encrypted), Some(all)) if all != "0" => Ok(encrypted == all),
        other => panic!("nobody is connected: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_tls_is_asked_as_much_as_the_url_says() {
    let Secured { server, files } = secured(&["localhost", "127.0.0.1"]).await;
    let stranger = TlsFiles::create().unwrap();
    for (options, expected) in [
        ("sslmode=disable".to_owned(), Ok(false)),
        (String::new(), Ok(true)),
        ("sslmode=prefer".to_owned(), Ok(true)),
        ("sslmode=require".to_owned(), Ok(true)),
        (with_root("sslmode=prefer", &stranger), Ok(true)),
        (with_root("sslmode=require", &files), Ok(true)),
        (with_root("sslmode=verify-ca", &files), Ok(true)),
        (with_root("sslmode=verify-full", &files), Ok(true)),
        (with_root("sslmode=require", &stranger), Err(())),
        (with_root("sslmode=verify-ca", &stranger), Err(())),
        (with_root("sslmode=verify-full", &stranger), Err(())),
        ("sslmode=verify-ca".to_owned(), Err(())),
        ("sslmode=verify-full".to_owned(), Err(())),
        ("sslrootcert=system".to_owned(), Err(())),
    ] {
        for host in ["localhost", "127.0.0.1"] {
            let asked = is_encrypted(&server, &url(&server, host, &options)).await;
            match expected {
                Ok(expected) => assert_eq!(asked, Ok(expected), "{host} {options}"),
                Err(()) => assert!(
                    asked.unwrap_err().contains("invalid peer certificate"),
                    "{host} {options}"
                ),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_verify_full_asks_for_the_name_of_the_host() {
    let Secured { server, files } = secured(&["db.example.org"]).await;
    for mode in ["prefer", "require", "verify-ca"] {
        let options = with_root(&format!("sslmode={mode}"), &files);
        let asked = is_encrypted(&server, &url(&server, "localhost", &options)).await;
        assert_eq!(asked, Ok(true), "{mode}");
    }
    let options = with_root("sslmode=verify-full", &files);
    for host in ["localhost", "127.0.0.1"] {
        let error = is_encrypted(&server, &url(&server, host, &options))
            .await
            .unwrap_err();
        assert!(error.contains("not valid for name"), "{error}");
    }
    // The name that is verified is the one in the URL, wherever it leads to.
    let options = format!("{options}&hostaddr=127.0.0.1");
    let asked = is_encrypted(&server, &url(&server, "db.example.org", &options)).await;
    assert_eq!(asked, Ok(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_talked_to_only_where_that_may_be() {
    let server = plain().await;
    for mode in ["disable", "prefer"] {
        let asked = is_encrypted(&server, &url(&server, "localhost", &format!("sslmode={mode}"))).await;
        assert_eq!(asked, Ok(false), "{mode}");
    }
    for mode in ["require", "verify-ca", "verify-full"] {
        let error = is_encrypted(&server, &url(&server, "localhost", &format!("sslmode={mode}"))).await;
        assert!(
            error.unwrap_err().contains("server does not support TLS"),
            "{mode}"
        );
    }
    let folder = server.folder().display();
    let socket = format!(
        "postgres://postgres@/postgres?host={folder}&port={}&sslmode=verify-full",
        server.port()
    );
    assert_eq!(is_encrypted(&server, &socket).await, Ok(false));
}

#[tokio::test]
async fn authorities_that_are_not_there_are_named() {
    let files = TlsFiles::create().unwrap();
    let open = async |path: &str| {
        let url = format!("postgres://anna:canary@localhost/db?sslmode=verify-full&sslrootcert={path}");
        PgDatabase::open(config(&url)).await.err().unwrap()
    };
    let error = open("/nowhere/ca.pem").await;
    assert!(
        matches!(error, OpenError::Tls(TlsError::File { .. })),
        "{error:?}"
    );
    assert!(told(&error).contains("/nowhere/ca.pem"), "{}", told(&error));
    let key = files.key();
    let error = open(key.to_str().unwrap()).await;
    assert!(matches!(error, OpenError::Tls(TlsError::NoRoots(_))), "{error:?}");
    for told in [told(&error), format!("{error:?}")] {
        assert!(!told.contains("canary"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_proved_and_told_to_nobody() {
    let Secured { server, files } = secured(&["localhost"]).await;
    let password = "p@ss:w/ör d?%+";
    let sql = format!(
        "SET password_encryption = 'scram-sha-256'; CREATE ROLE anna LOGIN SUPERUSER PASSWORD '{password}'"
    );
    server.query("postgres", &sql).unwrap();
    let rules = "host all anna all scram-sha-256\nlocal all anna scram-sha-256\n";
    let file = server.folder().join("data/pg_hba.conf");
    let others = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{rules}{others}")).unwrap();
    server.query("postgres", "SELECT pg_reload_conf()").unwrap();
    let (port, folder) = (server.port(), server.folder().display());
    let verified = with_root("sslmode=verify-full", &files);
    for (place, encrypted) in [
        (format!("localhost:{port}/postgres?{verified}"), true),
        (
            format!("localhost:{port}/postgres?{verified}&channel_binding=require"),
            true,
        ),
        (format!("localhost:{port}/postgres?sslmode=disable"), false),
        (format!("/postgres?host={folder}&port={port}"), false),
    ] {
        let url = format!("postgres://anna:p%40ss%3Aw%2F%C3%B6r%20d%3F%25+@{place}");
        assert_eq!(is_encrypted(&server, &url).await, Ok(encrypted), "{place}");
        let wrong = format!("postgres://anna:canary@{place}");
        let error = is_encrypted(&server, &wrong).await.unwrap_err();
        assert!(error.contains("password authentication failed"), "{error}");
        assert!(!error.contains("canary"), "{error}");
    }
}
