//! The row of a request with a key.

use diesel::Queryable;
use parlance_domain::idempotency::{Beginning, Fingerprint, GIVEN_UP_AFTER, GivenAnswer, KEPT_FOR};
use parlance_domain::ids::UserId;
use parlance_domain::time::Timestamp;

use crate::convert::{CorruptRow, RowOf};

#[derive(Queryable)]
pub(super) struct RequestRow {
    fingerprint: Vec<u8>,
    begun_at: i64,
    status: Option<i64>,
    content_type: Option<String>,
    body: Option<Vec<u8>>,
}

impl RequestRow {
    /// Whether it is as if it were not there.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        let lasts = if self.status.is_some() {
            KEPT_FOR
        } else {
            GIVEN_UP_AFTER
        };
        self.begun_at <= (now - lasts).timestamp_millis()
    }

    /// How a request with the same key goes on.
    pub(super) fn beginning(self, user: UserId, fingerprint: &Fingerprint) -> Result<Beginning, CorruptRow> {
        if self.fingerprint != fingerprint {
            return Ok(Beginning::Reused);
        }
        let Some(status) = self.status else {
            return Ok(Beginning::InProgress);
        };
        let of = RowOf {
            table: "idempotency_keys",
            id: &user,
        };
        Ok(Beginning::Done(GivenAnswer {
            status: of.number(status, "status")?,
            content_type: of.some(self.content_type, "content_type")?,
            body: of.some(self.body, "body")?.into(),
        }))
    }
}
