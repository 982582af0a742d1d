//! Who looks after accounts.

use std::collections::BTreeMap;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use apistos::ApiComponent;
use apistos::reference_or::ReferenceOr;
use apistos::security::SecurityScheme;
use futures_util::FutureExt;
use parlance_domain::accounts::{AuthorityError, Principal};
use parlance_domain::ids::UserId;
use schemars::schema::Schema;

use super::Caller;
use super::caller::check_admin;
use crate::error::{ApiError, ErrorCode};
use crate::state::AppState;

/// An administrator with a good access token, while anything may be changed at all; where the role calls for a second
/// factor, one who has it and showed it.
#[derive(Debug, Clone)]
pub struct Admin(pub Principal);

impl Admin {
    /// Whose token it is.
    pub fn user_id(&self) -> UserId {
        self.0.user_id
    }
}

impl FromRequest for Admin {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let caller = Caller::from_request(req, payload);
        let state = req.app_data::<Data<AppState>>().cloned();
        async move {
            let Caller(principal) = caller.await?;
            let state = state.ok_or_else(|| ApiError::new(ErrorCode::InternalError))?;
            check_admin(state.config.features, &principal)?;
            let stands = state.services.sessions.require_factors(&principal).await;
            stands.map_err(refuse)?;
            Ok(Self(principal))
        }
        .boxed_local()
    }
}

fn refuse(error: AuthorityError) -> ApiError {
    match error {
        AuthorityError::SetupRequired => ApiError::new(ErrorCode::SecondFactorSetupRequired),
        AuthorityError::StepUpRequired => ApiError::new(ErrorCode::StepUpRequired),
        AuthorityError::Ended => ApiError::token(ErrorCode::Unauthorized),
        AuthorityError::Port(error) => ApiError::port(error),
    }
}

impl ApiComponent for Admin {
    fn child_schemas() -> Vec<(String, ReferenceOr<Schema>)> {
        Vec::new()
    }

    fn schema() -> Option<(String, ReferenceOr<Schema>)> {
        None
    }

    fn securities() -> BTreeMap<String, SecurityScheme> {
        Caller::securities()
    }

    fn security_requirement_name() -> Option<String> {
        Caller::security_requirement_name()
    }
}
