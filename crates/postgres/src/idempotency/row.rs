//! What a beginning finds under its key.

use diesel::Queryable;
use diesel::sql_types as sql;
use parlance_domain::idempotency::{Beginning, Fingerprint, GivenAnswer};
use parlance_domain::ids::UserId;

use crate::convert::{CorruptRow, RowOf};

/// The types of the columns of [`Found`].
pub(super) type FoundColumns = (
    sql::Bool,
    sql::Nullable<sql::Binary>,
    sql::Nullable<sql::Integer>,
    sql::Nullable<sql::Text>,
    sql::Nullable<sql::Binary>,
);

/// Whether the request was begun, or else what was there, unless others put it in at the same time.
#[derive(Queryable)]
pub(super) struct Found {
    is_begun: bool,
    fingerprint: Option<Vec<u8>>,
    status: Option<i32>,
    content_type: Option<String>,
    body: Option<Vec<u8>>,
}

impl Found {
    /// How a request with this fingerprint goes on; `None` when that is not to be seen yet.
    pub(super) fn beginning(
        self,
        user: UserId,
        fingerprint: &Fingerprint,
    ) -> Result<Option<Beginning>, CorruptRow> {
        if self.is_begun {
            return Ok(Some(Beginning::New));
        }
        let Some(there) = self.fingerprint else {
            return Ok(None);
        };
        if there != fingerprint {
            return Ok(Some(Beginning::Reused));
        }
        let Some(status) = self.status else {
            return Ok(Some(Beginning::InProgress));
        };
        let of = RowOf {
            table: "idempotency_keys",
            id: &user,
        };
        Ok(Some(Beginning::Done(GivenAnswer {
            status: of.number(status, "status")?,
            content_type: of.some(self.content_type, "content_type")?,
            body: of.some(self.body, "body")?.into(),
        })))
    }
}
