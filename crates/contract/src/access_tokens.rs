//! What all [`AccessTokens`] must do.

use chrono::{DateTime, TimeDelta};
use parlance_domain::accounts::{AccessClaims, AccessTokens, Role, TokenError};
use parlance_domain::ids::{SessionId, UserId};
use parlance_domain::time::Timestamp;
use secrecy::ExposeSecret;
use uuid::Uuid;

/// Makes a test of each rule of access tokens; the expression makes some with a key of their own.
#[macro_export]
macro_rules! access_tokens_contract {
    ($make:expr) => {
        $crate::tests_of_rules!(sync access_tokens, $make, [
            a_signed_token_gives_back_its_claims,
            a_token_is_good_until_it_expires,
            a_token_whose_time_has_not_come_is_invalid,
            a_changed_token_is_invalid,
            what_is_no_token_is_invalid,
        ]);
    };
}

/// In whole seconds, as tokens tell the time.
fn issued_at() -> Timestamp {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(1_772_366_400)
}

fn claims() -> AccessClaims {
    AccessClaims {
        user_id: UserId(Uuid::from_u128(1)),
        session_id: SessionId(Uuid::from_u128(2)),
        roles: [Role::User, Role::Admin].into(),
        issued_at: issued_at(),
        expires_at: issued_at() + TimeDelta::minutes(15),
    }
}

fn sign(tokens: &dyn AccessTokens, claims: &AccessClaims) -> String {
    tokens.sign(claims).unwrap().0.expose_secret().to_owned()
}

/// All of them, and no others.
pub fn a_signed_token_gives_back_its_claims(tokens: &dyn AccessTokens) {
    let without_roles = AccessClaims {
        roles: [].into(),
        ..claims()
    };
    for claims in [claims(), without_roles] {
        let token = sign(tokens, &claims);
        assert_eq!(tokens.verify(&token, issued_at()), Ok(claims));
    }
}

/// At the instant itself it is not.
pub fn a_token_is_good_until_it_expires(tokens: &dyn AccessTokens) {
    let token = sign(tokens, &claims());
    let expiry = claims().expires_at;
    let just_before = expiry - TimeDelta::milliseconds(1);
    assert_eq!(tokens.verify(&token, just_before), Ok(claims()));
    assert_eq!(tokens.verify(&token, expiry), Err(TokenError::Expired));
}

/// A clock that is an hour behind takes no token from the future.
pub fn a_token_whose_time_has_not_come_is_invalid(tokens: &dyn AccessTokens) {
    let token = sign(tokens, &claims());
    let hour_before = issued_at() - TimeDelta::hours(1);
    assert_eq!(tokens.verify(&token, hour_before), Err(TokenError::Invalid));
}

/// Wherever it is changed; also when it has expired besides.
pub fn a_changed_token_is_invalid(tokens: &dyn AccessTokens) {
    let token = sign(tokens, &claims());
    for at in 0..token.len() {
        for replacement in ["A", "B", "=", ".", ""] {
            let mut changed = token.clone();
            changed.replace_range(at..=at, replacement);
            if changed == token {
                continue;
            }
            for now in [issued_at(), claims().expires_at] {
                assert_eq!(
                    tokens.verify(&changed, now),
                    Err(TokenError::Invalid),
                    "{at} {replacement:?}"
                );
            }
        }
    }
}

/// However long it is.
pub fn what_is_no_token_is_invalid(tokens: &dyn AccessTokens) {
    let long = "a".repeat(100 * 1024);
    let dots = ".".repeat(100 * 1024);
    for text in ["", ".", "..", "a.b.c", "Bearer", "\0", "字.字.字", &long, &dots] {
        assert_eq!(tokens.verify(text, issued_at()), Err(TokenError::Invalid));
    }
}
