//! The rules that every table keeps to, read out of the schema itself.

use tokio_postgres::Row;

use crate::isolation;
use crate::support::{home, session};

async fn rows(query: &str) -> Vec<Row> {
    let home = home().await;
    session(&home.url()).await.query(query, &[]).await.unwrap()
}

/// The tables of the stores, each with the columns of its primary key in their order.
const TABLES: &str = "SELECT t.relname, array(SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY k (number, place) \
        JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number ORDER BY k.place) AS key, \
     EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attname = 'user_id') AS has_user, \
     array(SELECT x.indexrelid::regclass::text FROM pg_index x JOIN pg_attribute a \
        ON a.attrelid = t.oid AND a.attnum = x.indkey[0] WHERE x.indrelid = t.oid AND a.attname <> 'user_id') AS others \
     FROM pg_class t LEFT JOIN pg_index i ON i.indrelid = t.oid AND i.indisprimary \
     WHERE t.relkind = 'r' AND t.relnamespace = 'public'::regnamespace AND t.relname NOT LIKE '\\_\\_diesel%' \
     ORDER BY t.relname";

#[tokio::test]
async fn every_table_of_a_learners_data_has_the_user_first_in_its_key() {
    let tables = rows(TABLES).await;
    let mut of_users = Vec::new();
    for table in &tables {
        let (name, key): (String, Vec<String>) = (table.get("relname"), table.get("key"));
        assert!(!key.is_empty(), "{name} has no key");
        if table.get("has_user") {
            assert_eq!(key[0], "user_id", "{name}");
            of_users.push(name);
        }
    }
    assert_eq!(
        of_users,
        [
            "api_keys",
            "exports",
            "idempotency_keys",
            "known_devices",
            "linked_identities",
            "one_time_secrets",
            "outbox",
            "passkeys",
            "progress",
            "progress_events",
            "progress_heads",
            "provider_keys",
            "recovery_codes",
            "second_factors",
            "sessions",
            "spending",
            "user_settings"
        ]
    );
}

#[tokio::test]
async fn statements_are_watched_by_every_column_that_refers_to_a_learner() {
    let references = rows(
        "SELECT f.conrelid::regclass::text AS name, a.attname::text AS named_by FROM pg_constraint f \
         JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = ANY (f.conkey) \
         WHERE f.contype = 'f' AND f.confrelid IN ('accounts'::regclass, 'progress_heads'::regclass)",
    )
    .await;
    let mut referring: Vec<(String, String)> = references
        .iter()
        .map(|row| (row.get("name"), row.get("named_by")))
        .collect();
    referring.sort();
    let mut watched = Vec::new();
    for (table, columns) in isolation::TABLES {
        if *table != "accounts" {
            let of_table = |column: &&str| ((*table).to_owned(), (*column).to_owned());
            watched.extend(columns.iter().map(of_table));
        }
    }
    assert_eq!(referring, watched);
    // Few of its rows are somebody's: whoever signs in at a provider names no account.
    referring.retain(|(_, column)| column != "user_id");
    let other = ("provider_authorizations".to_owned(), "account_id".to_owned());
    assert_eq!(referring, [other]);
}

#[tokio::test]
async fn indexes_of_a_learners_data_begin_with_the_user_but_those_that_need_not() {
    let mut others: Vec<String> = Vec::new();
    for table in rows(TABLES).await.iter().filter(|table| table.get("has_user")) {
        others.extend(table.get::<_, Vec<String>>("others"));
    }
    others.sort();
    // By a refresh token, which names no user, and for the program's own housekeeping.
    assert_eq!(
        others,
        [
            "api_keys_id",
            "exports_due",
            "exports_requested_at",
            "idempotency_keys_begun_at",
            "known_devices_last_seen_at",
            "linked_identities_subject",
            "one_time_secrets_expires_at",
            "one_time_secrets_id",
            "outbox_created_at",
            "outbox_due",
            "sessions_expires_at",
            "sessions_id",
            "sessions_revoked_at",
            "spending_day"
        ]
    );
}

#[tokio::test]
async fn every_foreign_key_is_indexed_and_says_what_a_deletion_does() {
    let references = rows(
        "SELECT f.conname, f.confdeltype <> 'a' AS is_told, EXISTS (SELECT FROM pg_index i \
            WHERE i.indrelid = f.conrelid AND i.indkey[0] = f.conkey[1] AND i.indpred IS NULL) AS is_indexed \
         FROM pg_constraint f WHERE f.contype = 'f' AND f.connamespace = 'public'::regnamespace",
    )
    .await;
    assert_eq!(references.len(), 20);
    for reference in references {
        let name: String = reference.get("conname");
        assert!(reference.get::<_, bool>("is_told"), "{name}");
        assert!(reference.get::<_, bool>("is_indexed"), "{name}");
    }
}

#[tokio::test]
async fn every_instant_has_a_time_zone_and_every_identifier_is_compared_by_its_bytes() {
    let wrong = rows(
        "SELECT table_name || '.' || column_name || ' ' || data_type AS what FROM information_schema.columns \
         WHERE table_schema = 'public' AND table_name NOT LIKE '\\_\\_diesel%' AND (\
            data_type IN ('timestamp without time zone', 'character varying', 'real', 'json') \
            OR data_type = 'text' AND column_name ~ '(_key|^id|_id)$' AND column_name <> 'device_id' \
               AND collation_name IS DISTINCT FROM 'C')",
    )
    .await;
    let wrong: Vec<String> = wrong.iter().map(|row| row.get("what")).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}
