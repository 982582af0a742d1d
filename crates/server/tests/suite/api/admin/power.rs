//! Power that must not outlive its role, and that must not be lost for good.

use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use parlance_testbed::redis_url;
use serde_json::json;

use super::{LIST, Scene, delete, sign_in, user, works};
use crate::harness::{TestApp, assert_problem, eventually};

/// How long something that was ended may go on elsewhere, with time for a busy machine.
const SOON: Duration = Duration::from_secs(5);

#[tokio::test]
async fn threat_31_a_role_that_is_taken_while_a_token_lives_is_taken_from_the_token() {
    let scene = Scene::new().await;
    let other = scene.app.register_admin().await;
    other.get(LIST).await.expect(200);
    scene
        .change(&other.id, &json!({ "roles": ["user"] }))
        .await
        .expect(200);
    for _ in 0..10 {
        assert_problem(&other.get(LIST).await, 401, "UNAUTHORIZED");
        assert_problem(&delete(&other, &scene.admin.id).await, 401, "UNAUTHORIZED");
    }
    let refresh = scene.app.post_cookie("/api/v1/auth/refresh", &other.cookie).await;
    assert_problem(&refresh, 401, "INVALID_REFRESH_TOKEN");
    let other = scene.app.login(&other.email).await;
    assert_problem(&other.get(LIST).await, 403, "FORBIDDEN");
}

#[tokio::test]
async fn threat_31_a_refresh_brings_no_role_back() {
    let scene = Scene::new().await;
    let other = scene.app.register_admin().await;
    for _ in 0..10 {
        let (roles, id) = (json!({ "roles": ["user"] }), &other.id);
        let device = scene.app.login(&other.email).await;
        let (refreshed, changed) = join(
            scene.app.post_cookie("/api/v1/auth/refresh", &device.cookie),
            scene.change(id, &roles),
        )
        .await;
        changed.expect(200);
        let mut devices = vec![device.clone()];
        if refreshed.status == 200 {
            let mut renewed = device;
            renewed.token = refreshed.json()["data"]["accessToken"]
                .as_str()
                .unwrap()
                .to_owned();
            devices.push(renewed);
        }
        for device in &devices {
            assert_problem(&device.get(LIST).await, 401, "UNAUTHORIZED");
        }
        scene
            .change(id, &json!({ "roles": ["user", "admin"] }))
            .await
            .expect(200);
    }
}

#[tokio::test]
async fn threat_31_a_sign_in_at_the_same_moment_brings_no_role_back() {
    let scene = Scene::new().await;
    let other = scene.app.register_admin().await;
    for round in 0..30 {
        let body = match round % 3 {
            0 => json!({ "roles": ["user"] }),
            1 => json!({ "active": false }),
            _ => json!({ "active": false, "roles": ["user"] }),
        };
        let sign_ins = join_all((0..3).map(|_| sign_in(&scene.app, &other.email)));
        let (signed_in, changed) = join(sign_ins, scene.change(&other.id, &body)).await;
        changed.expect(200);
        for answer in signed_in.into_iter().filter(|answer| answer.status == 200) {
            let device = scene.app.user_of(&other.email, &answer);
            let answer = device.get(LIST).await;
            assert!([401, 403].contains(&answer.status), "{round}: {}", answer.text());
            assert!(body.get("active").is_none() || !works(&device).await, "{round}");
        }
        let back = json!({ "active": true, "roles": ["user", "admin"] });
        scene.change(&other.id, &back).await.expect(200);
    }
}

#[tokio::test]
async fn threat_31_the_last_administrator_stays_whatever_is_tried() {
    let scene = Scene::new().await;
    let (id, path) = (&scene.admin.id, user(&scene.admin.id));
    for body in [
        json!({ "roles": ["user"] }),
        json!({ "roles": [] }),
        json!({ "active": false }),
        json!({ "active": false, "roles": ["user", "admin"], "isPremium": true }),
    ] {
        assert_problem(&scene.admin.patch(&path, &body).await, 409, "LAST_ADMINISTRATOR");
    }
    assert_problem(&scene.delete(id).await, 409, "LAST_ADMINISTRATOR");
    // Somebody who is out of use, or deleted, does not count.
    for change in [json!({ "active": false }), json!(null)] {
        let other = scene.app.register_admin().await;
        if change.is_null() {
            scene.delete(&other.id).await.expect(200);
        } else {
            scene.change(&other.id, &change).await.expect(200);
        }
        assert_problem(&scene.delete(id).await, 409, "LAST_ADMINISTRATOR");
    }
    assert!(works(&scene.admin).await, "what is refused ends nothing");
    assert_eq!(scene.look(id).await["isPremium"], false);
    assert_eq!(scene.told("account.deleted").len(), 1);
}

#[tokio::test]
async fn threat_31_however_many_leave_at_once_one_administrator_stays() {
    let scene = Scene::new().await;
    for round in 0..4 {
        let mut admins = vec![scene.app.login(&scene.admin.email).await];
        for _ in 0..5 {
            admins.push(scene.app.register_admin().await);
        }
        let leaving = admins.iter().enumerate().map(|(number, admin)| async move {
            match (number + round) % 3 {
                0 => delete(admin, &admin.id).await,
                1 => admin.patch(&user(&admin.id), &json!({ "roles": ["user"] })).await,
                _ => admin.patch(&user(&admin.id), &json!({ "active": false })).await,
            }
        });
        let answers = join_all(leaving).await;
        let stays = answers.iter().position(|answer| answer.status != 200).unwrap();
        for (number, answer) in answers.iter().enumerate() {
            if number == stays {
                assert_problem(answer, 409, "LAST_ADMINISTRATOR");
            } else {
                assert_eq!(answer.status, 200, "{}", answer.text());
            }
        }
        let listed = admins[stays]
            .get(&format!("{LIST}?role=admin&status=active"))
            .await;
        let listed = listed.expect(200).json();
        assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
        // Whoever stayed lets the first one back in.
        let back = user(&scene.admin.id);
        let stayed = &admins[stays];
        if stayed.id != scene.admin.id {
            stayed.post_empty(&format!("{back}/restore")).await.expect(200);
            let body = json!({ "active": true, "roles": ["user", "admin"] });
            stayed.patch(&back, &body).await.expect(200);
            let first = scene.app.login(&scene.admin.email).await;
            delete(&first, &stayed.id).await.expect(200);
        }
    }
}

#[tokio::test]
async fn threat_31_what_one_copy_ends_the_other_does_not_let_in() {
    let scene = Scene::with(TestApp::builder().shared().redis(&redis_url()).start().await).await;
    ends_on_both(&scene).await;
}

#[tokio::test]
async fn threat_31_copies_that_cannot_tell_each_other_notice_by_themselves() {
    let scene = Scene::with(TestApp::builder().shared().start().await).await;
    ends_on_both(&scene).await;
}

async fn ends_on_both(scene: &Scene) {
    let copy = scene.app.copy().await;
    for body in [json!({ "roles": ["user"] }), json!({ "active": false })] {
        let other = copy.register_admin().await;
        for place in [other.clone(), other.at(&scene.app)] {
            place.get(LIST).await.expect(200);
        }
        scene.change(&other.id, &body).await.expect(200);
        assert_problem(&other.at(&scene.app).get(LIST).await, 401, "UNAUTHORIZED");
        let ended = Instant::now();
        eventually("the other copy still lets it in", async || {
            other.get(LIST).await.status == 401
        })
        .await;
        assert!(ended.elapsed() < SOON, "{:?}", ended.elapsed());
        let refresh = copy.post_cookie("/api/v1/auth/refresh", &other.cookie).await;
        assert_problem(&refresh, 401, "INVALID_REFRESH_TOKEN");
    }
}
