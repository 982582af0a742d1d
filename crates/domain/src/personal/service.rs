//! The use-cases of personal data: ask for everything that is held, fetch it, and leave.

use std::sync::Arc;

use chrono::TimeDelta;

use super::{Export, ExportContent, ExportFiles, ExportOrder, ExportStore, Requested};
use crate::accounts::{AccountStore, OneTimeSecrets, Principal, Purpose, RecencyError, Sessions};
use crate::audit::{Action, AuditStore, Circumstances};
use crate::consequences::Recorder;
use crate::ids::{ExportId, IdGenerator, UserId};
use crate::port::PortError;
use crate::time::Clock;

/// How many archives may be asked for in a day.
const PER_DAY: u32 = 3;
/// A day.
const DAY: TimeDelta = TimeDelta::days(1);

/// Why no archive is made.
#[derive(Debug, thiserror::Error)]
pub enum RequestExportError {
    /// Too many were asked for.
    #[error("too many archives were asked for")]
    TooMany {
        /// How long the next must wait.
        retry_after: TimeDelta,
    },
    /// The account is gone or out of use.
    #[error("there is no such account")]
    NotFound,
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Why an archive is not handed out.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// There is none.
    #[error("there is no archive")]
    NotFound,
    /// The token of the link is not good any more, or somebody else's.
    #[error("the link is not good any more")]
    LinkSpent,
    /// Without a link, whoever asks must have shown lately who they are.
    #[error(transparent)]
    Recency(#[from] RecencyError),
    /// Anything else.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// An archive that is handed out.
pub struct Download {
    /// What it is.
    pub export: Export,
    /// Its content.
    pub content: ExportContent,
}

/// What [`PersonalData`] calls.
#[derive(Clone)]
pub struct PersonalDataPorts {
    /// The accounts.
    pub accounts: Arc<dyn AccountStore>,
    /// The sessions.
    pub sessions: Arc<Sessions>,
    /// The one-time secrets.
    pub secrets: OneTimeSecrets,
    /// The archives that were asked for.
    pub exports: Arc<dyn ExportStore>,
    /// Their files.
    pub files: Arc<dyn ExportFiles>,
    /// The audit log.
    pub audit: Arc<dyn AuditStore>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdGenerator>,
}

/// The use-cases of personal data.
pub struct PersonalData {
    pub(super) ports: PersonalDataPorts,
    pub(super) recorder: Recorder,
}

impl PersonalData {
    /// The use-cases over these ports.
    pub fn new(ports: PersonalDataPorts) -> Self {
        Self {
            recorder: Recorder::new(Arc::clone(&ports.clock), Arc::clone(&ports.ids)),
            ports,
        }
    }

    /// Asks for an archive of everything that is held of a user; where one is being made, it is that one.
    ///
    /// Whoever asks has shown lately who they are. At most three in a day.
    pub async fn request_export(
        &self,
        user: UserId,
        circumstances: &Circumstances,
    ) -> Result<Export, RequestExportError> {
        let now = self.ports.clock.now();
        let order = ExportOrder {
            user_id: user,
            id: ExportId(self.ports.ids.next()),
            now,
            limit: PER_DAY,
            since: now - DAY,
        };
        let entry = self
            .recorder
            .by_owner(user, Action::ExportRequested, circumstances)
            .with("export", order.id.to_string());
        match self.ports.exports.request(&order, &entry.into()).await? {
            Requested::Begun(export) | Requested::Underway(export) => Ok(export),
            Requested::TooMany { first } => Err(RequestExportError::TooMany {
                retry_after: first + DAY - now,
            }),
            Requested::NoAccount => Err(RequestExportError::NotFound),
        }
    }

    /// The archive that a user asked for last, until it has expired.
    pub async fn export(&self, user: UserId) -> Result<Option<Export>, PortError> {
        let now = self.ports.clock.now();
        let latest = self.ports.exports.latest(user).await?;
        Ok(latest.filter(|export| !export.is_over(now)))
    }

    /// Hands an archive out to its owner: by the token of the link that was sent to them, or, without one, if they showed
    /// lately who they are. Neither a mail nor a session alone is enough.
    ///
    /// It is noted before it is handed out, and may be fetched again until it expires.
    pub async fn download(
        &self,
        principal: &Principal,
        token: Option<&str>,
        circumstances: &Circumstances,
    ) -> Result<Download, DownloadError> {
        let user = principal.user_id;
        let now = self.ports.clock.now();
        let found = if let Some(token) = token {
            Some(self.of_link(user, token).await?)
        } else {
            self.ports.sessions.require_recent(principal).await?;
            self.ports.exports.latest(user).await?
        };
        let export = found.ok_or(DownloadError::NotFound)?;
        let ready = export.ready(now).ok_or(DownloadError::NotFound)?;
        let content = self.ports.files.read(&ready.file).await?;
        let content = content.ok_or(DownloadError::NotFound)?;
        let entry = self
            .recorder
            .by_owner(user, Action::ExportDownloaded, circumstances)
            .with("export", export.id.to_string())
            .with("by", if token.is_some() { "link" } else { "step_up" });
        self.ports.audit.append(&[entry]).await?;
        Ok(Download { export, content })
    }

    /// The archive that the link in a mail is about, if that went to this user.
    async fn of_link(&self, user: UserId, token: &str) -> Result<Export, DownloadError> {
        let secret = self.ports.secrets.by_token(Purpose::Export, token).await?;
        let secret = secret.filter(|secret| secret.user_id == user);
        let id = secret.and_then(|secret| secret.payload?.parse().ok());
        let id = id.ok_or(DownloadError::LinkSpent)?;
        let found = self.ports.exports.by_id(user, id).await?;
        found.ok_or(DownloadError::LinkSpent)
    }
}
