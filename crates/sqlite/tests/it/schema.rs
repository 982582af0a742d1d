//! The rules that every table keeps to, read out of the schema itself.

use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::{Connection, QueryableByName, RunQueryDsl, SqliteConnection, sql_query};

use crate::support::fresh;

#[derive(QueryableByName)]
struct Table {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = BigInt)]
    strict: i64,
    #[diesel(sql_type = BigInt)]
    without_rowid: i64,
    #[diesel(sql_type = Nullable<Text>)]
    first_key: Option<String>,
    #[diesel(sql_type = BigInt)]
    has_user: i64,
}

#[derive(QueryableByName)]
struct Reference {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    on_delete: String,
    #[diesel(sql_type = BigInt)]
    indexed: i64,
}

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

fn connection(fresh: &crate::support::Fresh) -> SqliteConnection {
    SqliteConnection::establish(fresh.database.path().to_str().unwrap()).unwrap()
}

fn tables() -> Vec<Table> {
    let fresh = fresh();
    sql_query(
        "SELECT t.name, t.strict, t.wr AS without_rowid, \
         (SELECT c.name FROM pragma_table_info(t.name) c WHERE c.pk = 1) AS first_key, \
         (SELECT count(*) FROM pragma_table_info(t.name) c WHERE c.name = 'user_id') AS has_user \
         FROM pragma_table_list t WHERE t.schema = 'main' AND t.type = 'table' \
         AND t.name NOT LIKE 'sqlite%' AND t.name NOT LIKE '\\_\\_diesel%' ESCAPE '\\'",
    )
    .load(&mut connection(&fresh))
    .unwrap()
}

#[test]
fn every_table_is_strict() {
    let tables = tables();
    assert_eq!(tables.len(), 28);
    for table in tables {
        assert_eq!(table.strict, 1, "{}", table.name);
    }
}

#[test]
fn every_table_of_a_learners_data_has_the_user_first_in_its_key() {
    let of_users: Vec<Table> = tables().into_iter().filter(|table| table.has_user == 1).collect();
    assert_eq!(of_users.len(), 17);
    for table in of_users {
        assert_eq!(table.first_key.as_deref(), Some("user_id"), "{}", table.name);
        assert_eq!(table.without_rowid, 1, "{}", table.name);
    }
}

#[test]
fn every_foreign_key_is_indexed_and_says_what_a_deletion_does() {
    let fresh = fresh();
    let references: Vec<Reference> = sql_query(
        "SELECT t.name || '.' || f.\"from\" AS name, f.on_delete, \
         (SELECT count(*) FROM pragma_index_list(t.name) i JOIN pragma_index_info(i.name) c \
          WHERE c.seqno = 0 AND c.name = f.\"from\") AS indexed \
         FROM pragma_table_list t JOIN pragma_foreign_key_list(t.name) f WHERE t.schema = 'main'",
    )
    .load(&mut connection(&fresh))
    .unwrap();
    assert_eq!(references.len(), 20);
    for reference in references {
        assert_ne!(reference.on_delete, "NO ACTION", "{}", reference.name);
        assert!(reference.indexed > 0, "{}", reference.name);
    }
}

/// Questions that are asked often or of large tables, each with the index that answers it.
const QUESTIONS: &[(&str, &str)] = &[
    (
        "SELECT * FROM progress p WHERE p.user_id = x'00' AND p.revision < 9 AND p.deleted = 0 \
         ORDER BY p.revision DESC LIMIT 9",
        "progress_revision",
    ),
    (
        "SELECT * FROM progress p WHERE p.user_id = x'00' AND p.deleted = 0 AND p.next_review <= 9 \
         ORDER BY p.next_review, p.word_id LIMIT 9",
        "progress_next_review",
    ),
    (
        "SELECT id FROM progress_events WHERE user_id = x'00' AND position > 9 AND kind = 1 \
         ORDER BY position LIMIT 9",
        "progress_events_position",
    ),
    (
        "SELECT min(at) FROM progress_events WHERE user_id = x'00' AND kind = 1 AND undone = 0 \
         GROUP BY word_id",
        "COVERING INDEX progress_events_word",
    ),
    (
        "SELECT at, kind = 1, rating > 1 FROM progress_events WHERE user_id = x'00' AND at >= 1 AND at < 9 \
         AND (kind = 1 AND undone = 0 OR kind = 2 AND raised_study_count = 1)",
        "COVERING INDEX progress_events_at",
    ),
    (
        "SELECT * FROM accounts WHERE (+email_key >= '' AND +email_key < 'z' OR +username_key >= '' \
         AND +username_key < 'z') AND instr(' ' || roles || ' ', '') > 0 AND (created_at, id) < (9, x'00') \
         ORDER BY created_at DESC, id DESC LIMIT 9",
        "accounts_created_at",
    ),
    (
        "SELECT * FROM accounts WHERE (roles <> 'user' OR deactivated_at IS NOT NULL OR deleted_at IS NOT NULL) \
         AND (+email_key >= '' AND +email_key < 'z') AND instr(' ' || roles || ' ', ' admin ') > 0 AND (created_at, id) < (9, x'00') \
         ORDER BY created_at DESC, id DESC LIMIT 9",
        "accounts_notable",
    ),
    (
        "SELECT id FROM accounts WHERE display_name_key >= 'a' AND display_name_key < 'b'",
        "accounts_display_name_key",
    ),
    (
        "SELECT id FROM accounts WHERE purge_at <= 9 ORDER BY purge_at LIMIT 9",
        "accounts_purge_at",
    ),
    (
        "SELECT user_id, day, meter FROM spending WHERE day < 9 ORDER BY day LIMIT 9",
        "COVERING INDEX spending_day",
    ),
    (
        "SELECT user_id, id FROM outbox WHERE due_at <= 9 AND sent_at IS NULL AND given_up_at IS NULL \
         ORDER BY due_at LIMIT 9",
        "outbox_due",
    ),
    (
        "SELECT user_id, id FROM known_devices WHERE last_seen_at < 9 ORDER BY last_seen_at LIMIT 9",
        "COVERING INDEX known_devices_last_seen_at",
    ),
    (
        "SELECT k.name FROM api_keys k JOIN accounts a ON a.id = k.user_id WHERE k.id = x'00' AND a.deleted_at IS NULL",
        "api_keys_id",
    ),
    (
        "SELECT * FROM linked_identities WHERE issuer = 'a' AND subject = 'b'",
        "linked_identities_subject",
    ),
    (
        "SELECT id FROM provider_authorizations WHERE expires_at < 9 ORDER BY expires_at LIMIT 9",
        "COVERING INDEX provider_authorizations_expires_at",
    ),
    (
        "SELECT key FROM lockouts WHERE forget_at < 9 ORDER BY forget_at LIMIT 9",
        "COVERING INDEX lockouts_forget_at",
    ),
    (
        "SELECT id FROM passkey_challenges WHERE expires_at < 9 ORDER BY expires_at LIMIT 9",
        "COVERING INDEX passkey_challenges_expires_at",
    ),
    (
        "SELECT user_id, id FROM outbox WHERE created_at < 9 ORDER BY created_at LIMIT 9",
        "outbox_created_at",
    ),
    (
        "SELECT * FROM audit_entries WHERE true AND at >= 1 AND (at, id) < (9, x'00') ORDER BY at DESC, id DESC \
         LIMIT 9",
        "audit_entries_at",
    ),
    (
        "SELECT * FROM audit_entries WHERE true AND subject_id = x'00' AND (at, id) < (9, x'00') \
         ORDER BY at DESC, id DESC LIMIT 9",
        "audit_entries_subject",
    ),
    (
        "SELECT * FROM audit_entries WHERE true AND actor_id = x'00' ORDER BY at DESC, id DESC LIMIT 9",
        "audit_entries_actor",
    ),
    (
        "SELECT * FROM audit_entries WHERE true AND action = 'a' AND at < 9 ORDER BY at DESC, id DESC LIMIT 9",
        "audit_entries_action",
    ),
    (
        "SELECT * FROM audit_entries WHERE position IS NULL ORDER BY id LIMIT 9",
        "audit_entries_position",
    ),
    (
        "SELECT * FROM audit_entries WHERE position > 9 ORDER BY position LIMIT 9",
        "audit_entries_position",
    ),
    (
        "SELECT position, seal, at FROM audit_entries WHERE position IS NOT NULL ORDER BY position LIMIT 9",
        "audit_entries_position",
    ),
    (
        "SELECT day, meter FROM spending_total WHERE day < 9 ORDER BY day LIMIT 9",
        "PRIMARY KEY",
    ),
    (
        "SELECT user_id, key FROM idempotency_keys WHERE begun_at < 9 ORDER BY begun_at LIMIT 9",
        "COVERING INDEX idempotency_keys_begun_at",
    ),
];

#[test]
fn no_hot_question_reads_a_whole_table() {
    let fresh = fresh();
    let mut connection = connection(&fresh);
    for (question, index) in QUESTIONS {
        let plan: Vec<Step> = sql_query(format!("EXPLAIN QUERY PLAN {question}"))
            .load(&mut connection)
            .unwrap();
        let steps: Vec<&str> = plan.iter().map(|step| step.detail.as_str()).collect();
        assert!(
            steps.iter().any(|step| step.contains(index)),
            "{question}: {steps:?}"
        );
        let sorts = |step: &&&str| step.contains("TEMP B-TREE") || step.starts_with("SCAN");
        assert_eq!(steps.iter().find(sorts), None, "{question}");
    }
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let fresh = fresh();
    for name in ["parlance.db", "parlance.db-wal"] {
        let file = fresh.directory.path().join("data").join(name);
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}
