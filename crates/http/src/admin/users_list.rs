//! `GET /admin/users`

use actix_web::HttpRequest;
use apistos::{ApiComponent, api_operation};
use parlance_domain::accounts::Role;
use parlance_domain::admin::{AccountPlace, AccountQuery, AccountStatus, NamePrefix};
use parlance_domain::time::from_epoch_millis;
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use super::authority;
use super::view::AdminUserView;
use crate::error::ApiError;
use crate::extract::{Admin, ApiQuery, Arrival};
use crate::fields::{Fault, Faults, user_id, whole};
use crate::paging::{decode_cursor, encode_cursor};
use crate::reply::Reply;
use crate::state::State;

const DEFAULT_LIMIT: u32 = 50;

/// Which accounts are looked for.
#[derive(Debug, Deserialize, JsonSchema, ApiComponent, Validate)]
pub(super) struct Query {
    /// How the email, the username or the display name begins, without regard to case.
    #[schemars(length(max = 254), example = "example_text")]
    q: Option<String>,
    /// Only accounts with this role: `user` or `admin`.
    #[schemars(regex(pattern = "^(user|admin)$"))]
    role: Option<String>,
    /// Only accounts that stand so: `active`, `deactivated` or `deleted`.
    #[schemars(regex(pattern = "^(active|deactivated|deleted)$"))]
    status: Option<String>,
    /// The most accounts of a page; 50 when absent.
    #[schemars(with = "Option<u32>", range(min = 1, max = 200))]
    limit: Option<String>,
    /// Where the page begins: as in the `Link` of the page before.
    cursor: Option<String>,
}

struct Search {
    query: AccountQuery,
    after: Option<AccountPlace>,
    limit: u32,
}

impl Query {
    fn read(&self) -> Result<Search, ApiError> {
        const LIMIT: Fault = Fault::new("range", "must be a whole number from 1 to 200");
        let mut faults = Faults::default();
        let text = faults.take("q", read_text(self.q.as_deref()));
        let role = faults.take("role", read_role(self.role.as_deref()));
        let status = faults.take("status", read_status(self.status.as_deref()));
        let limit = faults.take("limit", whole(self.limit.as_deref(), 1, 200, LIMIT));
        let after = faults.take("cursor", read_cursor(self.cursor.as_deref()));
        let search = (|| {
            Some(Search {
                query: AccountQuery {
                    text: text?,
                    role: role?,
                    status: status?,
                },
                after: after?,
                limit: limit?.unwrap_or(DEFAULT_LIMIT),
            })
        })();
        faults.finish(search)
    }
}

/// The accounts that answer a query, the youngest first.
///
/// For administrators, and noted in the audit log. Deleted accounts are among them until they are gone for good.
#[api_operation(tag = "administration", operation_id = "listUsers")]
pub(super) async fn handler(
    request: HttpRequest,
    admin: Admin,
    ApiQuery(query): ApiQuery<Query>,
    arrival: Arrival,
    state: State,
) -> Result<Reply<Vec<AdminUserView>>, ApiError> {
    let Search { query, after, limit } = query.read()?;
    let by = authority(&admin.0, arrival);
    let administration = &state.services.administration;
    let page = administration.list(&query, after, limit, &by).await?;
    let views: Vec<_> = page.accounts.into_iter().map(AdminUserView::from).collect();
    let next = page.next.map(write_cursor);
    Ok(Reply::private(&views)?.with_next(&request, next))
}

fn read_text(text: Option<&str>) -> Result<Option<NamePrefix>, Fault> {
    const FAULT: Fault = Fault::new("format", "must be 1 to 254 characters without control characters");
    let text = text.filter(|text| !text.trim().is_empty());
    text.map(str::parse).transpose().map_err(|_| FAULT)
}

fn read_role(text: Option<&str>) -> Result<Option<Role>, Fault> {
    const FAULT: Fault = Fault::new("format", "must be one of user and admin");
    text.map(str::parse).transpose().map_err(|_| FAULT)
}

fn read_status(text: Option<&str>) -> Result<Option<AccountStatus>, Fault> {
    const FAULT: Fault = Fault::new("format", "must be one of active, deactivated and deleted");
    text.map(str::parse).transpose().map_err(|_| FAULT)
}

fn write_cursor(place: AccountPlace) -> String {
    let AccountPlace { created_at, id } = place;
    encode_cursor(&format!("{},{id}", created_at.timestamp_millis()))
}

fn read_cursor(text: Option<&str>) -> Result<Option<AccountPlace>, Fault> {
    const FAULT: Fault = Fault::new("format", "must be the cursor of a page of this list");
    let Some(text) = text else { return Ok(None) };
    let plain = decode_cursor(text).ok_or(FAULT)?;
    let (millis, id) = plain.split_once(',').ok_or(FAULT)?;
    let millis: i64 = millis.parse().map_err(|_| FAULT)?;
    // What a database could not compare is no cursor of ours.
    let millis = (0..=253_402_300_799_999).contains(&millis).then_some(millis);
    let created_at = millis.and_then(from_epoch_millis).ok_or(FAULT)?;
    let id = user_id(id, FAULT)?;
    Ok(Some(AccountPlace { created_at, id }))
}

fn example_text() -> &'static str {
    "ann@"
}

#[cfg(test)]
mod tests {
    use parlance_domain::ids::UserId;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let place = AccountPlace {
            created_at: from_epoch_millis(1_772_366_400_123).unwrap(),
            id: UserId(Uuid::from_u128(7)),
        };
        assert_eq!(read_cursor(Some(&write_cursor(place))), Ok(Some(place)));
        assert_eq!(read_cursor(None), Ok(None));
    }

    #[test]
    fn threat_45_an_edited_cursor_is_refused() {
        let id = Uuid::from_u128(7);
        for plain in [
            String::new(),
            "1".to_owned(),
            "1,".to_owned(),
            format!(",{id}"),
            format!("-1,{id}"),
            format!("1e3,{id}"),
            format!("9223372036854775807,{id}"),
            format!("253402300800000,{id}"),
            format!("1,{}", id.simple()),
            format!("1,{id}' OR 1=1;--"),
        ] {
            assert!(read_cursor(Some(&encode_cursor(&plain))).is_err(), "{plain}");
        }
        for text in ["", "0", "'; drop table accounts;--", "%%%", "ééé"] {
            assert!(read_cursor(Some(text)).is_err(), "{text}");
        }
    }
}
