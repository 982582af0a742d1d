//! Learners and the sessions of their devices.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::cluster::{Answer, Client, Request};

/// The password of every learner.
const PASSWORD: &str = "Soak-Password-1";

/// A learner who has an account.
#[derive(Debug, Clone)]
pub struct Learner {
    /// The learner's number, which the words show whose they are.
    pub number: u32,
    /// The account's id.
    pub id: String,
    email: String,
}

/// What a signed-in device holds.
#[derive(Debug, Clone)]
pub struct Session {
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: String,
}

impl Learner {
    /// Makes an account; the first session comes along.
    ///
    /// The tag tells the emails of this run from those of others on the same database.
    pub async fn register(client: &Client, tag: &str, number: u32) -> Result<(Self, Session)> {
        let email = format!("{tag}-{number}@example.com");
        let body = json!({ "email": email, "password": PASSWORD });
        let answer = client.expect(201, Request::post("/auth/register", body)).await?;
        let learner = Self {
            number,
            id: user_id(&answer.json()?)?,
            email,
        };
        Ok((learner, Session::of(&answer)?))
    }

    /// Signs in.
    pub async fn sign_in(&self, client: &Client) -> Result<Session> {
        self.sign_in_from(client, None).await
    }

    /// Signs in as if through a proxy, for this address, if there is one.
    pub async fn sign_in_from(&self, client: &Client, address: Option<String>) -> Result<Session> {
        let login = self.login().from_address(address);
        Session::of(&client.expect(200, login).await?)
    }

    /// The request that signs in.
    pub fn login(&self) -> Request {
        self.login_with(PASSWORD)
    }

    /// The request that would sign in if the password were right.
    pub fn login_with(&self, password: &str) -> Request {
        Request::post(
            "/auth/login",
            json!({ "email": self.email, "password": password }),
        )
    }

    /// The address of the account.
    pub fn email(&self) -> &str {
        &self.email
    }

    /// The request that sets the password to what it is, and ends all sessions but the one that asks.
    pub fn set_password(&self) -> Request {
        let body = json!({ "currentPassword": PASSWORD, "newPassword": PASSWORD });
        Request::post("/users/me/password", body)
    }

    /// A request that would make an account with this email, spelled in another way, or with one of its own when it
    /// has a number.
    pub fn register_another(&self, number: Option<u64>) -> Request {
        let email = match number {
            Some(number) => format!("{number}-{}", self.email),
            None => self.email.to_uppercase(),
        };
        let body = json!({ "email": email, "password": PASSWORD });
        Request::post("/auth/register", body)
    }

    /// One of the learner's words.
    pub fn word(&self, number: u32) -> String {
        format!("l{}-{number}", self.number)
    }
}

impl Session {
    /// The session that an answer to register, login or refresh leaves.
    pub fn of(answer: &Answer) -> Result<Self> {
        let access = answer.json()?["data"]["accessToken"].as_str().map(str::to_owned);
        Ok(Self {
            access: access.context("no access token")?,
            refresh: answer.refresh_token()?,
        })
    }

    /// The request that exchanges the refresh token.
    pub fn exchange(&self) -> Request {
        Request::new(reqwest::Method::POST, "/auth/refresh").refresh_token(&self.refresh)
    }

    /// The request that ends the session.
    pub fn logout(&self) -> Request {
        Request::new(reqwest::Method::POST, "/auth/logout").refresh_token(&self.refresh)
    }

    /// The request that asks who is signed in.
    pub fn me(&self) -> Request {
        Request::get("/auth/me").token(&self.access)
    }
}

/// Whose account an answer shows.
fn user_id(body: &Value) -> Result<String> {
    let id = body["data"]["user"]["id"].as_str();
    Ok(id.context("no user in the answer")?.to_owned())
}
