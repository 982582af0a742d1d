//! The list of accounts.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{LIST, Scene};
use crate::harness::{Answer, assert_problem};

fn emails(answer: &Answer) -> Vec<String> {
    let accounts = answer.json();
    let accounts = accounts.as_array().unwrap().iter();
    accounts
        .map(|account| account["email"].as_str().unwrap().to_owned())
        .collect()
}

/// The path of the next page.
fn next(answer: &Answer) -> Option<String> {
    let link = answer.header("link")?;
    let (target, relation) = link.strip_prefix('<')?.split_once('>')?;
    assert_eq!(relation, "; rel=\"next\"");
    Some(target.to_owned())
}

async fn found(scene: &Scene, query: &str) -> Vec<String> {
    emails(&scene.admin.get(&format!("{LIST}?{query}")).await.expect(200))
}

#[tokio::test]
async fn the_list_has_pages_the_youngest_first() {
    let scene = Scene::new().await;
    let mut expected = vec![scene.admin.email.clone()];
    for number in 0..6 {
        let email = format!("page{number}@example.com");
        scene.app.register_as(&email).await;
        expected.insert(0, email);
    }
    let (mut seen, mut path) = (Vec::new(), Some(format!("{LIST}?limit=3")));
    let mut pages = 0;
    while let Some(page) = path {
        let answer = scene.admin.get(&page).await.expect(200);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        seen.extend(emails(&answer));
        path = next(&answer);
        pages += 1;
    }
    assert_eq!((seen, pages), (expected, 3));
    assert_eq!(
        scene.told("accounts.listed"),
        [
            json!({"count": "3"}),
            json!({"count": "3"}),
            json!({"count": "1"})
        ]
    );
}

#[tokio::test]
async fn accounts_are_found_by_name_role_and_status() {
    let scene = Scene::new().await;
    for name in ["anna", "annabel", "bob"] {
        let body = json!({
            "email": format!("{name}@school.example"), "password": crate::harness::PASSWORD,
            "username": format!("{name}_1"), "displayName": format!("Dr. {name}"),
        });
        scene.app.post("/api/v1/auth/register", &body).await.expect(201);
    }
    let bob = scene.app.login("bob@school.example").await;
    scene
        .change(&bob.id, &json!({ "active": false }))
        .await
        .expect(200);
    let (anna, annabel) = ("anna@school.example", "annabel@school.example");
    assert_eq!(found(&scene, "q=ANNA").await, [annabel, anna]);
    assert_eq!(found(&scene, "q=anna%40school.example").await, [anna]);
    assert_eq!(found(&scene, "q=dr.+annab").await, [annabel]);
    assert_eq!(found(&scene, "q=%20bob_1%20").await, [bob.email.as_str()]);
    assert_eq!(found(&scene, "role=admin").await, [scene.admin.email.as_str()]);
    assert_eq!(found(&scene, "status=deactivated").await, [bob.email.as_str()]);
    assert_eq!(found(&scene, "q=b&status=active").await, [""; 0]);
    assert_eq!(found(&scene, "q=&role=&status=&limit=&cursor=").await.len(), 4);
    // What was looked for is somebody's name: the log tells how, not whom.
    let told = scene.told("accounts.listed");
    assert_eq!(told[0], json!({"by": "name", "count": "2"}));
    assert_eq!(told[4], json!({"count": "1", "role": "admin"}));
    assert!(!Value::from(told).to_string().contains("anna"));
}

#[tokio::test]
async fn threat_45_parameters_that_make_no_sense_are_refused_and_signs_mean_themselves() {
    let scene = Scene::new().await;
    let long = "%25".repeat(255);
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=201", "limit"),
        ("limit=9223372036854775808", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=MSwx", "cursor"),
        ("role=root", "role"),
        ("role=user%20admin", "role"),
        ("status=locked", "status"),
        ("q=a%00b", "q"),
        (&format!("q={long}"), "q"),
    ] {
        let answer = scene.admin.get(&format!("{LIST}?{query}")).await;
        let details = assert_problem(&answer, 400, "VALIDATION_FAILED");
        assert_eq!(details["fields"][0]["field"], field, "{query}");
    }
    let all = "limit=0&cursor=!&role=root&status=gone&q=%00";
    let answer = scene.admin.get(&format!("{LIST}?{all}")).await;
    let details = assert_problem(&answer, 400, "VALIDATION_FAILED");
    let fields = details["fields"].as_array().unwrap().iter();
    let fields: BTreeSet<_> = fields.map(|field| field["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["cursor", "limit", "q", "role", "status"].into());
    let many = "%25".repeat(254);
    for q in [
        "%25",
        "_",
        "%27%20OR%201%3D1%3B--",
        "*",
        "%5C",
        "learne%5F",
        many.as_str(),
    ] {
        assert_eq!(found(&scene, &format!("q={q}")).await, [""; 0], "{q}");
    }
}

#[tokio::test]
async fn no_answer_holds_anything_of_a_password() {
    let scene = Scene::new().await;
    let ann = scene.app.register().await;
    for path in [LIST.to_owned(), format!("/api/v1/users/{}", ann.id)] {
        let text = scene.admin.get(&path).await.expect(200).text().to_lowercase();
        for word in ["password", "hash", "$2", "bcrypt", "secret"] {
            assert!(!text.contains(word), "{path}: {text}");
        }
    }
}
