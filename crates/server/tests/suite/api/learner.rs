//! A learner with an app in their hand: what the tests of words and progress start from.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, TestApp, TestUser, assert_problem};

/// Somebody who calls the API: a learner, or a guest without a token.
pub(super) struct Learner<'a> {
    app: &'a TestApp,
    user: Option<TestUser>,
}

/// What they got back.
#[derive(Debug)]
pub(super) struct Reply {
    /// The status.
    pub(super) status: u16,
    /// The body as text.
    pub(super) body: String,
    answer: Answer,
}

/// The server with the shipped vocabulary.
pub(super) async fn with_words() -> TestApp {
    TestApp::builder().with_vocabulary().start().await
}

impl<'a> Learner<'a> {
    /// A new learner.
    pub(super) async fn new(app: &'a TestApp) -> Self {
        let user = Some(app.register().await);
        Self { app, user }
    }

    /// Somebody without a token.
    pub(super) fn guest(app: &'a TestApp) -> Self {
        Self { app, user: None }
    }

    /// The id of the account.
    pub(super) fn id(&self) -> &str {
        &self.user.as_ref().unwrap().id
    }

    /// Signs in once more, as after the clock has moved past the life of a token.
    pub(super) async fn sign_in_again(&mut self) {
        let email = self.user.as_ref().unwrap().email.clone();
        self.user = Some(self.app.login(&email).await);
    }

    /// Sends a request to a path below `/api/v1`, with JSON if there is a body.
    pub(super) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Reply {
        match body {
            Some(body) => {
                let headers = [headers, &[("content-type", "application/json")]].concat();
                self.send_raw(method, path, &headers, body.to_string().into_bytes())
                    .await
            }
            None => self.send_raw(method, path, headers, Vec::new()).await,
        }
    }

    /// Sends bytes as if they were JSON.
    pub(super) async fn send_bytes(&self, method: &str, path: &str, body: &[u8]) -> Reply {
        let json = [("content-type", "application/json")];
        self.send_raw(method, path, &json, body.to_vec()).await
    }

    /// Sends bytes.
    pub(super) async fn send_raw(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Reply {
        let method: Method = method.parse().unwrap();
        let path = format!("/api/v1{path}");
        let mut request = match &self.user {
            Some(user) => user.request(method, &path),
            None => self.app.request(method, &path),
        };
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !body.is_empty() {
            request = request.body(body);
        }
        let answer = self.app.send(request).await;
        Reply {
            status: answer.status,
            body: answer.text(),
            answer,
        }
    }

    /// Reads.
    pub(super) async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], None).await
    }

    /// Puts JSON.
    pub(super) async fn put(&self, path: &str, body: &Value) -> Reply {
        self.send("PUT", path, &[], Some(body)).await
    }

    /// Posts JSON.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send("POST", path, &[], Some(body)).await
    }

    /// Deletes.
    pub(super) async fn delete(&self, path: &str) -> Reply {
        self.send("DELETE", path, &[], None).await
    }
}

impl Reply {
    /// The body of a 200.
    #[track_caller]
    pub(super) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        self.answer.json()
    }

    /// Asserts a 204 without a body.
    #[track_caller]
    pub(super) fn no_content(&self) {
        assert_eq!((self.status, self.body.as_str()), (204, ""));
    }

    /// Asserts an error of this status and code; gives its details.
    #[track_caller]
    pub(super) fn refused(&self, status: u16, code: &str) -> Value {
        assert_problem(&self.answer, status, code)
    }

    /// The names of the bad fields of a validation error.
    #[track_caller]
    pub(super) fn bad_fields(&self) -> Vec<String> {
        let details = self.refused(400, "VALIDATION_FAILED");
        let fields = details["fields"].as_array().unwrap().iter();
        fields
            .map(|field| field["field"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The value of a header.
    #[track_caller]
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.answer.header(name)
    }

    /// The path of the next page, below `/api/v1`.
    pub(super) fn next_page(&self) -> Option<String> {
        let link = self.header("link")?;
        let target = link.strip_prefix("</api/v1")?.strip_suffix(">; rel=\"next\"")?;
        Some(target.to_owned())
    }
}

/// The id of a review, one for each number.
pub(super) fn id(number: u32) -> String {
    format!("01932f6e-0000-7000-8000-{number:012x}")
}

/// A review as a client sends it.
pub(super) fn review(id: &str, word: &str, rating: &str, at: &str) -> Value {
    json!({ "id": id, "wordId": word, "rating": rating, "reviewedAt": at })
}

/// An object without some of its members.
pub(super) fn without(object: &Value, members: &[&str]) -> Value {
    let mut rest = object.as_object().unwrap().clone();
    for member in members {
        rest.remove(*member).unwrap();
    }
    Value::Object(rest)
}
