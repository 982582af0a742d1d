//! Who calls and showed lately who they are.

use std::collections::BTreeMap;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use apistos::ApiComponent;
use apistos::reference_or::ReferenceOr;
use apistos::security::SecurityScheme;
use futures_util::FutureExt;
use parlance_domain::accounts::{Principal, RecencyError};
use parlance_domain::ids::UserId;
use schemars::schema::Schema;

use super::Writer;
use crate::error::{ApiError, ErrorCode};
use crate::state::AppState;

/// Somebody with a good access token who showed within the last ten minutes who they are, while accounts may be
/// changed at all; anybody else is told to show it again.
#[derive(Debug, Clone)]
pub struct Recent(pub Principal);

impl Recent {
    /// Whose token it is.
    pub fn user_id(&self) -> UserId {
        self.0.user_id
    }
}

impl FromRequest for Recent {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let writer = Writer::from_request(req, payload);
        let state = req.app_data::<Data<AppState>>().cloned();
        async move {
            let Writer(principal) = writer.await?;
            let state = state.ok_or_else(|| ApiError::new(ErrorCode::InternalError))?;
            require_recent(&state, &principal).await?;
            Ok(Self(principal))
        }
        .boxed_local()
    }
}

/// Refuses whoever did not show within the last ten minutes who they are.
pub(crate) async fn require_recent(state: &AppState, principal: &Principal) -> Result<(), ApiError> {
    let recent = state.services.sessions.require_recent(principal).await;
    recent.map_err(refuse)
}

/// The refusal of somebody who did not show lately who they are.
pub(crate) fn refuse(error: RecencyError) -> ApiError {
    match error {
        RecencyError::StepUpRequired => ApiError::new(ErrorCode::StepUpRequired),
        RecencyError::Ended => ApiError::token(ErrorCode::Unauthorized),
        RecencyError::Port(error) => ApiError::port(error),
    }
}

impl ApiComponent for Recent {
    fn child_schemas() -> Vec<(String, ReferenceOr<Schema>)> {
        Vec::new()
    }

    fn schema() -> Option<(String, ReferenceOr<Schema>)> {
        None
    }

    fn securities() -> BTreeMap<String, SecurityScheme> {
        Writer::securities()
    }

    fn security_requirement_name() -> Option<String> {
        Writer::security_requirement_name()
    }
}
