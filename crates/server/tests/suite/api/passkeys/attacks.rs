//! What is tried against passkeys.

use chrono::TimeDelta;
use futures_util::future::join_all;
use parlance_testbed::Behaviour;
use reqwest::Method;
use serde_json::{Value, json};

use super::{ANN, NOBODY, OPTIONS, PASSKEYS, SIGN_IN, STEP_UP, list, path, refused, timed, told};
use crate::harness::{PasskeyDevice, TestApp, assert_problem, honest, sign_in_options};

/// Answers of devices and pages that are not honest.
fn dishonest() -> Vec<(&'static str, Behaviour)> {
    let with = |change: fn(&mut Behaviour)| {
        let mut behaviour = honest();
        change(&mut behaviour);
        behaviour
    };
    vec![
        (
            "another origin",
            with(|it| it.origin = "https://evil.example".to_owned()),
        ),
        (
            "a site below",
            with(|it| it.origin = "http://evil.localhost:5173".to_owned()),
        ),
        (
            "another site",
            with(|it| it.rp_id = Some("evil.example".to_owned())),
        ),
        ("nobody verified", with(|it| it.verifies = false)),
        ("in a frame", with(|it| it.framed = true)),
    ]
}

#[tokio::test]
async fn threat_07_an_answer_is_good_once() {
    let (app, _) = timed().await;
    let ann = app.register_as(ANN).await;
    let device = PasskeyDevice::add(&ann).await;
    let answer = device.answer_at(&app, &honest()).await;
    app.post(SIGN_IN, &answer).await.expect(200);
    refused(&app.post(SIGN_IN, &answer).await);
    refused(&ann.post(STEP_UP, &json!({ "passkey": answer })).await);
    // The same answer with a challenge that is still good is one to another challenge.
    let mut replayed = answer.clone();
    replayed["challengeId"] = sign_in_options(&app).await["challengeId"].clone();
    refused(&app.post(SIGN_IN, &replayed).await);

    let options = ann.post_empty(OPTIONS).await.expect(200).json();
    let (_, body) = PasskeyDevice::make(&options, &honest());
    ann.post(PASSKEYS, &body).await.expect(201);
    refused(&ann.post(PASSKEYS, &body).await);
    assert_eq!(list(&ann).await.len(), 2);
}

#[tokio::test]
async fn threat_07_of_16_uses_of_an_answer_at_once_one_succeeds() {
    let app = TestApp::builder().shared().start().await;
    let copy = app.copy().await;
    let ann = app.register_as(ANN).await;
    let silent = Behaviour {
        counter: Some(0),
        ..honest()
    };
    // A device that does not count: the challenge alone tells the uses apart.
    let device = PasskeyDevice::add_as(&ann, &silent).await;
    let answer = device.answer_at(&app, &silent).await;
    let at = |number| if number % 2 == 0 { &app } else { &copy };
    let tries = join_all((0..16).map(|number| at(number).post(SIGN_IN, &answer))).await;
    let statuses: Vec<_> = tries.iter().map(|answer| answer.status).collect();
    assert_eq!(
        statuses.iter().filter(|status| **status == 200).count(),
        1,
        "{statuses:?}"
    );
    assert!(
        statuses.iter().all(|status| [200, 403].contains(status)),
        "{statuses:?}"
    );
}

#[tokio::test]
async fn an_answer_comes_within_five_minutes() {
    let (app, clock) = timed().await;
    let ann = app.register_as(ANN).await;
    let device = PasskeyDevice::add(&ann).await;
    let answer = device.answer_at(&app, &honest()).await;
    let options = ann.post_empty(OPTIONS).await.expect(200).json();
    let (_, body) = PasskeyDevice::make(&options, &honest());
    clock.advance(TimeDelta::minutes(5));
    refused(&app.post(SIGN_IN, &answer).await);
    refused(&ann.post(PASSKEYS, &body).await);
    let answer = device.answer_at(&app, &honest()).await;
    clock.advance(TimeDelta::minutes(5) - TimeDelta::milliseconds(1));
    app.post(SIGN_IN, &answer).await.expect(200);
}

#[tokio::test]
async fn neither_another_page_nor_another_site_nor_nobody_is_let_in() {
    let (app, _) = timed().await;
    let ann = app.register_as(ANN).await;
    let device = PasskeyDevice::add(&ann).await;
    for (name, behaviour) in dishonest() {
        let answer = device.sign_in_as(&app, &behaviour).await;
        assert_eq!(answer.status, 403, "{name}: {}", answer.text());
        refused(&answer);
        let options = ann.post_empty(OPTIONS).await.expect(200).json();
        let (_, body) = PasskeyDevice::make(&options, &behaviour);
        refused(&ann.post(PASSKEYS, &body).await);
    }
    assert_eq!(list(&ann).await.len(), 1);
    let refusals = i64::try_from(dishonest().len()).unwrap();
    assert_eq!(told(&app, "sign_in.refused"), refusals);
    device.sign_in(&app).await.expect(200);
}

#[tokio::test]
async fn an_answer_to_another_challenge_shows_nothing_and_both_are_used_up() {
    let (app, _) = timed().await;
    let ann = app.register_as(ANN).await;
    let device = PasskeyDevice::add(&ann).await;
    let (first, second) = (sign_in_options(&app).await, sign_in_options(&app).await);
    let mut crossed = device.answer(&first, &honest());
    crossed["challengeId"] = second["challengeId"].clone();
    refused(&app.post(SIGN_IN, &crossed).await);
    refused(&app.post(SIGN_IN, &device.answer(&second, &honest())).await);
    app.post(SIGN_IN, &device.answer(&first, &honest()))
        .await
        .expect(200);
}

#[tokio::test]
async fn a_challenge_is_good_for_what_it_was_made_for_and_in_its_session_alone() {
    let (app, _) = timed().await;
    let ann = app.register_as(ANN).await;
    let device = PasskeyDevice::add(&ann).await;
    let elsewhere = app.login(ANN).await;
    let options = ann.post_empty(OPTIONS).await.expect(200).json();
    let (_, body) = PasskeyDevice::make(&options, &honest());
    refused(&elsewhere.post(PASSKEYS, &body).await);
    let bob = app.register().await;
    refused(&bob.post(PASSKEYS, &body).await);
    assert_eq!(list(&bob).await, Vec::<Value>::new());
    // A device that is asked to make a passkey does not sign in by that.
    let mut asked = options.clone();
    asked["publicKey"]["rpId"] = "localhost".into();
    refused(&app.post(SIGN_IN, &device.answer(&asked, &honest())).await);
    ann.post(PASSKEYS, &body).await.expect(201);

    let mut asked = sign_in_options(&app).await;
    asked["publicKey"]["rp"] = json!({ "id": "localhost" });
    asked["publicKey"]["user"] = options["publicKey"]["user"].clone();
    let (_, body) = PasskeyDevice::make(&asked, &honest());
    refused(&ann.post(PASSKEYS, &body).await);
}

#[tokio::test]
async fn threat_30_a_passkey_is_its_owners_alone() {
    let (app, _) = timed().await;
    let (ann, bob) = (app.register_as(ANN).await, app.register().await);
    let (of_ann, of_bob) = (PasskeyDevice::add(&ann).await, PasskeyDevice::add(&bob).await);
    assert_eq!(list(&bob).await.len(), 1);
    let name = json!({ "name": "Mine" });
    assert_problem(
        &bob.patch(&path(&of_ann.id), &name).await,
        404,
        "PASSKEY_NOT_FOUND",
    );
    assert_problem(&bob.delete(&path(&of_ann.id)).await, 404, "PASSKEY_NOT_FOUND");
    assert_eq!(list(&ann).await[0]["name"], "Phone");

    // Bob's device says that its passkey is Ann's.
    let ann_id: uuid::Uuid = ann.id.parse().unwrap();
    let as_ann = Behaviour {
        user_handle: Some(ann_id.as_bytes().to_vec()),
        ..honest()
    };
    refused(&of_bob.sign_in_as(&app, &as_ann).await);
    // Bob's signature under the name of Ann's passkey.
    let options = sign_in_options(&app).await;
    let mut borrowed = of_bob.answer(&options, &as_ann);
    for member in ["id", "rawId"] {
        borrowed["credential"][member] = of_ann.credential_id().into();
    }
    refused(&app.post(SIGN_IN, &borrowed).await);
    let nobody = Behaviour {
        user_handle: Some(uuid::Uuid::nil().as_bytes().to_vec()),
        ..honest()
    };
    refused(&of_bob.sign_in_as(&app, &nobody).await);
    let odd = Behaviour {
        user_handle: Some(b"ann".to_vec()),
        ..honest()
    };
    refused(&of_bob.sign_in_as(&app, &odd).await);
}

#[tokio::test]
async fn a_passkey_that_is_there_is_not_added_again() {
    let (app, _) = timed().await;
    let ann = app.register_as(ANN).await;
    let options = ann.post_empty(OPTIONS).await.expect(200).json();
    let other = ann.post_empty(OPTIONS).await.expect(200).json();
    let (_, body) = PasskeyDevice::make(&options, &honest());
    ann.post(PASSKEYS, &body).await.expect(201);
    // A page that does not heed whom to leave out, on a device that makes the same again.
    let (_, mut again) = PasskeyDevice::make(&other, &honest());
    let there = body["credential"]["response"]["attestationObject"].clone();
    again["credential"]["response"]["attestationObject"] = there;
    for member in ["id", "rawId"] {
        again["credential"][member] = body["credential"][member].clone();
    }
    assert_problem(&ann.post(PASSKEYS, &again).await, 409, "PASSKEY_EXISTS");
    assert_eq!(list(&ann).await.len(), 1);
}

#[tokio::test]
async fn a_counter_that_goes_backwards_is_refused_and_told() {
    let (app, _) = timed().await;
    let ann = app.register_as(ANN).await;
    let device = PasskeyDevice::add(&ann).await;
    let counting = |counter| Behaviour {
        counter: Some(counter),
        ..honest()
    };
    device.sign_in_as(&app, &counting(7)).await.expect(200);
    for behind in [7, 6, 0] {
        refused(&device.sign_in_as(&app, &counting(behind)).await);
    }
    assert_eq!(
        (told(&app, "passkey.went_back"), told(&app, "sign_in.refused")),
        (3, 3)
    );
    let subject = app
        .place()
        .texts("SELECT details FROM audit_entries WHERE action = 'passkey.went_back'");
    assert!(
        subject.iter().all(|details| details.contains(&device.id)),
        "{subject:?}"
    );
    let answer = device.answer_at(&app, &counting(7)).await;
    refused(&ann.post(STEP_UP, &json!({ "passkey": answer })).await);
    device.sign_in_as(&app, &counting(8)).await.expect(200);
}

#[tokio::test]
async fn without_a_token_nothing_of_passkeys_is_open() {
    let app = TestApp::start().await;
    let one = path(NOBODY);
    for (method, path) in [
        (Method::POST, OPTIONS),
        (Method::POST, PASSKEYS),
        (Method::GET, PASSKEYS),
        (Method::PATCH, one.as_str()),
        (Method::DELETE, one.as_str()),
    ] {
        let answer = app.send(app.request(method.clone(), path).json(&json!({}))).await;
        assert_problem(&answer, 401, "UNAUTHORIZED");
    }
}

#[tokio::test]
async fn answers_that_are_no_answers_are_refused_and_break_nothing() {
    let app = TestApp::start().await;
    let ann = app.register_as(ANN).await;
    let deep = (0..25).fold(json!({ "x": 1 }), |inner, _| json!({ "x": inner }));
    for credential in [
        json!({ "id": "x" }),
        json!({ "id": null, "rawId": [], "response": {}, "type": 7 }),
        json!({ "response": { "clientDataJSON": "AAAA", "attestationObject": "v////8" } }),
        deep,
    ] {
        let challenge = &sign_in_options(&app).await["challengeId"];
        let body = json!({ "challengeId": challenge, "credential": credential });
        refused(&app.post(SIGN_IN, &body).await);
        let options = ann.post_empty(OPTIONS).await.expect(200).json();
        let body = json!({ "name": "x", "challengeId": options["challengeId"], "credential": credential });
        refused(&ann.post(PASSKEYS, &body).await);
    }
    let never = json!({ "challengeId": NOBODY, "credential": { "id": "x" } });
    refused(&app.post(SIGN_IN, &never).await);
}

#[tokio::test]
async fn sign_ins_by_passkey_count_for_the_limit_of_sign_ins() {
    let app = TestApp::builder()
        .with(|settings| settings.limits.login_per_minute = 3)
        .start()
        .await;
    let never = json!({ "challengeId": NOBODY, "credential": { "id": "x" } });
    for _ in 0..3 {
        refused(&app.post(SIGN_IN, &never).await);
    }
    assert_problem(&app.post(SIGN_IN, &never).await, 429, "RATE_LIMIT_EXCEEDED");
}
