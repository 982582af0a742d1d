//! Who calls: extractors that carry the authority of somebody who signed in.

use std::collections::BTreeMap;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use apistos::ApiComponent;
use apistos::reference_or::ReferenceOr;
use apistos::security::SecurityScheme;
use parlance_domain::accounts::{API_KEY_PREFIX, KeyBearer, Principal, Role, TokenError};
use parlance_domain::ids::UserId;
use schemars::schema::Schema;
use sha2::{Digest, Sha256};

use super::state;
use crate::error::{ApiError, ErrorCode};
use crate::state::Features;

/// The longest token worth looking at.
const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// Somebody with a good access token.
#[derive(Debug, Clone)]
pub struct Caller(pub Principal);

/// Somebody with a good access token, while accounts may be changed at all.
#[derive(Debug, Clone)]
pub struct Writer(pub Principal);

/// What the store said of the key that a request bears.
pub(crate) struct FoundKey(pub(crate) Result<KeyBearer, ApiError>);

impl Caller {
    /// Whose token it is.
    pub fn user_id(&self) -> UserId {
        self.0.user_id
    }
}

impl Writer {
    /// Whose token it is.
    pub fn user_id(&self) -> UserId {
        self.0.user_id
    }
}

/// The text of a key for programs that a request bears, whether it is one or only looks like one.
pub(crate) fn api_key_of(req: &HttpRequest) -> Option<&str> {
    let text = bearer(req).ok()?;
    (text.starts_with(API_KEY_PREFIX) && text.len() <= MAX_TOKEN_BYTES).then_some(text)
}

/// Who bears the key of a request, if it bears one and that was looked up.
pub(super) fn found_key(req: &HttpRequest) -> Option<Result<KeyBearer, ApiError>> {
    let extensions = req.extensions();
    extensions.get::<FoundKey>().map(|FoundKey(found)| found.clone())
}

/// Somebody with an access token; a key for programs opens nothing here.
pub(super) fn authenticate(req: &HttpRequest) -> Result<Principal, ApiError> {
    let token = bearer(req)?;
    if token.len() > MAX_TOKEN_BYTES {
        return Err(ApiError::token(ErrorCode::Unauthorized));
    }
    if let Some(found) = found_key(req) {
        return found.and(Err(ApiError::scope()));
    }
    let sessions = &state(req)?.services.sessions;
    sessions.authenticate(token).map_err(|error| match error {
        TokenError::Expired => ApiError::token(ErrorCode::TokenExpired),
        TokenError::Invalid => ApiError::token(ErrorCode::Unauthorized),
    })
}

fn bearer(req: &HttpRequest) -> Result<&str, ApiError> {
    let missing = || ApiError::new(ErrorCode::Unauthorized);
    let bad = || ApiError::token(ErrorCode::Unauthorized);
    let value = req.headers().get(header::AUTHORIZATION).ok_or_else(missing)?;
    let value = str::from_utf8(value.as_bytes()).map_err(|_| bad())?;
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ if value.trim().eq_ignore_ascii_case("bearer") => Err(bad()),
        _ => Err(missing()),
    }
}

/// Whether anything may be written.
pub(crate) fn check_writable(features: Features) -> Result<(), ApiError> {
    if features.auth_enabled {
        Ok(())
    } else {
        Err(ApiError::new(ErrorCode::ReadOnly))
    }
}

/// Whether somebody may look after accounts.
pub(super) fn check_admin(features: Features, principal: &Principal) -> Result<(), ApiError> {
    if principal.roles.contains(&Role::Admin) {
        check_writable(features)
    } else {
        Err(ApiError::new(ErrorCode::Forbidden))
    }
}

/// Whether the progress of a user may be written.
pub(super) fn check_sync(features: Features, user: UserId) -> Result<(), ApiError> {
    check_writable(features)?;
    if features.sync_enabled && rollout_place(user) < features.sync_rollout_percent {
        Ok(())
    } else {
        Err(ApiError::new(ErrorCode::SyncDisabled))
    }
}

/// The place of a user in a rollout, 0 to 99: always the same, and evenly spread.
fn rollout_place(user: UserId) -> u8 {
    let digest = Sha256::digest(user.0.as_bytes());
    let number = u64::from_be_bytes([
        digest[0], digest[1], digest[2], digest[3], digest[4], digest[5], digest[6], digest[7],
    ]);
    u8::try_from(number % 100).unwrap_or(0)
}

macro_rules! authority {
    ($name:ident, $check:expr) => {
        impl FromRequest for $name {
            type Error = ApiError;
            type Future = Ready<Result<Self, ApiError>>;

            fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
                let check: fn(Features, &Principal) -> Result<(), ApiError> = $check;
                ready(authenticate(req).and_then(|principal| {
                    check(state(req)?.config.features, &principal)?;
                    Ok(Self(principal))
                }))
            }
        }

        impl ApiComponent for $name {
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

authority!(Caller, |_, _| Ok(()));
authority!(Writer, |features, _| check_writable(features));

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use parlance_domain::ids::SessionId;
    use uuid::Uuid;

    use super::*;

    fn token_of(value: &str) -> Result<String, ErrorCode> {
        let req = TestRequest::default()
            .insert_header((header::AUTHORIZATION, value))
            .to_http_request();
        bearer(&req).map(str::to_owned).map_err(|error| error.code())
    }

    fn principal(roles: &[Role]) -> Principal {
        Principal {
            user_id: UserId(Uuid::from_u128(1)),
            session_id: SessionId(Uuid::from_u128(2)),
            roles: roles.iter().copied().collect(),
        }
    }

    #[test]
    fn the_scheme_is_bearer_in_any_case() {
        assert_eq!(token_of("Bearer abc"), Ok("abc".into()));
        assert_eq!(token_of("bEARER  abc "), Ok("abc".into()));
        for bad in ["Basic abc", "Bearer", "abc", ""] {
            assert_eq!(token_of(bad), Err(ErrorCode::Unauthorized), "{bad}");
        }
    }

    #[test]
    fn a_rollout_takes_its_share_of_users_and_always_the_same() {
        let users = (0..10_000u128).map(|n| UserId(Uuid::from_u128(n)));
        let inside = users.filter(|user| rollout_place(*user) < 30).count();
        assert!((2_700..3_300).contains(&inside), "{inside}");
        let user = UserId(Uuid::from_u128(1));
        assert_eq!(rollout_place(user), rollout_place(user));
    }

    #[test]
    fn flags_decide_who_may_write() {
        let user = UserId(Uuid::from_u128(1));
        let code = |features: Features| check_sync(features, user).err().map(|error| error.code());
        let on = Features::default();
        assert_eq!(code(on), None);
        assert_eq!(
            code(Features {
                auth_enabled: false,
                ..on
            }),
            Some(ErrorCode::ReadOnly)
        );
        assert_eq!(
            code(Features {
                sync_enabled: false,
                ..on
            }),
            Some(ErrorCode::SyncDisabled)
        );
        assert_eq!(
            code(Features {
                sync_rollout_percent: 0,
                ..on
            }),
            Some(ErrorCode::SyncDisabled)
        );
    }

    #[test]
    fn administrators_alone_may_do_what_is_theirs() {
        let on = Features::default();
        let off = Features {
            auth_enabled: false,
            ..on
        };
        let code = |features, roles: &[Role]| {
            let checked = check_admin(features, &principal(roles));
            checked.err().map(|error| error.code())
        };
        assert_eq!(code(on, &[Role::User, Role::Admin]), None);
        assert_eq!(code(on, &[Role::User]), Some(ErrorCode::Forbidden));
        assert_eq!(code(off, &[]), Some(ErrorCode::Forbidden));
        assert_eq!(code(off, &[Role::Admin]), Some(ErrorCode::ReadOnly));
    }
}
