//! Archives that nobody is to ask for.

use async_trait::async_trait;
use parlance_domain::consequences::Consequences;
use parlance_domain::ids::{ExportId, UserId};
use parlance_domain::personal::{
    Export, ExportArchive, ExportAttempt, ExportContent, ExportFileName, ExportFiles, ExportLease,
    ExportOrder, ExportOutcome, ExportStore, Requested, TakenExport,
};
use parlance_domain::port::PortError;
use parlance_domain::time::Timestamp;

use super::{Absent, absent};

#[async_trait]
impl ExportStore for Absent {
    async fn request(&self, _: &ExportOrder, _: &Consequences) -> Result<Requested, PortError> {
        Err(absent())
    }

    async fn latest(&self, _: UserId) -> Result<Option<Export>, PortError> {
        Err(absent())
    }

    async fn by_id(&self, _: UserId, _: ExportId) -> Result<Option<Export>, PortError> {
        Err(absent())
    }

    async fn take(&self, _: &ExportLease) -> Result<Option<TakenExport>, PortError> {
        Err(absent())
    }

    async fn renew(&self, _: UserId, _: ExportId, _: ExportAttempt, _: Timestamp) -> Result<bool, PortError> {
        Err(absent())
    }

    async fn finish(
        &self,
        _: UserId,
        _: ExportId,
        _: ExportAttempt,
        _: &ExportOutcome,
        _: &Consequences,
    ) -> Result<bool, PortError> {
        Err(absent())
    }

    async fn purge(&self, _: Timestamp, _: u32) -> Result<u32, PortError> {
        Err(absent())
    }
}

#[async_trait]
impl ExportFiles for Absent {
    async fn begin(&self, _: &ExportFileName) -> Result<Box<dyn ExportArchive>, PortError> {
        Err(absent())
    }

    async fn read(&self, _: &ExportFileName) -> Result<Option<ExportContent>, PortError> {
        Err(absent())
    }

    async fn purge(&self, _: Timestamp) -> Result<u32, PortError> {
        Err(absent())
    }
}
