//! `GET /progress/activity`

use apistos::{ApiComponent, api_operation};
use chrono::{Datelike, NaiveDate};
use parlance_domain::progress::ActivityError;
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use super::view::DayActivityView;
use crate::error::ApiError;
use crate::extract::{ApiQuery, Scoped, scopes};
use crate::fields::{Fault, Faults};
use crate::reply::Reply;
use crate::state::State;

/// Which days are wanted.
#[derive(Debug, Deserialize, JsonSchema, ApiComponent, Validate)]
pub(super) struct Query {
    /// The first day, in the caller's time zone; 29 days before `to` when absent.
    #[schemars(with = "Option<NaiveDate>", example = "example_from")]
    from: Option<String>,
    /// The last day, at most 365 days later; today when absent.
    #[schemars(with = "Option<NaiveDate>", example = "example_to")]
    to: Option<String>,
}

impl Query {
    fn read(&self) -> Result<(Option<NaiveDate>, Option<NaiveDate>), ApiError> {
        let mut faults = Faults::default();
        let from = faults.take("from", read_day(self.from.as_deref()));
        let to = faults.take("to", read_day(self.to.as_deref()));
        faults.finish(from.zip(to))
    }
}

/// What the caller studied on each day; days without a review are left out.
#[api_operation(
    tag = "progress",
    operation_id = "listActivity",
    error_code = 400,
    error_code = 401
)]
pub(super) async fn handler(
    caller: Scoped<scopes::ProgressRead>,
    ApiQuery(query): ApiQuery<Query>,
    state: State,
) -> Result<Reply<Vec<DayActivityView>>, ApiError> {
    const REVERSED: Fault = Fault::new("range", "must not be after to");
    const TOO_LONG: Fault = Fault::new("range", "must not be more than 365 days before to");
    let (from, to) = query.read()?;
    let days = state.services.progress.activity(caller.user_id(), from, to).await;
    let days = days.map_err(|error| match error {
        ActivityError::Reversed => Faults::single("from", REVERSED),
        ActivityError::TooLong => Faults::single("from", TOO_LONG),
        ActivityError::Port(error) => error.into(),
    })?;
    let views: Vec<_> = days.into_iter().map(DayActivityView::from).collect();
    Reply::private(&views)
}

/// A day of the years 1970 to 9998, so that the days around it can be written too.
fn read_day(text: Option<&str>) -> Result<Option<NaiveDate>, Fault> {
    const FAULT: Fault = Fault::new(
        "format",
        "must be a day such as 2026-03-01, from the years 1970 to 9998",
    );
    let Some(text) = text else { return Ok(None) };
    let plain = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let day = plain.then(|| text.parse::<NaiveDate>().ok()).flatten();
    day.filter(|day| (1970..=9998).contains(&day.year()))
        .map(Some)
        .ok_or(FAULT)
}

fn example_from() -> &'static str {
    "2026-02-01"
}

fn example_to() -> &'static str {
    "2026-03-01"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threat_47_odd_days_are_refused_and_none_panics() {
        for text in [
            "",
            "today",
            "2026-3-1",
            "2026-02-30",
            "0000-01-01",
            "1969-12-31",
            "9999-12-31",
            "-262143-01-01",
            "+10000-1-1",
            "2026/03/01",
            "20260301",
            "2026-03-01T00:00:00Z",
            "----------",
            "٢٠٢٦-03-01",
        ] {
            assert!(read_day(Some(text)).is_err(), "{text}");
        }
        assert_eq!(
            read_day(Some("2028-02-29")),
            Ok(NaiveDate::from_ymd_opt(2028, 2, 29))
        );
        assert_eq!(read_day(None), Ok(None));
    }
}
