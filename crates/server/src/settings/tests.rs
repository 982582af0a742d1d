//! Each setting with good and bad values, and what production refuses.

use std::path::Path;

use super::*;

const SECRET: &str = "gmOPuVt0AmHpQuzAr/5LwOM9iNXo6xTcCWiMyJrSRGvLBgCB";

pub(super) fn development<const N: usize>(pairs: [(&str, &str); N]) -> Result<Settings, Problems> {
    Settings::from_values(&Values::from(pairs))
}

pub(super) fn production<const N: usize>(pairs: [(&str, &str); N]) -> Result<Settings, Problems> {
    let mut values = Values::from([
        ("APP_ENV", "production"),
        ("JWT_SECRET", SECRET),
        ("CORS_ORIGIN", "https://app.example.com"),
        ("DATABASE_URL", "sqlite:///var/lib/parlance/parlance.db"),
        ("MAIL_PROVIDER", "none"),
        (
            "ENCRYPTION_KEYS",
            "test:gmOPuVt0AmHpQuzAr_5LwOM9iNXo6xTcCWiMyJrSRGs",
        ),
    ]);
    for (name, value) in pairs {
        values.set(name, value);
    }
    Settings::from_values(&values)
}

pub(super) fn subjects(result: Result<Settings, Problems>) -> Vec<String> {
    let problems = result.err().unwrap();
    problems.0.into_iter().map(|problem| problem.subject).collect()
}

#[test]
fn nothing_set_is_a_working_development_set_up() {
    let settings = development([]).unwrap();
    assert_eq!(settings.environment, Environment::Development);
    assert_eq!(
        (settings.host.to_string(), settings.port),
        ("127.0.0.1".to_owned(), 8080)
    );
    assert_eq!(settings.database.file(), Some(Path::new("./data/parlance.db")));
    assert_eq!(settings.drain, Duration::ZERO);
    assert_eq!(settings.sessions.same_site, CookieSameSite::Lax);
    assert!(settings.cors_origins.allows("http://localhost:5173"));
    assert_eq!(settings.metrics, Some(([127, 0, 0, 1], 9464).into()));
    assert!(settings.sessions.secret.is_none() && settings.warnings.is_empty());
}

#[test]
fn threat_13_production_names_everything_that_is_missing_at_once() {
    let problems = subjects(development([("APP_ENV", "production")]));
    assert_eq!(
        problems,
        ["DATABASE_URL", "SMTP_URL", "JWT_SECRET", "CORS_ORIGIN"]
    );
}

#[test]
fn production_has_stricter_defaults() {
    let settings = production([]).unwrap();
    assert_eq!(settings.host.to_string(), "0.0.0.0");
    assert_eq!(settings.sessions.same_site, CookieSameSite::Strict);
    assert!(!settings.cors_origins.allows("http://localhost:5173"));
    assert!(settings.drain > Duration::ZERO);
}

#[test]
fn what_only_development_may_do_is_refused_in_production() {
    for (name, value) in [
        ("BCRYPT_COST", "9"),
        ("LOGIN_LIMIT_PER_MINUTE", "0"),
        ("BCRYPT_PARALLELISM", "1025"),
        ("CORS_ORIGIN", "*"),
        ("CORS_ORIGIN", "https://app.example.com,null"),
        ("JWT_SECRET", "changeme"),
    ] {
        assert_eq!(subjects(production([(name, value)])), [name], "{value}");
    }
    assert!(development([("BCRYPT_COST", "4"), ("LOGIN_LIMIT_PER_MINUTE", "0")]).is_ok());
}

#[test]
fn a_cookie_for_other_sites_needs_production() {
    let value = ("REFRESH_COOKIE_SAMESITE", "none");
    assert_eq!(subjects(development([value])), ["REFRESH_COOKIE_SAMESITE"]);
    assert_eq!(
        production([value]).unwrap().sessions.same_site,
        CookieSameSite::None
    );
}

#[test]
fn every_bad_value_is_refused_by_name() {
    for (name, value) in [
        ("APP_ENV", "staging"),
        ("HOST", "example.com"),
        ("PORT", "65536"),
        ("PORT", "http"),
        ("PORT", "-1"),
        ("DRAIN_SECONDS", "301"),
        ("DATABASE_URL", "parlance.db"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "sqlite://:memory:"),
        ("DATABASE_URL", "sqlite:///tmp/x.db?mode=ro"),
        ("DATABASE_URL", "sqlite:///tmp/"),
        ("DATABASE_URL", "mysql://localhost/parlance"),
        ("DATABASE_CONNECTIONS", "0"),
        ("DATABASE_TRANSACTIONS", "65"),
        ("DATABASE_WRITERS", "17"),
        ("DATABASE_WAIT_MS", "0"),
        ("DATABASE_STATEMENT_TIMEOUT_MS", "99"),
        ("REDIS_URL", "localhost:6379"),
        ("REDIS_DEADLINE_MS", "0"),
        ("MIGRATE_ON_START", "yes"),
        ("JWT_SECRET", "short"),
        ("JWT_REFRESH_SECRET", "short"),
        ("ACCESS_TOKEN_TTL_SECONDS", "0"),
        ("REFRESH_TOKEN_TTL_DAYS", "366"),
        ("SESSION_MAX_DAYS", "0"),
        ("REFRESH_GRACE_SECONDS", "1.5"),
        ("REFRESH_COOKIE_SAMESITE", "Strict"),
        ("KNOWN_PASSWORDS_REFUSED", "yes"),
        ("BCRYPT_COST", "3"),
        ("BCRYPT_COST", "32"),
        ("BCRYPT_PARALLELISM", "1025"),
        ("CORS_ORIGIN", "*"),
        ("TRUSTED_PROXIES", "10.0.0.0/33"),
        ("RATE_LIMIT_PER_MINUTE", "many"),
        ("LOGIN_LIMIT_PER_MINUTE", "-5"),
        ("METRICS_ADDR", "9464"),
        ("LOG_FORMAT", "xml"),
        ("RUST_LOG", "a=b=c"),
        ("APP_AUTH_ENABLED", "1"),
        ("SYNC_TO_BACKEND", "TRUE"),
        ("SYNC_ROLLOUT_PERCENT", "101"),
        ("USE_REDIS", "yes"),
    ] {
        assert_eq!(subjects(development([(name, value)])), [name], "{value}");
    }
}

#[test]
fn problems_and_debug_show_no_secret() {
    let problems = development([
        ("JWT_SECRET", "hunter2"),
        ("DATABASE_URL", "mysql://user:hunter2@db/parlance"),
        ("REDIS_URL", "user:hunter2@cache"),
    ])
    .err()
    .unwrap();
    assert!(!problems.to_string().contains("hunter2"));
    let settings = production([("JWT_REFRESH_SECRET", SECRET)]).unwrap();
    assert!(!format!("{settings:?}").contains(SECRET));
    let settings = development([
        ("DATABASE_URL", "postgres://user:hunter2@db/parlance"),
        ("REDIS_URL", "redis://:hunter2@cache"),
    ]);
    assert!(!format!("{settings:?}").contains("hunter2"));
}

#[test]
fn good_values_arrive() {
    let settings = production([
        ("HOST", "::1"),
        ("PORT", "0"),
        ("DATABASE_URL", "sqlite://relative/p.db"),
        ("TRUSTED_PROXIES", "10.0.0.0/8, ::1 , 192.168.0.1"),
        ("METRICS_ADDR", "off"),
        ("SYNC_ROLLOUT_PERCENT", "0"),
    ])
    .unwrap();
    assert_eq!((settings.host.to_string(), settings.port), ("::1".to_owned(), 0));
    assert_eq!(settings.database.file(), Some(Path::new("relative/p.db")));
    assert_eq!(settings.trusted_proxies.len(), 3);
    assert_eq!(
        (settings.metrics, settings.features.sync_rollout_percent),
        (None, 0)
    );
}

#[test]
fn an_origin_that_the_cookie_does_not_reach_is_warned_about() {
    let settings = production([("CORS_ORIGIN", "https://app.example.com,capacitor://localhost")]).unwrap();
    assert_eq!(settings.warnings.len(), 1);
    assert!(settings.warnings[0].contains("capacitor://localhost"));
}

#[test]
fn redis_is_used_when_it_is_named_unless_it_is_switched_off() {
    let named = development([("REDIS_URL", "rediss://cache:6380/1")]).unwrap();
    assert!(named.redis.is_some());
    let switched_off = development([("REDIS_URL", "redis://cache"), ("USE_REDIS", "false")]);
    assert!(switched_off.unwrap().redis.is_none());
    assert!(development([("USE_REDIS", "true")]).unwrap().redis.is_none());
}
