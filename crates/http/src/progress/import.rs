//! `POST /progress/import`

use actix_web::HttpRequest;
use apistos::{ApiComponent, api_operation};
use parlance_domain::progress::{ImportError, parse_import};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use validator::Validate;

use super::view::ImportReportView;
use crate::error::ApiError;
use crate::extract::{ApiJson, ApiQuery, ProgressWriter};
use crate::fields::{Fault, Faults};
use crate::reply::Reply;
use crate::state::State;

/// How to import.
#[derive(Debug, Deserialize, JsonSchema, ApiComponent, Validate)]
#[serde(rename_all = "camelCase")]
pub(super) struct Query {
    /// Whether to report only what an import would do.
    #[schemars(with = "Option<bool>")]
    dry_run: Option<String>,
}

/// What a browser held, in one of four shapes told apart by their members:
///
/// 1. `{"<wordId>": {studyCount, correctCount, confidence}}`, alone or under `progress`;
/// 2. `{"lists": [{id, listName, progress: {"<wordId>": true}, words?}]}`;
/// 3. `{"lists": [{listName, dailyWordCount, sections: [{sectionId, wordIds, progress: {"<wordId>": {count, correct}}}]}]}`;
/// 4. `{userId, vocabularyProgress: {"<wordId>": {status, firstSeen, lastReviewed, reviewCount, correctCount}}, listProgress}`.
#[derive(Debug, Deserialize, JsonSchema, ApiComponent, Validate)]
#[schemars(rename = "ProgressImport", example = "example_import")]
pub(super) struct Body {
    /// The members, whatever they are.
    #[serde(flatten)]
    members: Map<String, Value>,
}

/// Merges what a browser held into the caller's progress, by maximum.
///
/// At most 10,000 items. What cannot be read is reported in `skipped`. Nothing is lowered, and repeated,
/// nothing further changes.
#[api_operation(
    tag = "progress",
    operation_id = "importProgress",
    error_code = 400,
    error_code = 401,
    error_code = 503
)]
pub(super) async fn handler(
    request: HttpRequest,
    writer: ProgressWriter,
    ApiQuery(query): ApiQuery<Query>,
    ApiJson(body): ApiJson<Body>,
    state: State,
) -> Result<Reply<ImportReportView<'static>>, ApiError> {
    const SHAPE: Fault = Fault::new("format", "must have one of the four shapes");
    const LENGTH: Fault = Fault::new("length", "must hold at most 10000 items");
    let dry_run =
        read_dry_run(&request, query.dry_run.as_deref()).map_err(|fault| Faults::single("dryRun", fault))?;
    let import = parse_import(&Value::Object(body.members)).map_err(|error| match error {
        ImportError::UnknownShape => Faults::single("body", SHAPE),
        ImportError::TooManyItems => Faults::single("body", LENGTH),
    })?;
    let report = state
        .services
        .progress
        .import(writer.user_id(), import, dry_run)
        .await?;
    Reply::private(&ImportReportView::from(&report))
}

/// A bare `?dryRun` asks for a dry run too: whoever writes that wants nothing to be changed.
fn read_dry_run(request: &HttpRequest, text: Option<&str>) -> Result<bool, Fault> {
    const FAULT: Fault = Fault::new("type", "must be true or false");
    match text {
        Some("true") => Ok(true),
        Some("false") => Ok(false),
        Some(_) => Err(FAULT),
        None => {
            Ok(url::form_urlencoded::parse(request.query_string().as_bytes())
                .any(|(name, _)| name == "dryRun"))
        }
    }
}

fn example_import() -> Value {
    serde_json::json!({"progress": {"zh-00001": {"studyCount": 3, "correctCount": 2, "confidence": 0.5}}})
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn dry_run(query: &str, text: Option<&str>) -> Result<bool, Fault> {
        let request = TestRequest::with_uri(&format!("/import?{query}")).to_http_request();
        read_dry_run(&request, text)
    }

    #[test]
    fn a_dry_run_is_asked_for_by_true_or_by_the_bare_name() {
        assert_eq!(dry_run("", None), Ok(false));
        assert_eq!(dry_run("dryRun", None), Ok(true));
        assert_eq!(dry_run("dryRun=", None), Ok(true));
        assert_eq!(dry_run("dryRun=true", Some("true")), Ok(true));
        assert_eq!(dry_run("dryRun=false", Some("false")), Ok(false));
        for text in ["1", "yes", "TRUE", "'"] {
            assert!(dry_run("dryRun=x", Some(text)).is_err(), "{text}");
        }
    }
}
