//! Makes the archives that were asked for, beside the requests: each by one worker at a time.

use std::sync::Arc;

use chrono::{SecondsFormat, TimeDelta};
use serde_json::{Value, json};

use super::{
    ExportArchive, ExportAttempt, ExportFileName, ExportFiles, ExportLease, ExportOutcome, ExportStore,
    HeldData, ReadyExport, Shown, TABLES, Table, TakenExport, WELL_FOR, csv_header, csv_rows, json_rows,
};
use crate::accounts::{Account, AccountStore, OneTimeSecret, OneTimeSecrets, Purpose};
use crate::consequences::{Consequences, Recorder};
use crate::ids::{ExportId, IdGenerator};
use crate::mail::Message;
use crate::port::PortError;
use crate::time::{Clock, Timestamp};

/// How long it is known that an archive was asked for.
pub const EXPORTS_KEPT_FOR: TimeDelta = TimeDelta::days(7);
/// How long nobody else takes an archive; made longer with every page of rows.
const LEASE: TimeDelta = TimeDelta::minutes(2);
/// How long the making of one may take.
const LONGEST: TimeDelta = TimeDelta::hours(1);
/// How often it is tried to make one.
const ATTEMPTS: u32 = 5;
/// How long one rests that could not be made for the first time; each time twice as long.
const SHORTEST_REST: TimeDelta = TimeDelta::seconds(30);
/// How many rows are read at once.
const PAGE: u32 = 500;

/// What came of looking for an archive to make.
#[derive(Debug)]
pub enum Built {
    /// None is due.
    Nothing,
    /// One is ready.
    Ready(ExportId),
    /// One was not made; whether it will not be tried any more.
    Unmade {
        /// Its id.
        id: ExportId,
        /// Why.
        reason: BuildError,
        /// Whether it is given up.
        given_up: bool,
    },
}

/// Why an archive was not made.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Another attempt has taken it, or it is gone with its account.
    #[error("another attempt has the archive")]
    Lost,
    /// The account is gone or out of use.
    #[error("the account is not in use")]
    NoAccount,
    /// It took too long, or those who tried came to no end.
    #[error("the archive was tried for too long")]
    TooLong,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// What [`Archives`] calls.
#[derive(Clone)]
pub struct ArchivePorts {
    /// The accounts.
    pub accounts: Arc<dyn AccountStore>,
    /// The rows.
    pub held: Arc<dyn HeldData>,
    /// The archives that were asked for.
    pub exports: Arc<dyn ExportStore>,
    /// Their files.
    pub files: Arc<dyn ExportFiles>,
    /// The one-time secrets.
    pub secrets: OneTimeSecrets,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdGenerator>,
}

/// Makes the archives that were asked for.
///
/// An archive is leased to one attempt at a time, which names its file and makes the lease longer as it goes on; what became
/// of it is noted under that attempt. A process that ends leaves an archive that another attempt makes anew when the lease
/// is over, and perhaps a file that is cleared away when its time has come.
pub struct Archives {
    ports: ArchivePorts,
    recorder: Recorder,
}

/// An archive in the hands of an attempt.
struct InHand {
    taken: TakenExport,
    attempt: ExportAttempt,
    began: Timestamp,
}

impl Archives {
    /// Archives over these ports.
    pub fn new(ports: ArchivePorts) -> Self {
        Self {
            recorder: Recorder::new(Arc::clone(&ports.clock), Arc::clone(&ports.ids)),
            ports,
        }
    }

    /// Makes an archive that is due, if there is one.
    pub async fn build_due(&self) -> Result<Built, PortError> {
        let began = self.ports.clock.now();
        let attempt = ExportAttempt(self.ports.ids.next());
        let lease = ExportLease {
            attempt,
            now: began,
            until: began + LEASE,
        };
        let Some(taken) = self.ports.exports.take(&lease).await? else {
            return Ok(Built::Nothing);
        };
        let in_hand = InHand {
            taken,
            attempt,
            began,
        };
        match self.build(&in_hand).await {
            Ok(()) => Ok(Built::Ready(taken.id)),
            Err(reason) => self.give_back(&in_hand, reason).await,
        }
    }

    /// Deletes the files that are not needed any more; how many.
    pub async fn purge_files(&self) -> Result<u32, PortError> {
        self.ports.files.purge(self.ports.clock.now()).await
    }

    /// Forgets archives that were asked for long ago; how many, at most `limit`.
    pub async fn purge(&self, limit: u32) -> Result<u32, PortError> {
        let before = self.ports.clock.now() - EXPORTS_KEPT_FOR;
        self.ports.exports.purge(before, limit).await
    }

    async fn build(&self, in_hand: &InHand) -> Result<(), BuildError> {
        let InHand {
            taken,
            attempt,
            began,
        } = in_hand;
        // Those before this one did not even say why they failed: the process ended with them.
        if taken.attempts > ATTEMPTS {
            return Err(BuildError::TooLong);
        }
        let found = self.ports.accounts.by_id(taken.user_id).await?;
        let account = found.filter(Account::is_active);
        let account = account.ok_or(BuildError::NoAccount)?;
        let file = ExportFileName::new(*began + LONGEST + LEASE + WELL_FOR, taken.id, *attempt);
        let mut archive = self.ports.files.begin(&file).await?;
        self.fill(&mut *archive, in_hand).await?;
        let bytes = archive.finish().await?;
        let now = self.ports.clock.now();
        let ready = ReadyExport {
            file,
            bytes,
            ready_at: now,
            expires_at: now + WELL_FOR,
        };
        let consequences = self.tell(&account, taken.id, ready.expires_at);
        let outcome = ExportOutcome::Ready(ready);
        let exports = &self.ports.exports;
        let noted = exports.finish(taken.user_id, taken.id, *attempt, &outcome, &consequences);
        noted.await?.then_some(()).ok_or(BuildError::Lost)
    }

    /// The mail with the link, which is good for as long as the archive.
    fn tell(&self, account: &Account, id: ExportId, until: Timestamp) -> Consequences {
        let secret = OneTimeSecret {
            payload: Some(id.to_string()),
            ..self.ports.secrets.make(account.id, Purpose::Export, WELL_FOR)
        };
        let message = Message::ExportReady {
            secret: secret.id,
            until,
        };
        let mail = self.recorder.mail(account, message);
        Consequences::default().and_secret(secret).and_mail(mail)
    }

    async fn give_back(&self, in_hand: &InHand, reason: BuildError) -> Result<Built, PortError> {
        let (id, at) = (in_hand.taken.id, self.ports.clock.now());
        let attempts = in_hand.taken.attempts;
        let given_up = match reason {
            BuildError::Lost => {
                let given_up = false;
                return Ok(Built::Unmade { id, reason, given_up });
            }
            BuildError::NoAccount => true,
            BuildError::TooLong | BuildError::Port(_) => attempts >= ATTEMPTS,
        };
        let outcome = if given_up {
            ExportOutcome::Failed { at }
        } else {
            let rest = SHORTEST_REST * 2_i32.saturating_pow(attempts.min(16));
            ExportOutcome::Postponed { due: at + rest }
        };
        let (user, nothing) = (in_hand.taken.user_id, Consequences::default());
        let exports = &self.ports.exports;
        exports
            .finish(user, id, in_hand.attempt, &outcome, &nothing)
            .await?;
        Ok(Built::Unmade { id, reason, given_up })
    }

    async fn fill(&self, archive: &mut dyn ExportArchive, in_hand: &InHand) -> Result<(), BuildError> {
        archive.entry("about.json").await?;
        let about = about(in_hand).to_string();
        archive.write(about.into()).await?;
        for table in TABLES.iter().filter(|table| table.is_exported()) {
            archive.entry(&format!("{}.json", table.name)).await?;
            archive.write("[".into()).await?;
            let mut is_first = true;
            self.rows(archive, in_hand, table, |rows| {
                let text = json_rows(table, rows, is_first);
                is_first &= rows.is_empty();
                text
            })
            .await?;
            archive.write("\n]\n".into()).await?;
            archive.entry(&format!("{}.csv", table.name)).await?;
            archive.write(csv_header(table).into()).await?;
            self.rows(archive, in_hand, table, csv_rows).await?;
        }
        Ok(())
    }

    /// Writes the rows of a table, page by page; nobody else takes the archive meanwhile.
    async fn rows(
        &self,
        archive: &mut dyn ExportArchive,
        in_hand: &InHand,
        table: &'static Table,
        mut write: impl FnMut(&[super::HeldRow]) -> Vec<u8> + Send,
    ) -> Result<(), BuildError> {
        let mut after: Option<String> = None;
        loop {
            let user = in_hand.taken.user_id;
            let page = self.ports.held.page(user, table, after.as_deref(), PAGE).await?;
            archive.write(write(&page.rows).into()).await?;
            self.hold(in_hand).await?;
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn hold(&self, in_hand: &InHand) -> Result<(), BuildError> {
        let now = self.ports.clock.now();
        if now - in_hand.began > LONGEST {
            return Err(BuildError::TooLong);
        }
        let TakenExport { user_id, id, .. } = in_hand.taken;
        let exports = &self.ports.exports;
        let renewed = exports.renew(user_id, id, in_hand.attempt, now + LEASE).await?;
        renewed.then_some(()).ok_or(BuildError::Lost)
    }
}

/// What an archive says of itself: what is in it, and what is left out and why.
fn about(in_hand: &InHand) -> Value {
    let tables = TABLES.iter().filter(|table| table.is_exported()).map(|table| {
        let left_out = table.columns.iter().filter_map(|column| match column.shown {
            Shown::Never(why) => Some((column.title(), Value::from(why))),
            _ => None,
        });
        let files = ["json", "csv"].map(|format| format!("{}.{format}", table.name));
        json!({ "name": table.name, "files": files, "leftOut": left_out.collect::<serde_json::Map<_, _>>() })
    });
    json!({
        "format": 1,
        "userId": in_hand.taken.user_id.to_string(),
        "exportId": in_hand.taken.id.to_string(),
        "madeAt": in_hand.began.to_rfc3339_opts(SecondsFormat::Millis, true),
        "tables": tables.collect::<Vec<_>>(),
    })
}
