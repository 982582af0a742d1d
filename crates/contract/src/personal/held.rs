//! What every [`HeldData`](parlance_domain::personal::HeldData) must do.

use std::collections::BTreeMap;

use parlance_domain::accounts::Purpose;
use parlance_domain::audit::{Action, Actor, AuditEntry, Circumstances, UserAgent};
use parlance_domain::consequences::Consequences;
use parlance_domain::ids::{AuditId, ExportId, MailId, UserId};
use parlance_domain::mail::{Message, OutgoingMail};
use parlance_domain::personal::{ExportOrder, HeldRow, Rows, TABLES, Table};
use parlance_domain::progress::Rating::{Again, Good};
use parlance_domain::spending::{Caps, Meter, Spending};
use uuid::Uuid;

use crate::progress::learner::{Learner, confidence, review};
use crate::secrets::secret;
use crate::stores::{Stores, account, at, session, user};

/// Makes a test of each rule; the expression makes [`Stores`].
#[macro_export]
macro_rules! held_data_contract {
    ($make:expr) => {
        $crate::tests_of_rules!(
            personal,
            $make,
            [
                whatever_is_held_of_a_user_is_told_and_nothing_of_others,
                pages_tell_each_row_once,
                values_have_the_same_form_in_every_store,
                threat_73_what_shows_who_somebody_is_is_told_to_nobody,
                what_is_of_others_in_the_audit_log_is_theirs,
                of_somebody_who_is_not_there_nothing_is_told,
            ]
        );
    };
}

fn entry(number: u128, actor: Actor, subject: Option<UserId>) -> AuditEntry {
    AuditEntry {
        id: AuditId(Uuid::from_u128(number)),
        at: at(0),
        actor,
        action: Action::AccountRead,
        subject,
        circumstances: Circumstances {
            address: Some([192, 0, 2, 7].into()),
            user_agent: UserAgent::of(&format!("Agent {number}")),
            request_id: Some(format!("request-{number}")),
            device: None,
        },
        details: BTreeMap::new(),
    }
    .with("reason", format!("reason {number}"))
}

/// Keeps something of a learner in every table that there was when this was written.
async fn fill(stores: &Stores, number: u128) -> UserId {
    let email = format!("Ann{number}@Example.com");
    let held = account(number, &email, Some(&format!("Ann_{number}")));
    let id = held.account.id;
    let of = |place: u128| number << 64 | place;
    stores.keep(&held, &session(of(1), id, 0)).await.unwrap();
    for place in 2..=5 {
        stores.begin(&session(of(place), id, 10)).await.unwrap();
    }
    let ann = Learner::of(stores, id);
    let words = ["a", "-b", "c", "d", "e"];
    for (place, word) in (1..).zip(words) {
        ann.review(
            vec![
                review(place, word, Good, 10),
                review(100 + place, word, Again, 20),
            ],
            60,
        )
        .await;
    }
    ann.set(vec![confidence(200, "f", 0.25)], 61).await;
    let spending = Spending {
        user: Some(id),
        day: at(0).date_naive(),
        meter: Meter::Tokens,
        amount: 5,
    };
    let (caps, nothing) = (Caps::default(), Consequences::default());
    stores.spending.reserve(&spending, &caps).await.unwrap();
    let key = "a-key".parse().unwrap();
    let begun = stores.idempotency.begin(id, &key, &[7; 32], at(0)).await;
    begun.unwrap();
    let mail = OutgoingMail {
        id: MailId(Uuid::from_u128(of(1))),
        user_id: id,
        to: email.parse().unwrap(),
        language: None,
        message: Message::PasswordChanged,
        created_at: at(0),
    };
    let secret = secret(of(2), id, Purpose::ResetPassword);
    let consequences = Consequences::from(entry(of(1), Actor::Account(id), Some(id)))
        .and_mail(mail)
        .and_secret(secret);
    stores.secrets.issue(&consequences).await.unwrap();
    let order = ExportOrder {
        user_id: id,
        id: ExportId(Uuid::from_u128(of(1))),
        now: at(0),
        limit: 3,
        since: at(-10),
    };
    stores.exports.request(&order, &nothing).await.unwrap();
    id
}

/// The tables of which [`fill`] keeps something.
const FILLED: [&str; 12] = [
    "accounts",
    "audit_entries",
    "exports",
    "idempotency_keys",
    "known_devices",
    "one_time_secrets",
    "outbox",
    "progress",
    "progress_events",
    "progress_heads",
    "sessions",
    "spending",
];

fn exported() -> impl Iterator<Item = &'static Table> {
    TABLES.iter().filter(|table| table.is_exported())
}

fn table(name: &str) -> &'static Table {
    TABLES.iter().find(|table| table.name == name).unwrap()
}

/// All rows of a table, read in pages.
async fn all(stores: &Stores, user: UserId, table: &'static Table, limit: u32) -> Vec<HeldRow> {
    let mut rows = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = stores.held.page(user, table, after.as_deref(), limit).await;
        let page = page.unwrap();
        rows.extend(page.rows);
        after = page.next;
        if after.is_none() {
            return rows;
        }
    }
}

/// A value of a row by the name of its column, as JSON.
fn value(table: &'static Table, row: &HeldRow, column: &str) -> String {
    let place = table.exported().position(|known| known.name == column);
    row.0[place.unwrap()].to_string()
}

/// Of two who have the same.
pub async fn whatever_is_held_of_a_user_is_told_and_nothing_of_others(stores: &Stores) {
    let (ann, bob) = (fill(stores, 1).await, fill(stores, 2).await);
    for table in exported() {
        let rows = all(stores, ann, table, 100).await;
        assert!(
            !rows.is_empty() || !FILLED.contains(&table.name),
            "{}",
            table.name
        );
        for row in &rows {
            assert_eq!(row.0.len(), table.exported().count(), "{}", table.name);
            assert!(!format!("{row:?}").contains(&bob.to_string()), "{row:?}");
            if let Rows::OfUser(column) = table.rows {
                assert_eq!(value(table, row, column), format!("\"{ann}\""), "{row:?}");
            }
        }
        assert_eq!(
            all(stores, bob, table, 100).await.len(),
            rows.len(),
            "{}",
            table.name
        );
    }
}

/// However long they are.
pub async fn pages_tell_each_row_once(stores: &Stores) {
    let ann = fill(stores, 1).await;
    fill(stores, 2).await;
    for table in exported() {
        let whole = all(stores, ann, table, 1_000).await;
        for limit in [1, 2, 5] {
            assert_eq!(all(stores, ann, table, limit).await, whole, "{}", table.name);
        }
    }
    assert_eq!(all(stores, ann, table("progress_events"), 3).await.len(), 11);
    assert_eq!(all(stores, ann, table("progress"), 2).await.len(), 6);
}

/// As the API has it.
pub async fn values_have_the_same_form_in_every_store(stores: &Stores) {
    let ann = fill(stores, 1).await;
    let accounts = table("accounts");
    let account = &all(stores, ann, accounts, 10).await[0];
    for (column, expected) in [
        ("id", format!("\"{ann}\"")),
        ("email", "\"Ann1@Example.com\"".to_owned()),
        ("display_name", "\"Ann 学生\"".to_owned()),
        ("roles", "[\"admin\",\"user\"]".to_owned()),
        ("is_premium", "true".to_owned()),
        ("email_verified", "false".to_owned()),
        ("created_at", "\"2026-03-01T12:00:00.123Z\"".to_owned()),
        ("deleted_at", "null".to_owned()),
        ("deleted_by_owner", "null".to_owned()),
    ] {
        let mut told = value(accounts, account, column);
        if column == "roles" && told == "[\"user\",\"admin\"]" {
            told.clone_from(&expected);
        }
        assert_eq!(told, expected, "{column}");
    }
    let spending = table("spending");
    let spent = &all(stores, ann, spending, 10).await[0];
    assert_eq!(value(spending, spent, "day"), "\"2026-03-01\"");
    assert_eq!(value(spending, spent, "amount"), "5");
    let outbox = table("outbox");
    let mail = &all(stores, ann, outbox, 10).await[0];
    assert_eq!(value(outbox, mail, "message"), "{\"about\":\"passwordChanged\"}");
    let progress = table("progress");
    let rows = all(stores, ann, progress, 10).await;
    let set = rows.iter().find(|row| value(progress, row, "word_id") == "\"f\"");
    assert_eq!(value(progress, set.unwrap(), "confidence"), "0.25");
    assert_eq!(value(progress, set.unwrap(), "deleted"), "false");
}

/// Hashes, digests and seals stay where they are.
pub async fn threat_73_what_shows_who_somebody_is_is_told_to_nobody(stores: &Stores) {
    let ann = fill(stores, 1).await;
    for table in exported() {
        let rows = format!("{:?}", all(stores, ann, table, 100).await);
        assert!(!rows.contains("hash of 1"), "{rows}");
    }
    let titles: Vec<_> = table("one_time_secrets")
        .exported()
        .map(|column| column.name)
        .collect();
    assert!(!titles.contains(&"digest"), "{titles:?}");
}

/// What an administrator did is told, and not where from; what somebody did to another is told, and not to whom.
pub async fn what_is_of_others_in_the_audit_log_is_theirs(stores: &Stores) {
    let (ann, bob) = (fill(stores, 1).await, fill(stores, 2).await);
    let entries = [
        entry(11, Actor::Account(bob), Some(ann)),
        entry(12, Actor::Account(ann), Some(bob)),
        entry(13, Actor::Anonymous, Some(ann)),
        entry(14, Actor::Account(bob), Some(bob)),
    ];
    stores.audit.append(&entries).await.unwrap();
    let table = table("audit_entries");
    let rows = all(stores, ann, table, 100).await;
    let of = |number: u128| {
        let id = format!("\"{}\"", Uuid::from_u128(number));
        rows.iter().find(|row| value(table, row, "id") == id)
    };
    let by_other = of(11).unwrap();
    for column in ["actor_id", "address", "user_agent", "request_id"] {
        assert_eq!(value(table, by_other, column), "null", "{column}");
    }
    assert_eq!(value(table, by_other, "actor_kind"), "\"account\"");
    assert_eq!(value(table, by_other, "details"), "{\"reason\":\"reason 11\"}");
    let to_other = of(12).unwrap();
    for column in ["subject_id", "details"] {
        assert_eq!(value(table, to_other, column), "null", "{column}");
    }
    assert_eq!(value(table, to_other, "address"), "\"192.0.2.7\"");
    assert_eq!(value(table, of(13).unwrap(), "address"), "\"192.0.2.7\"");
    assert!(of(14).is_none());
}

/// Neither is it an error.
pub async fn of_somebody_who_is_not_there_nothing_is_told(stores: &Stores) {
    fill(stores, 1).await;
    for table in exported() {
        assert_eq!(all(stores, user(9), table, 10).await, [], "{}", table.name);
    }
}
