//! What stands in for progress.
use async_trait::async_trait;
use parlance_domain::ids::*;
use parlance_domain::port::PortError;
use parlance_domain::progress::*;
use parlance_domain::time::Timestamp;
pub(crate) struct NoProgress;
#[async_trait]
impl ProgressStore for NoProgress {
    async fn append(&self, _: UserId, _: &Submission) -> Result<Appended, AppendError> {
        panic!()
    }
    async fn by_word(&self, _: UserId, _: &WordId) -> Result<Option<ProgressRow>, PortError> {
        panic!()
    }
    async fn list(&self, _: UserId, _: Option<u64>, _: Option<u32>) -> Result<Vec<ProgressRow>, PortError> {
        panic!()
    }
    async fn changes(&self, _: UserId, _: u64, _: u32) -> Result<Vec<ProgressRow>, PortError> {
        panic!()
    }
    async fn due(
        &self,
        _: UserId,
        _: Timestamp,
        _: Option<&ListId>,
        _: Option<u32>,
    ) -> Result<Vec<ProgressRow>, PortError> {
        panic!()
    }
    async fn unseen(&self, _: UserId, _: &ListId, _: u32) -> Result<Vec<WordId>, PortError> {
        panic!()
    }
    async fn totals(&self, _: UserId, _: Timestamp) -> Result<Totals, PortError> {
        panic!()
    }
    async fn list_summary(&self, _: UserId, _: &ListId) -> Result<ListSummary, PortError> {
        panic!()
    }
    async fn activity(
        &self,
        _: UserId,
        _: Timestamp,
        _: Timestamp,
    ) -> Result<Vec<ActivityBucket>, PortError> {
        panic!()
    }
    async fn reviews(
        &self,
        _: UserId,
        _: Option<&WordId>,
        _: u64,
        _: u32,
    ) -> Result<Vec<LoggedReview>, PortError> {
        panic!()
    }
}
