//! Who calls where programs with a key may call, too.

use std::collections::BTreeMap;
use std::future::{Ready, ready};
use std::marker::PhantomData;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use apistos::ApiComponent;
use apistos::reference_or::ReferenceOr;
use apistos::security::SecurityScheme;
use parlance_domain::accounts::Scope;
use parlance_domain::ids::UserId;
use schemars::schema::Schema;

use super::caller::{authenticate, check_sync, found_key};
use super::scopes::OpenTo;
use super::state;
use crate::error::ApiError;

/// Somebody with a good access token, or a program with a key of theirs that may do this.
#[derive(Debug, Clone)]
pub struct Scoped<S> {
    user_id: UserId,
    scope: PhantomData<fn() -> S>,
}

/// Somebody whose progress may be written: with a good access token, or a program with a key of theirs that may do this.
#[derive(Debug, Clone)]
pub struct ProgressWriter {
    user_id: UserId,
}

impl<S> Scoped<S> {
    /// For whom it is done.
    pub fn user_id(&self) -> UserId {
        self.user_id
    }
}

impl ProgressWriter {
    /// Whose progress it is.
    pub fn user_id(&self) -> UserId {
        self.user_id
    }
}

/// The user for whom a request is done.
fn user_of(req: &HttpRequest, scope: Scope) -> Result<UserId, ApiError> {
    let Some(found) = found_key(req) else {
        return authenticate(req).map(|principal| principal.user_id);
    };
    let bearer = found?;
    if bearer.scopes.contains(&scope) {
        Ok(bearer.user_id)
    } else {
        Err(ApiError::scope())
    }
}

impl<S: OpenTo> FromRequest for Scoped<S> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(user_of(req, S::SCOPE).map(|user_id| Self {
            user_id,
            scope: PhantomData,
        }))
    }
}

impl FromRequest for ProgressWriter {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(user_of(req, Scope::ProgressWrite).and_then(|user_id| {
            check_sync(state(req)?.config.features, user_id)?;
            Ok(Self { user_id })
        }))
    }
}

macro_rules! described {
    ($($generics:ident)? => $name:ty) => {
        impl<$($generics: OpenTo)?> ApiComponent for $name {
            fn child_schemas() -> Vec<(String, ReferenceOr<Schema>)> {
                Vec::new()
            }

            fn schema() -> Option<(String, ReferenceOr<Schema>)> {
                None
            }

            fn securities() -> BTreeMap<String, SecurityScheme> {
                crate::openapi::bearer_security()
            }

            fn security_requirement_name() -> Option<String> {
                Some(crate::openapi::BEARER.to_owned())
            }
        }
    };
}

described!(S => Scoped<S>);
described!(=> ProgressWriter);
