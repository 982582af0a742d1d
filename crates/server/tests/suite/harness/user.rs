//! A signed-in learner.

use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

use super::{Answer, TestApp};

/// The password of every learner of the tests.
pub(crate) const PASSWORD: &str = "Correct-Horse-1";

/// A learner on one device.
#[derive(Debug, Clone)]
pub(crate) struct TestUser {
    client: Client,
    base: String,
    /// The id of the account.
    pub(crate) id: String,
    /// Its address.
    pub(crate) email: String,
    /// The access token.
    pub(crate) token: String,
    /// The refresh token.
    pub(crate) cookie: String,
}

impl TestUser {
    /// The learner that a registration or a sign-in answered.
    pub(crate) fn new(client: Client, base: String, email: &str, answer: &Answer) -> Self {
        let body = answer.json();
        let text = |value: &Value| {
            value
                .as_str()
                .unwrap_or_else(|| panic!("not in {body}"))
                .to_owned()
        };
        Self {
            client,
            base,
            id: text(&body["data"]["user"]["id"]),
            email: email.to_owned(),
            token: text(&body["data"]["accessToken"]),
            cookie: answer.cookie("refreshToken").unwrap(),
        }
    }

    /// The same learner, talking to another server.
    pub(crate) fn at(&self, app: &TestApp) -> Self {
        Self {
            base: app.url(""),
            ..self.clone()
        }
    }

    /// A request of theirs, to be completed; see [`TestUser::send`].
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        request.bearer_auth(&self.token)
    }

    /// Sends a request and reads its answer.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Answer {
        Answer::read(request.send().await.unwrap()).await
    }

    /// Reads.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// Puts JSON.
    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::PUT, path).json(body)).await
    }

    /// Posts JSON.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// Posts nothing.
    pub(crate) async fn post_empty(&self, path: &str) -> Answer {
        self.send(self.request(Method::POST, path)).await
    }

    /// Patches by JSON.
    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::PATCH, path).json(body)).await
    }

    /// Deletes.
    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }
}
