//! The second factor, held against the vectors of the specification, which another implementation made.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use parlance_domain::accounts::{Challenges, PasswordHash, RecoveryCode, TotpCode, TotpSecret};
use parlance_domain::ids::UserId;
use parlance_domain::time::{Timestamp, from_epoch_millis};
use secrecy::ExposeSecret;
use serde_json::Value;

const VECTORS: &str = include_str!("../../../docs/specification/vectors/second-factor.json");

fn vectors() -> Value {
    serde_json::from_str(VECTORS).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    let digits = text(value).as_bytes();
    let pairs = digits.chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

fn user(value: &Value) -> UserId {
    text(&value["userId"]).parse().unwrap()
}

fn at(millis: i64) -> Timestamp {
    from_epoch_millis(millis).unwrap()
}

#[test]
fn codes_by_time_are_those_of_the_vectors() {
    let vectors = &vectors()["totp"];
    let secret = TotpSecret::from_bytes(&bytes(&vectors["secret"])).unwrap();
    assert_eq!(secret.base32().expose_secret(), text(&vectors["base32"]));
    for case in vectors["cases"].as_array().unwrap() {
        let code: TotpCode = text(&case["code"]).parse().unwrap();
        let step = case["step"].as_u64().unwrap();
        assert_eq!(secret.code_at(step), code, "{case}");
        let now = at(case["seconds"].as_i64().unwrap() * 1_000);
        assert_eq!(secret.matching_step(&code, now), Some(step), "{case}");
    }
}

#[test]
fn recovery_codes_are_those_of_the_vectors() {
    let vectors = &vectors()["recoveryCodes"];
    for case in vectors["cases"].as_array().unwrap() {
        let code = RecoveryCode::new(bytes(&case["bytes"]).try_into().unwrap());
        assert_eq!(code.text().expose_secret(), text(&case["text"]));
        assert_eq!(text(&case["text"]).parse(), Ok(code.clone()));
        assert_eq!(
            code.digest(user(vectors)).to_vec(),
            bytes(&case["digest"]),
            "{case}"
        );
    }
}

#[test]
fn challenges_are_those_of_the_vectors() {
    for case in vectors()["challenges"].as_array().unwrap() {
        let challenges = Challenges::new(&text(&case["secret"]).into());
        let password = PasswordHash::from_stored(text(&case["passwordHash"]).to_owned());
        let now = case["now"].as_i64().unwrap();
        let written = challenges.write(user(case), &password, at(now));
        assert_eq!(written.expose_secret(), text(&case["challenge"]));
        let read = challenges
            .read(text(&case["challenge"]), at(now + 299_999))
            .unwrap();
        assert_eq!(read.user_id, user(case));
        assert!(challenges.is_of(&read, &password));
        assert_eq!(challenges.read(text(&case["challenge"]), at(now + 300_000)), None);
    }
}
