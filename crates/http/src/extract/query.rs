//! The query string of a request.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use apistos::ApiComponent;
use apistos::paths::{Parameter, RequestBody};
use apistos::reference_or::ReferenceOr;
use schemars::schema::Schema;
use serde::de::DeserializeOwned;
use validator::Validate;

use super::text;
use super::validation::BadFields;
use crate::error::ApiError;

/// The parameters of a query: an empty one is absent, of several with one name the last counts, and every
/// bad one is reported.
#[derive(Debug)]
pub struct ApiQuery<T>(pub T);

impl<T> std::ops::Deref for ApiQuery<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned + Validate> FromRequest for ApiQuery<T> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(read(req.query_string()).map(Self))
    }
}

/// More than any route knows; each is compared with all others.
const MOST_PARAMETERS: usize = 64;

fn read<T: DeserializeOwned + Validate>(query: &str) -> Result<T, ApiError> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    let found = url::form_urlencoded::parse(query.as_bytes())
        .take(MOST_PARAMETERS + 1)
        .count();
    if found > MOST_PARAMETERS {
        return Err(ApiError::invalid(
            "query",
            "length",
            "must have at most 64 parameters",
        ));
    }
    for (name, text) in url::form_urlencoded::parse(query.as_bytes()) {
        pairs.retain(|(earlier, _)| *earlier != name);
        if !text.is_empty() {
            pairs.push((name.into_owned(), text.into_owned()));
        }
    }
    let mut bad = BadFields::default();
    let read: Option<T> = text::read_leniently(pairs, &mut |field| bad.add(field));
    if let Some(read) = &read {
        bad.add_invalid(read);
    }
    match read {
        Some(read) if bad.is_empty() => Ok(read),
        _ => Err(ApiError::validation(bad.into_vec())),
    }
}

impl<T: ApiComponent> ApiComponent for ApiQuery<T> {
    fn child_schemas() -> Vec<(String, ReferenceOr<Schema>)> {
        T::child_schemas()
    }

    fn schema() -> Option<(String, ReferenceOr<Schema>)> {
        None
    }

    fn request_body() -> Option<RequestBody> {
        None
    }

    fn parameters() -> Vec<Parameter> {
        <actix_web::web::Query<T> as ApiComponent>::parameters()
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, Validate)]
    struct Page {
        #[validate(range(min = 1, max = 500))]
        limit: Option<u32>,
        cursor: Option<String>,
    }

    #[test]
    fn an_empty_parameter_is_absent_and_the_last_of_many_counts() {
        let page: Page = read("limit=&cursor=a&cursor=b%20c").unwrap();
        assert_eq!((page.limit, page.cursor.as_deref()), (None, Some("b c")));
    }

    #[test]
    fn threat_45_limits_out_of_range_are_refused() {
        for limit in ["0", "-1", "501", "9223372036854775808", "1;--", "1e3", "NaN"] {
            let error = read::<Page>(&format!("limit={limit}")).unwrap_err();
            assert_eq!(error.fields()[0].field, "limit", "{limit}");
        }
    }
}
