//! What an installation is moved out of and into.

use std::time::Duration;

use async_trait::async_trait;
use diesel::sql_types::{BigInt, Binary};
use diesel::{RunQueryDsl, SqliteConnection};
use parlance_domain::audit::AuditHead;
use parlance_domain::ids::{AuditId, UserId, WordId};
use parlance_domain::port::PortError;
use parlance_domain::transfer::{Holdings, KeptEntry, LearnerMark, LearnerRecord, TransferStore};
use parlance_domain::words::Word;

use crate::accounts::{self, NewAccount};
use crate::audit;
use crate::convert::{CorruptRow, RowOf};
use crate::database::{NoRefusal, SqliteDatabase};
use crate::progress::StoredProgress;
use crate::settings;
use crate::statement::statement;
use crate::words::{self, NewWord};

const PORT: &str = "TransferStore";
/// How long one call may take: the log of years is many rows.
const DEADLINE: Duration = Duration::from_mins(1);

statement!(
    Learners(after: &'a [u8] => Binary, limit: i64 => BigInt) -> (Binary)
        = "SELECT id FROM accounts WHERE id > ? ORDER BY id LIMIT ?"
);

/// The words and the whole learners in the database.
#[derive(Clone)]
pub struct SqliteTransfer {
    database: SqliteDatabase,
}

impl SqliteTransfer {
    /// What is in this database.
    pub fn new(database: SqliteDatabase) -> Self {
        Self { database }
    }
}

#[async_trait]
impl TransferStore for SqliteTransfer {
    async fn words(&self, after: Option<&WordId>, limit: u32) -> Result<Vec<Word>, PortError> {
        // Every id comes after no text.
        let after = after.map(|id| id.as_str().to_owned()).unwrap_or_default();
        self.database
            .read(move |connection| words::words_after(connection, &after, limit))
            .await
            .map_err(|error| error.into_port(PORT))
    }

    async fn import_words(&self, words: &[Word]) -> Result<(), PortError> {
        let words: Vec<NewWord> = words.iter().map(NewWord::from).collect();
        self.database
            .write_within(DEADLINE, move |connection| Ok(words::upsert(connection, &words)?))
            .await
            .map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn learners(&self, after: Option<UserId>, limit: u32) -> Result<Vec<UserId>, PortError> {
        self.database
            .read(move |connection| {
                // Every id comes after no bytes.
                let after = after.as_ref().map_or(&[][..], |id| id.0.as_bytes());
                let found: Vec<(Vec<u8>,)> = Learners::new(after, i64::from(limit)).load(connection)?;
                let of = RowOf {
                    table: "accounts",
                    id: &"(not an id)",
                };
                let ids = found.iter().map(|(id,)| of.uuid(id, "id").map(UserId));
                Ok(ids.collect::<Result<_, CorruptRow>>()?)
            })
            .await
            .map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn mark(&self, id: UserId) -> Result<Option<LearnerMark>, PortError> {
        self.database
            .read(move |connection| {
                let Some(holdings) = holdings(connection, id)? else {
                    return Ok(None);
                };
                let (revision, position) = StoredProgress::head(connection, id)?;
                Ok(Some(LearnerMark {
                    holdings,
                    revision,
                    position,
                }))
            })
            .await
            .map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn export(&self, id: UserId) -> Result<Option<LearnerRecord>, PortError> {
        self.database
            .read_within(DEADLINE, move |connection| {
                let Some(holdings) = holdings(connection, id)? else {
                    return Ok(None);
                };
                let (revision, events, rows) = StoredProgress::read(connection, id)?;
                Ok(Some(LearnerRecord {
                    holdings,
                    revision,
                    events,
                    rows,
                }))
            })
            .await
            .map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn import(&self, record: &LearnerRecord) -> Result<bool, PortError> {
        let LearnerRecord {
            holdings,
            revision,
            events,
            rows,
        } = record;
        let id = holdings.owner();
        let progress = StoredProgress::new(id, *revision, events, rows);
        let (account, holdings) = (NewAccount::from(&holdings.account), holdings.clone());
        self.database
            .write_within(DEADLINE, move |connection| {
                if accounts::account(connection, id)?.is_some() {
                    return Ok(false);
                }
                keep(connection, &account, &holdings)?;
                progress.write(connection)?;
                Ok(true)
            })
            .await
            .map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn audit(&self, after: Option<AuditId>, limit: u32) -> Result<Vec<KeptEntry>, PortError> {
        self.database
            .read(move |connection| Ok(audit::entries_after(connection, after, limit)?))
            .await
            .map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn import_audit(&self, entries: &[KeptEntry]) -> Result<(), PortError> {
        let entries = entries.to_vec();
        self.database
            .write_within(DEADLINE, move |connection| {
                Ok(audit::keep_entries(connection, &entries)?)
            })
            .await
            .map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn audit_head(&self) -> Result<Option<AuditHead>, PortError> {
        self.database
            .read(|connection| Ok(audit::head(connection)?))
            .await
            .map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn import_audit_head(&self, head: &AuditHead) -> Result<(), PortError> {
        let head = *head;
        self.database
            .write(move |connection| Ok(audit::replace(connection, &head)?))
            .await
            .map_err(|error: NoRefusal| error.into_port(PORT))
    }
}

/// What is held of a learner besides their progress.
fn holdings(connection: &mut SqliteConnection, id: UserId) -> Result<Option<Holdings>, NoRefusal> {
    let Some(account) = accounts::account(connection, id)? else {
        return Ok(None);
    };
    Ok(Some(Holdings {
        account,
        sessions: accounts::sessions_of(connection, id)?,
        devices: accounts::devices_of(connection, id)?,
        second_factor: accounts::second_factor_of(connection, id)?,
        passkeys: accounts::passkeys_of(connection, id)?,
        identities: accounts::identities_of(connection, id)?,
        api_keys: accounts::api_keys_of(connection, id)?,
        preferences: settings::preferences(connection, id)?,
        provider_keys: settings::keys(connection, id)?,
    }))
}

/// Keeps what is held, with the account as a row.
fn keep(
    connection: &mut SqliteConnection,
    account: &NewAccount,
    holdings: &Holdings,
) -> Result<(), NoRefusal> {
    let id = holdings.owner();
    accounts::keep(connection, account, &holdings.sessions)?;
    for device in &holdings.devices {
        accounts::keep_device(connection, id, device)?;
    }
    if let Some(second_factor) = &holdings.second_factor {
        accounts::keep_second_factor(connection, id, second_factor)?;
    }
    for passkey in &holdings.passkeys {
        accounts::keep_passkey(connection, passkey)?;
    }
    for identity in &holdings.identities {
        accounts::keep_identity(connection, identity)?;
    }
    for key in &holdings.api_keys {
        accounts::keep_api_key(connection, key)?;
    }
    if let Some(preferences) = &holdings.preferences {
        settings::keep(connection, id, preferences)?;
    }
    for key in &holdings.provider_keys {
        settings::keep_key(connection, id, key)?;
    }
    Ok(())
}
