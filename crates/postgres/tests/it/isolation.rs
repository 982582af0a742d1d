//! The rule that every statement on a learner's data names the learner, held over whatever any test here sends.

use std::sync::Once;

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};

use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};

/// The tables of a learner's data, by the columns that name the learner.
pub(crate) const TABLES: &[(&str, &[&str])] = &[
    ("accounts", &["id", "email_key", "username_key"]),
    ("api_keys", &["user_id"]),
    ("exports", &["user_id"]),
    ("idempotency_keys", &["user_id"]),
    ("known_devices", &["user_id"]),
    ("linked_identities", &["user_id"]),
    ("one_time_secrets", &["user_id"]),
    ("outbox", &["user_id"]),
    ("passkeys", &["user_id"]),
    ("progress", &["user_id"]),
    ("progress_events", &["user_id"]),
    ("progress_heads", &["user_id"]),
    ("provider_authorizations", &["account_id"]),
    ("provider_keys", &["user_id"]),
    ("recovery_codes", &["user_id"]),
    ("second_factors", &["user_id"]),
    ("sessions", &["user_id"]),
    ("spending", &["user_id"]),
    ("user_settings", &["user_id"]),
];

/// The statements that name no learner, by how they begin or what they say of themselves.
const EXCEPTIONS: &[&str] = &[
    // A refresh token names its session, not its user; the token of a one-time secret names the secret.
    "device_id FROM sessions WHERE id = $1",
    "used_at FROM one_time_secrets WHERE id = $1",
    // Whoever comes from a provider names no account.
    "linked_at FROM linked_identities WHERE issuer = $1 AND subject = $2",
    "DELETE FROM provider_authorizations WHERE id = $1 AND expires_at > $2",
    // What the bearer of a key shows names the key, not its owner.
    "FROM api_keys k JOIN accounts a ON a.id = k.user_id WHERE k.id = $1",
    // Every copy of the program refuses the sessions of all users that were ended.
    "SELECT id, revoked_at FROM sessions WHERE revoked_at >= $1",
    "DELETE FROM sessions WHERE ctid = ANY (ARRAY(SELECT ctid FROM sessions WHERE expires_at < $1",
    // What is old is forgotten, whoever's it is.
    "DELETE FROM spending WHERE ctid = ANY (ARRAY(SELECT ctid FROM spending WHERE day < $1",
    "DELETE FROM known_devices WHERE ctid = ANY (ARRAY(SELECT ctid FROM known_devices WHERE last_seen_at < $1",
    "DELETE FROM one_time_secrets WHERE ctid = ANY (ARRAY(SELECT ctid FROM one_time_secrets WHERE expires_at < $1",
    "DELETE FROM outbox WHERE ctid = ANY (ARRAY(SELECT ctid FROM outbox WHERE created_at < $1",
    "DELETE FROM provider_authorizations WHERE ctid = ANY (ARRAY(SELECT ctid FROM provider_authorizations \
     WHERE expires_at < $1",
    // Whoever sends mails sends those of all users.
    "UPDATE outbox SET attempt = $1, due_at = $2 WHERE ctid = ANY (ARRAY(SELECT ctid FROM outbox WHERE due_at <= $3",
    "SELECT count(*), min(created_at) FROM outbox WHERE sent_at IS NULL AND given_up_at IS NULL",
    // Whoever makes archives makes those of all users, and forgets the old ones.
    "UPDATE exports SET attempt = $1, due_at = $2, attempts = attempts + 1 WHERE ctid = ANY (ARRAY(SELECT ctid FROM exports",
    "DELETE FROM exports WHERE ctid = ANY (ARRAY(SELECT ctid FROM exports WHERE requested_at < $1",
    // There is to be another administrator before one goes.
    "SELECT 1 FROM accounts WHERE (roles <> '{user}' OR",
    // Administrators look through all accounts, and the program for those that are to be gone.
    "FROM accounts WHERE (email_key >= $1 AND",
    "FROM accounts WHERE (roles <> '{user}' OR deactivated_at IS NOT NULL OR deleted_at IS NOT NULL) AND (email_key",
    "(SELECT id FROM accounts WHERE email_key >= $1",
    "FROM accounts WHERE id = ANY ($1) AND roles @> $2",
    "SELECT id FROM accounts WHERE purge_at <= $1",
    "DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY(SELECT ctid FROM idempotency_keys WHERE begun_at < $1",
    // What is sealed with an old key is sealed anew, whoever's it is.
    "SELECT user_id, provider, sealed FROM provider_keys WHERE key_id <> $1",
    "SELECT user_id, secret FROM second_factors WHERE key_id <> $1",
    // Whoever moves an installation moves all learners.
    "SELECT id FROM accounts ORDER BY id LIMIT $1",
    "SELECT id FROM accounts WHERE id > $1 ORDER BY id LIMIT $2",
];

/// From now on, whoever sends a statement that breaks the rule panics.
pub(crate) fn watch() {
    static BEGIN: Once = Once::new();
    BEGIN.call_once(|| set_default_instrumentation(watcher).unwrap());
}

#[expect(clippy::unnecessary_wraps, reason = "the shape that Diesel asks for")]
fn watcher() -> Option<Box<dyn Instrumentation>> {
    Some(Box::new(|event: InstrumentationEvent<'_>| {
        let InstrumentationEvent::FinishQuery { query, .. } = event else {
            return;
        };
        let sql = query.to_string();
        // Whoever sent it before may have been a task whose end nobody looks at.
        if let Some(fault) = fault(&sql) {
            panic!("{fault}: {sql}");
        }
    }))
}

/// Whether a statement is on data of learners at all, and not one of the exceptions.
pub(crate) fn is_on_a_learners_data(sql: &str) -> bool {
    !is_exempt(sql) && !uses(&words(sql)).is_empty()
}

/// What is wrong with a statement, if something is.
pub(crate) fn fault(sql: &str) -> Option<String> {
    if is_exempt(sql) {
        return None;
    }
    let words = words(sql);
    let equations = words.windows(3).filter(|window| window[1] == "=");
    let equations: Vec<_> = equations.map(|window| (window[0], window[2])).collect();
    let mut nameless = uses(&words);
    // Whoever is named for one table can name another, until nothing more comes of it.
    while let Some(found) = nameless
        .iter()
        .position(|one| is_named(one, &nameless, &equations))
    {
        nameless.remove(found);
    }
    Some(format!("no learner is named for {}", nameless.first()?.table))
}

/// Migrations make the tables and fill them with nothing.
fn is_exempt(sql: &str) -> bool {
    let of_the_schema = ["CREATE ", "DROP ", "ALTER ", "-- "];
    of_the_schema.iter().any(|start| sql.starts_with(start))
        || EXCEPTIONS.iter().any(|part| sql.contains(part))
}

fn words(sql: &str) -> Vec<&str> {
    sql.split(|sign: char| sign.is_whitespace() || "(),;".contains(sign))
        .filter(|word| !word.is_empty())
        .collect()
}

/// A place in a statement where a table is read, changed or added to.
struct Use<'a> {
    table: &'a str,
    /// The columns that name the learner.
    columns: &'static [&'static str],
    /// What they are qualified by; nothing, where the table has no other name in the statement.
    alias: &'a str,
    /// The columns that rows are added with, where some are.
    added: Option<Vec<&'a str>>,
}

fn uses<'a>(words: &[&'a str]) -> Vec<Use<'a>> {
    let entries = ["FROM", "JOIN", "UPDATE", "INTO"];
    let at = |place: usize| words.get(place).copied().unwrap_or_default();
    let is_alias = |word: &str| word.chars().all(|sign| sign.is_ascii_lowercase() || sign == '_');
    let found = (1..words.len()).filter_map(|place| {
        let (table, columns) = *TABLES.iter().find(|(table, _)| *table == words[place])?;
        let entry = entries
            .iter()
            .find(|entry| at(place - 1).eq_ignore_ascii_case(entry))?;
        let next = at(place + 1);
        Some(Use {
            table,
            columns,
            alias: if is_alias(next) { next } else { "" },
            added: (*entry == "INTO").then(|| listed(&words[place + 1..])),
        })
    });
    found.collect()
}

/// The columns that a statement lists before what goes into them.
fn listed<'a>(words: &[&'a str]) -> Vec<&'a str> {
    let words = words.iter().copied();
    words
        .take_while(|word| !["VALUES", "SELECT"].contains(word))
        .collect()
}

/// Whether a learner is named by a parameter, or by something that is not itself without a name.
fn is_named(one: &Use<'_>, nameless: &[Use<'_>], equations: &[(&str, &str)]) -> bool {
    if let Some(added) = &one.added {
        return added.iter().any(|column| one.columns.contains(column));
    }
    let is_own = |side: &str| match side.split_once('.') {
        Some((alias, column)) => (alias == one.alias || alias == one.table) && one.columns.contains(&column),
        None => one.alias.is_empty() && one.columns.contains(&side),
    };
    let is_given = |side: &str| match side.split_once('.') {
        Some((alias, column)) => {
            one.columns.contains(&column)
                && !nameless
                    .iter()
                    .any(|other| [other.alias, other.table].contains(&alias))
        }
        None => side.starts_with('$'),
    };
    equations
        .iter()
        .any(|(left, right)| is_own(left) && is_given(right) || is_own(right) && is_given(left))
}

#[test]
fn a_statement_that_names_no_learner_is_found() {
    for sql in [
        "SELECT * FROM progress p WHERE p.word_id = $1",
        "SELECT * FROM progress p JOIN progress_heads h ON h.user_id = p.user_id WHERE p.word_id = $1 AND h.x = $2",
        "SELECT * FROM progress_events",
        "UPDATE progress_heads SET revision = $1",
        "UPDATE sessions SET counter = $1 WHERE id = $2",
        "DELETE FROM progress_events e WHERE e.id = $1",
        "UPDATE accounts SET is_premium = $1",
        "SELECT * FROM unnest($1) AS w (id) JOIN progress_events e ON e.id = w.id",
        "WITH x AS (SELECT $1) SELECT * FROM x JOIN progress USING (word_id)",
        "SELECT * FROM provider_authorizations WHERE session_id = $1",
        "INSERT INTO provider_authorizations (id, provider) VALUES ($1, $2)",
        "INSERT INTO sessions SELECT user_id FROM account",
    ] {
        assert!(fault(sql).is_some(), "{sql}");
    }
    for sql in [
        "SELECT * FROM progress p WHERE p.user_id = $1 AND p.word_id = $2",
        "SELECT count(*) FROM progress WHERE user_id = $1",
        "SELECT * FROM unnest($1, $2) AS w (user_id, id) JOIN progress_events e ON e.user_id = w.user_id",
        "INSERT INTO progress_heads (user_id, revision) SELECT user_id, 0 FROM account",
        "INSERT INTO provider_authorizations (id, provider, account_id) VALUES ($1, $2, $3)",
        "DELETE FROM provider_authorizations WHERE account_id = $1",
        "UPDATE accounts SET is_premium = $1 WHERE id = $2",
        "SELECT * FROM progress p JOIN progress_heads h ON h.user_id = p.user_id WHERE h.user_id = $1",
        "SELECT * FROM words w WHERE w.id = $1",
        "CREATE TABLE progress (user_id UUID)",
    ] {
        assert_eq!(fault(sql), None);
    }
}

#[tokio::test]
async fn whoever_sends_a_statement_that_names_no_learner_fails_each_time() {
    let home = crate::support::home().await;
    watch();
    for time in ["first", "second"] {
        let mut connection = AsyncPgConnection::establish(&home.url()).await.unwrap();
        let send = async move {
            connection
                .batch_execute("SELECT FROM progress WHERE word_id = 'w1'")
                .await
        };
        let ended = tokio::spawn(send).await;
        assert!(ended.is_err_and(|error| error.is_panic()), "{time}");
    }
}
