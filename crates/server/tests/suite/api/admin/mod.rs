//! Administration: who may look after accounts, what is done to them, and what is left of those that are gone.

mod access;
mod changes;
mod directory;
mod power;
mod purge;

use serde_json::{Value, json};

use crate::harness::{Answer, TestApp, TestUser};

const LIST: &str = "/api/v1/admin/users";
const ME: &str = "/api/v1/users/me";

/// A server and somebody who administers it.
struct Scene {
    app: TestApp,
    admin: TestUser,
}

impl Scene {
    async fn new() -> Self {
        Self::with(TestApp::start().await).await
    }

    async fn with(app: TestApp) -> Self {
        let admin = app.register_admin().await;
        Self { app, admin }
    }

    /// Changes an account.
    async fn change(&self, id: &str, body: &Value) -> Answer {
        self.admin.patch(&user(id), body).await
    }

    /// Deletes an account.
    async fn delete(&self, id: &str) -> Answer {
        delete(&self.admin, id).await
    }

    /// The account as administrators see it.
    async fn look(&self, id: &str) -> Value {
        let answer = self.admin.get(&format!("/api/v1/users/{id}")).await;
        answer.expect(200).json()
    }

    /// The details of what the audit log tells of an action, in the order in which it was done.
    fn told(&self, action: &str) -> Vec<Value> {
        let query = format!("SELECT details FROM audit_entries WHERE action = '{action}' ORDER BY id");
        let texts = self.app.place().texts(&query);
        texts
            .iter()
            .map(|text| serde_json::from_str(text).unwrap())
            .collect()
    }

    /// How often somebody did something to an account, as the audit log tells.
    fn count(&self, actor: &TestUser, action: &str, subject: &str) -> i64 {
        let place = self.app.place();
        let (actor, subject) = (place.id(&actor.id), place.id(subject));
        place.number(&format!(
            "SELECT count(*) FROM audit_entries WHERE action = '{action}' AND actor_id = {actor} \
             AND subject_id = {subject} AND address IS NOT NULL AND request_id IS NOT NULL"
        ))
    }
}

/// The path of an account.
fn user(id: &str) -> String {
    format!("{LIST}/{id}")
}

/// Deletes an account as somebody.
async fn delete(by: &TestUser, id: &str) -> Answer {
    let request = by.request(reqwest::Method::DELETE, &user(id));
    by.send(request.json(&json!({ "reason": "Sends spam" }))).await
}

/// Whether a token still works.
async fn works(user: &TestUser) -> bool {
    let answer = user.get(ME).await;
    assert!([200, 401].contains(&answer.status), "{}", answer.text());
    answer.status == 200
}

/// What is answered to somebody who tries to sign in.
async fn sign_in(app: &TestApp, email: &str) -> Answer {
    let body = json!({ "email": email, "password": crate::harness::PASSWORD });
    app.post("/api/v1/auth/login", &body).await
}
