//! The ceremonies, with a device that is software: what is taken, and what is not.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use parlance_domain::accounts::{
    Asserted, Begun, CeremonyError, Claim, PasskeyCeremonies, PasskeyCredential, PasskeyOwner,
};
use parlance_domain::ids::UserId;
use parlance_passkeys::{Site, WebauthnCeremonies};
use parlance_testbed::{Behaviour, SoftPasskey};
use serde_json::{Value, json};
use uuid::Uuid;

const ORIGIN: &str = "https://app.example.com";

fn ceremonies() -> WebauthnCeremonies {
    WebauthnCeremonies::new(&Site {
        id: "example.com".to_owned(),
        name: "Parlance".to_owned(),
        origins: vec![ORIGIN.parse().unwrap()],
        any_port: false,
    })
    .unwrap()
}

fn owner() -> PasskeyOwner {
    PasskeyOwner {
        user_id: UserId(Uuid::from_u128(7)),
        name: "ann@example.com".to_owned(),
        display_name: "Ann".to_owned(),
    }
}

fn honest() -> Behaviour {
    Behaviour::honest(ORIGIN)
}

fn begin(ceremonies: &WebauthnCeremonies) -> Begun {
    ceremonies.begin_registration(&owner(), &[]).unwrap()
}

/// A passkey that was made by a device which behaves like this.
fn made(by: &Behaviour) -> Result<(SoftPasskey, PasskeyCredential), CeremonyError> {
    let ceremonies = ceremonies();
    let begun = begin(&ceremonies);
    let (passkey, answer) = SoftPasskey::create(&begun.options, by).unwrap();
    let credential = ceremonies.finish_registration(&begun.state, &answer)?;
    Ok((passkey, credential))
}

fn asserted(
    passkey: &SoftPasskey,
    credential: &PasskeyCredential,
    by: &Behaviour,
) -> Result<Asserted, CeremonyError> {
    let ceremonies = ceremonies();
    let begun = ceremonies.begin_assertion().unwrap();
    let answer = passkey.get(&begun.options, by).unwrap();
    ceremonies.finish_assertion(&begun.state, &answer, credential)
}

/// Answers that no site takes, as a device or a page gives them.
fn bad() -> Vec<(&'static str, Behaviour)> {
    let with = |change: fn(&mut Behaviour)| {
        let mut behaviour = honest();
        change(&mut behaviour);
        behaviour
    };
    vec![
        (
            "another origin",
            with(|it| "https://evil.example".clone_into(&mut it.origin)),
        ),
        (
            "a site below",
            with(|it| "https://x.app.example.com".clone_into(&mut it.origin)),
        ),
        ("another port", with(|it| it.origin = format!("{ORIGIN}:8443"))),
        (
            "no https",
            with(|it| "http://app.example.com".clone_into(&mut it.origin)),
        ),
        (
            "another site",
            with(|it| it.rp_id = Some("evil.example".to_owned())),
        ),
        (
            "the origin for the site",
            with(|it| it.rp_id = Some("app.example.com".to_owned())),
        ),
        ("nobody verified", with(|it| it.verifies = false)),
        ("in a frame", with(|it| it.framed = true)),
    ]
}

fn is_refused<T>(result: &Result<T, CeremonyError>) -> bool {
    matches!(result, Err(CeremonyError::Refused))
}

#[test]
fn a_passkey_is_made_and_shows_who_uses_it() {
    let (passkey, credential) = made(&honest()).unwrap();
    for counter in 1..=3 {
        let asserted = asserted(&passkey, &credential, &honest()).unwrap();
        assert_eq!(asserted, Asserted { counter });
    }
}

#[test]
fn options_ask_for_what_the_device_finds_by_itself_and_for_whoever_uses_it() {
    let ceremonies = ceremonies();
    let (_, credential) = made(&honest()).unwrap();
    let begun = ceremonies.begin_registration(&owner(), &[credential.id]).unwrap();
    let options = &begun.options;
    assert_eq!(options["rp"], json!({ "id": "example.com", "name": "Parlance" }));
    assert_eq!(
        (&options["user"]["name"], &options["user"]["displayName"]),
        (&json!("ann@example.com"), &json!("Ann"))
    );
    let selection = &options["authenticatorSelection"];
    assert_eq!(
        (
            &selection["residentKey"],
            &selection["requireResidentKey"],
            &selection["userVerification"]
        ),
        (&json!("required"), &json!(true), &json!("required"))
    );
    assert_eq!(options["attestation"], "none");
    assert_eq!(options["excludeCredentials"].as_array().unwrap().len(), 1);
    assert!(!begun.state.0.contains("ann") && !begun.state.0.contains("Ann"));

    let asked = ceremonies.begin_assertion().unwrap().options;
    assert_eq!(
        (&asked["rpId"], &asked["userVerification"]),
        (&json!("example.com"), &json!("required"))
    );
    assert_eq!(asked["allowCredentials"], json!([]));
}

#[test]
fn what_is_kept_of_a_registration_names_no_device() {
    let (_, credential) = made(&honest()).unwrap();
    let excluded = [credential.id];
    let begun = ceremonies().begin_registration(&owner(), &excluded).unwrap();
    let named = begun.options["excludeCredentials"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(!begun.state.0.contains(&named), "{}", begun.state.0);
}

#[test]
fn neither_is_done_for_another_page_or_site_nor_for_nobody() {
    let (passkey, credential) = made(&honest()).unwrap();
    for (name, behaviour) in bad() {
        assert!(is_refused(&made(&behaviour)), "{name}");
        assert!(is_refused(&asserted(&passkey, &credential, &behaviour)), "{name}");
    }
}

#[test]
fn an_answer_to_another_challenge_or_of_another_key_shows_nothing() {
    let ceremonies = ceremonies();
    let (passkey, credential) = made(&honest()).unwrap();
    let (other, of_other) = made(&honest()).unwrap();
    let (first, second) = (
        ceremonies.begin_assertion().unwrap(),
        ceremonies.begin_assertion().unwrap(),
    );
    let answer = passkey.get(&first.options, &honest()).unwrap();
    let finish = |state, answer: &Value, credential| ceremonies.finish_assertion(state, answer, credential);
    assert!(is_refused(&finish(&second.state, &answer, &credential)));
    assert!(is_refused(&finish(&first.state, &answer, &of_other)));
    // The id of one key on the signature of another.
    let mut borrowed = other.get(&first.options, &honest()).unwrap();
    borrowed["id"] = answer["id"].clone();
    borrowed["rawId"] = answer["rawId"].clone();
    assert!(is_refused(&finish(&first.state, &borrowed, &credential)));
    finish(&first.state, &answer, &credential).unwrap();

    let begun = begin(&ceremonies);
    let (_, made_for_first) = SoftPasskey::create(&begun.options, &honest()).unwrap();
    let registered = ceremonies.finish_registration(&begin(&ceremonies).state, &made_for_first);
    assert!(is_refused(&registered));
}

#[test]
fn a_counter_that_goes_behind_where_the_passkey_began_is_told_apart() {
    let counting = |counter| Behaviour {
        counter: Some(counter),
        ..honest()
    };
    let (passkey, credential) = made(&counting(5)).unwrap();
    for behind in [0, 4, 5] {
        let result = asserted(&passkey, &credential, &counting(behind));
        assert!(
            matches!(result, Err(CeremonyError::WentBack)),
            "{behind}: {result:?}"
        );
    }
    assert_eq!(asserted(&passkey, &credential, &counting(6)).unwrap().counter, 6);
    let (passkey, credential) = made(&counting(0)).unwrap();
    assert_eq!(asserted(&passkey, &credential, &counting(0)).unwrap().counter, 0);
}

#[test]
fn an_answer_says_whose_it_is_or_nothing() {
    let ceremonies = ceremonies();
    let (passkey, credential) = made(&honest()).unwrap();
    let begun = ceremonies.begin_assertion().unwrap();
    let answer = passkey.get(&begun.options, &honest()).unwrap();
    let claim = Claim {
        user_id: owner().user_id,
        credential: credential.id,
    };
    assert_eq!(ceremonies.claim(&answer).unwrap(), claim);
    let without = |member: &str| {
        let mut answer = answer.clone();
        answer["response"][member] = Value::Null;
        answer
    };
    for bad in [
        json!({}),
        json!([]),
        json!("text"),
        without("userHandle"),
        without("signature"),
        without("clientDataJSON"),
    ] {
        assert!(is_refused(&ceremonies.claim(&bad)), "{bad}");
    }
}

#[test]
fn changed_bytes_are_refused_and_break_nothing() {
    let ceremonies = ceremonies();
    let (passkey, credential) = made(&honest()).unwrap();
    let begun = ceremonies.begin_assertion().unwrap();
    let answer = passkey.get(&begun.options, &honest()).unwrap();
    for member in ["clientDataJSON", "authenticatorData", "signature"] {
        let text = answer["response"][member].as_str().unwrap();
        for at in (0..text.len() - 1).step_by(7) {
            let mut changed = text.to_owned();
            let sign = if &text[at..=at] == "A" { "B" } else { "A" };
            changed.replace_range(at..=at, sign);
            let mut answer = answer.clone();
            answer["response"][member] = changed.into();
            let result = ceremonies.finish_assertion(&begun.state, &answer, &credential);
            assert!(result.is_err(), "{member} {at}");
        }
    }
}
