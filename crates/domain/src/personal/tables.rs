//! The rule of each table. A table without one fails a test of each store; so does a column of a learner's table.

use super::rules::{Column, End, Kind, Rows, Shown, Table};

const fn id(name: &'static str) -> Column {
    Column::of(name, Kind::Id)
}

const fn text(name: &'static str) -> Column {
    Column::of(name, Kind::Text)
}

const fn number(name: &'static str) -> Column {
    Column::of(name, Kind::Number)
}

const fn flag(name: &'static str) -> Column {
    Column::of(name, Kind::Flag)
}

const fn time(name: &'static str) -> Column {
    Column::of(name, Kind::Time)
}

const fn json(name: &'static str) -> Column {
    Column::of(name, Kind::Json)
}

const SECRET: &str = "shows who somebody is";
const DEVICES: &str = "by what the answers of a device are checked, of use to nobody else";
const FOLDED: &str = "another column in the form in which it is looked for";
const WORKERS: &str = "says which worker has it in hand";

/// Every table of the stores.
pub const TABLES: &[Table] = &[
    Table {
        rows: Rows::OfUser("id"),
        ..Table::of_user("accounts", None, ACCOUNTS)
    },
    Table::of_user("sessions", Some("id"), SESSIONS),
    Table::of_user("known_devices", Some("id"), KNOWN_DEVICES),
    Table::of_user("one_time_secrets", Some("id"), ONE_TIME_SECRETS),
    Table::of_user("api_keys", Some("id"), API_KEYS),
    Table::of_user("user_settings", None, USER_SETTINGS),
    Table::of_user("provider_keys", Some("provider"), PROVIDER_KEYS),
    Table::of_user("second_factors", None, SECOND_FACTORS),
    Table::of_user("recovery_codes", None, RECOVERY_CODES),
    Table::of_user("passkeys", Some("id"), PASSKEYS),
    Table::of_user("linked_identities", Some("id"), LINKED_IDENTITIES),
    Table {
        rows: Rows::OfUser("account_id"),
        ..Table::of_user("provider_authorizations", Some("id"), PROVIDER_AUTHORIZATIONS)
    },
    Table::of_user("progress_heads", None, PROGRESS_HEADS),
    Table::of_user("progress", Some("word_id"), PROGRESS),
    Table::of_user("progress_events", Some("position"), PROGRESS_EVENTS),
    Table::of_user("spending", None, SPENDING),
    Table::of_user("idempotency_keys", Some("key"), IDEMPOTENCY_KEYS),
    Table::of_user("outbox", Some("id"), OUTBOX),
    Table::of_user("exports", Some("id"), EXPORTS),
    Table {
        name: "audit_entries",
        rows: Rows::OfActorAndSubject,
        end: End::Later(
            "shows what was done, and is deleted when it is old; it names an account by its id alone",
        ),
        pages_by: Some("id"),
        columns: AUDIT_ENTRIES,
    },
    Table::of_nobody("audit_head", "how far the chain of the audit log goes"),
    Table::of_nobody(
        "lockouts",
        "digests of names and addresses that were tried, forgotten when the lock is over",
    ),
    Table::of_nobody(
        "passkey_challenges",
        "random numbers that devices are to sign within minutes; they tell nothing of whose device",
    ),
    Table::of_nobody("spending_total", "sums over all users"),
    Table::of_nobody("word_lists", "the vocabulary"),
    Table::of_nobody("words", "the vocabulary"),
    Table::of_nobody("list_words", "the vocabulary"),
    Table::of_nobody("vocabulary_release", "the vocabulary"),
];

const ACCOUNTS: &[Column] = &[
    id("id"),
    text("email"),
    Column::kept_back("email_key", FOLDED),
    text("username"),
    Column::kept_back("username_key", FOLDED),
    Column::kept_back("password_hash", SECRET),
    text("display_name"),
    Column::kept_back("display_name_key", FOLDED),
    text("native_language"),
    text("target_language"),
    text("proficiency_level"),
    text("time_zone"),
    Column::of("roles", Kind::Names),
    flag("is_premium"),
    flag("email_verified"),
    time("created_at"),
    time("updated_at"),
    time("last_login_at"),
    number("revision"),
    time("deactivated_at"),
    time("deleted_at"),
    time("purge_at"),
    flag("deleted_by_owner"),
    text("deletion_reason"),
];

const SESSIONS: &[Column] = &[
    id("user_id"),
    id("id"),
    number("counter"),
    time("rotated_at"),
    time("previous_rotated_at"),
    time("created_at"),
    time("expires_at"),
    time("revoked_at"),
    time("authenticated_at"),
    text("proof"),
    text("user_agent"),
    text("address"),
    id("device_id"),
];

const KNOWN_DEVICES: &[Column] = &[
    id("user_id"),
    id("id"),
    time("first_seen_at"),
    time("last_seen_at"),
];

const ONE_TIME_SECRETS: &[Column] = &[
    id("user_id"),
    id("id"),
    text("purpose"),
    Column::kept_back("digest", SECRET),
    text("payload"),
    time("created_at"),
    time("expires_at"),
    time("used_at"),
];

const API_KEYS: &[Column] = &[
    id("user_id"),
    id("id"),
    text("name"),
    text("scopes"),
    Column::kept_back("digest", SECRET),
    time("created_at"),
    time("expires_at"),
    time("last_used_at"),
];

const USER_SETTINGS: &[Column] = &[
    id("user_id"),
    text("preferred_language"),
    text("summary_quality"),
    number("desired_retention"),
    flag("reminders_enabled"),
    number("reminder_minute"),
    number("reminder_days"),
    json("data"),
    number("revision"),
    time("updated_at"),
];

const PROVIDER_KEYS: &[Column] = &[
    id("user_id"),
    text("provider"),
    Column::kept_back("sealed", SECRET),
    Column::kept_back("key_id", "says with which key the server sealed it"),
    text("last_four"),
    time("set_at"),
];

const SECOND_FACTORS: &[Column] = &[
    id("user_id"),
    Column::kept_back("secret", SECRET),
    Column::kept_back("key_id", "says with which key the server sealed it"),
    time("created_at"),
    time("confirmed_at"),
    Column::kept_back("last_step", "which code was used last"),
];

/// One row for each code that is left: how many there are, and nothing else.
const RECOVERY_CODES: &[Column] = &[id("user_id"), Column::kept_back("digest", SECRET)];

const PASSKEYS: &[Column] = &[
    id("user_id"),
    id("id"),
    text("name"),
    Column::kept_back("credential_id", DEVICES),
    Column::kept_back("public_key", DEVICES),
    number("counter"),
    time("created_at"),
    time("last_used_at"),
];

const LINKED_IDENTITIES: &[Column] = &[
    id("user_id"),
    id("id"),
    text("provider"),
    text("issuer"),
    text("subject"),
    text("email"),
    time("linked_at"),
];

/// Of a sign-in that is under way it is not known whose it is: it names no account, and is forgotten after ten minutes.
const PROVIDER_AUTHORIZATIONS: &[Column] = &[
    id("id"),
    text("provider"),
    id("account_id"),
    id("session_id"),
    text("return_to"),
    Column::kept_back("browser", SECRET),
    time("expires_at"),
];

const PROGRESS_HEADS: &[Column] = &[id("user_id"), number("revision"), number("position")];

const PROGRESS: &[Column] = &[
    id("user_id"),
    text("word_id"),
    id("id"),
    number("fold_version"),
    number("revision"),
    flag("deleted"),
    number("study_count"),
    number("correct_count"),
    number("confidence"),
    time("next_review"),
    number("stability"),
    number("difficulty"),
    time("last_review"),
    number("lapses"),
    time("last_at"),
    id("last_id"),
    time("created_at"),
    time("updated_at"),
];

/// A kind is 1 for a review, 2 for what was set, 3 for a word that was forgotten, 4 for a review that was taken back.
const PROGRESS_EVENTS: &[Column] = &[
    id("user_id"),
    id("id"),
    text("word_id"),
    number("position"),
    number("kind"),
    time("at"),
    text("device_id"),
    number("rating"),
    number("duration_ms"),
    number("retention"),
    flag("clamped"),
    flag("undone"),
    number("study_count"),
    number("correct_count"),
    number("confidence"),
    flag("raised_study_count"),
    id("review_id"),
    time("recorded_at"),
];

const SPENDING: &[Column] = &[
    id("user_id"),
    Column::of("day", Kind::Day),
    text("meter"),
    number("amount"),
];

const IDEMPOTENCY_KEYS: &[Column] = &[
    id("user_id"),
    text("key"),
    Column::kept_back("fingerprint", "a digest of a request"),
    time("begun_at"),
    number("status"),
    text("content_type"),
    Column::kept_back("body", "an answer made of other tables, kept for a day"),
];

const OUTBOX: &[Column] = &[
    id("user_id"),
    id("id"),
    text("recipient"),
    text("language"),
    json("message"),
    time("created_at"),
    time("due_at"),
    number("attempts"),
    Column::kept_back("attempt", WORKERS),
    time("sent_at"),
    time("given_up_at"),
];

const EXPORTS: &[Column] = &[
    id("user_id"),
    id("id"),
    time("requested_at"),
    time("due_at"),
    number("attempts"),
    Column::kept_back("attempt", WORKERS),
    Column::kept_back("file", "where the archive is kept"),
    number("bytes"),
    time("ready_at"),
    time("expires_at"),
    time("failed_at"),
];

const AUDIT_ENTRIES: &[Column] = &[
    id("id"),
    time("at"),
    text("actor_kind"),
    id("actor_id").shown(Shown::UnlessAnotherActed),
    id("api_key_id").shown(Shown::UnlessAnotherActed),
    text("action"),
    id("subject_id").shown(Shown::UnlessOfAnother),
    text("address").shown(Shown::UnlessAnotherActed),
    text("user_agent").shown(Shown::UnlessAnotherActed),
    text("request_id").shown(Shown::UnlessAnotherActed),
    json("details").shown(Shown::UnlessOfAnother),
    Column::kept_back("position", "the place in the chain of all entries"),
    Column::kept_back("seal", "of the chain of all entries"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_table_and_each_of_its_columns_has_one_rule() {
        let tables: BTreeSet<_> = TABLES.iter().map(|table| table.name).collect();
        assert_eq!(tables.len(), TABLES.len());
        for table in TABLES {
            let columns: BTreeSet<_> = table.columns.iter().map(|column| column.name).collect();
            assert_eq!(columns.len(), table.columns.len(), "{}", table.name);
            assert_eq!(columns.is_empty(), !table.is_exported(), "{}", table.name);
        }
    }

    #[test]
    fn pages_go_on_by_a_column_that_is_handed_out() {
        for table in TABLES {
            let column = table.page_column();
            assert_eq!(column.is_some(), table.pages_by.is_some(), "{}", table.name);
            let fits =
                column.is_none_or(|column| matches!(column.kind, Kind::Id | Kind::Text | Kind::Number));
            assert!(fits, "{}", table.name);
        }
    }

    #[test]
    fn what_shows_who_somebody_is_is_handed_out_to_nobody() {
        let secrets = ["password_hash", "digest", "seal", "attempt"];
        for column in TABLES.iter().flat_map(Table::exported) {
            assert!(!secrets.contains(&column.name), "{}", column.name);
        }
    }

    #[test]
    fn titles_have_the_form_of_the_members_of_the_api() {
        assert_eq!(time("previous_rotated_at").title(), "previousRotatedAt");
        assert_eq!(id("id").title(), "id");
    }
}
