//! A browser before which somebody sits: it keeps cookies and goes where it is sent, one step at a time.

use std::collections::BTreeMap;

use parlance_server::settings::IdentityProviderSettings;
use parlance_testbed::FakeOpenId;
use reqwest::header::LOCATION;
use reqwest::{Client, Method, redirect};
use url::Url;

use super::{Answer, Builder, TestApp, TestUser};

/// Where the pages of the front end are.
pub(crate) const FRONT_END: &str = "http://localhost:5173/start";

/// A browser.
pub(crate) struct Browser {
    client: Client,
    base: String,
    cookies: BTreeMap<String, String>,
}

impl Builder {
    /// Lets people sign in with these providers, by these names.
    pub(crate) fn providers(self, providers: &[(&str, &FakeOpenId)]) -> Self {
        let providers = providers.iter().map(|(id, openid)| IdentityProviderSettings {
            id: id.parse().unwrap(),
            name: format!("The {id}"),
            issuer: openid.issuer(),
            client_id: FakeOpenId::CLIENT_ID.to_owned(),
            client_secret: Some(FakeOpenId::CLIENT_SECRET.into()),
        });
        let providers = providers.collect();
        self.with(|settings| {
            settings.federation.providers = providers;
            settings.federation.api_url = "https://api.example.com".to_owned();
        })
    }
}

impl TestApp {
    /// A browser that was never here.
    pub(crate) fn browser(&self) -> Browser {
        Browser::at(self.url(""))
    }
}

/// Where a browser was sent.
pub(crate) fn sent_to(answer: &Answer) -> Url {
    let place = answer.header("location");
    let place = place.unwrap_or_else(|| panic!("{} {}", answer.status, answer.text()));
    place.parse().unwrap()
}

/// What a parameter of the query says.
pub(crate) fn parameter(url: &Url, name: &str) -> Option<String> {
    let mut pairs = url.query_pairs();
    let found = pairs.find(|(other, _)| other == name);
    found.map(|(_, value)| value.into_owned())
}

impl Browser {
    /// One that talks to the server of this base.
    pub(crate) fn at(base: String) -> Self {
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        Self {
            client,
            base,
            cookies: BTreeMap::new(),
        }
    }

    /// The value of a cookie that it holds.
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.get(name).map(String::as_str)
    }

    /// Takes a cookie from it.
    pub(crate) fn forget(&mut self, name: &str) {
        self.cookies.remove(name);
    }

    /// Gives it a cookie.
    pub(crate) fn give(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.to_owned(), value.to_owned());
    }

    /// Asks for a path of the server, with its cookies.
    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(Method::GET, path).await
    }

    async fn send(&mut self, method: Method, path: &str) -> Answer {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let request = self.client.request(method, format!("{}{path}", self.base));
        let request = request.header("cookie", cookies.join("; "));
        let answer = Answer::read(request.send().await.unwrap()).await;
        self.take_cookies(&answer);
        answer
    }

    /// Keeps what an answer sets.
    pub(crate) fn take_cookies(&mut self, answer: &Answer) {
        for header in answer.headers.get_all("set-cookie") {
            let header = header.to_str().unwrap();
            let (name, value) = header.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }

    /// Begins to sign in: where it is sent.
    pub(crate) async fn begin(&mut self, provider: &str) -> Url {
        let path = format!("/api/v1/auth/providers/{provider}/authorize?returnTo={FRONT_END}");
        sent_to(&self.get(&path).await.expect(302))
    }

    /// Signs in at a provider: where it is sent back to, as a path of the server.
    pub(crate) async fn visit(&self, place: &Url) -> String {
        let response = self.client.get(place.clone()).send().await.unwrap();
        assert_eq!(response.status(), 302, "{place}");
        let back = response.headers()[LOCATION].to_str().unwrap();
        let back = back.strip_prefix("https://api.example.com").unwrap_or(back);
        back.to_owned()
    }

    /// Signs in: what the server answers in the end.
    pub(crate) async fn sign_in(&mut self, provider: &str) -> Answer {
        let place = self.begin(provider).await;
        let back = self.visit(&place).await;
        self.get(&back).await.expect(302)
    }

    /// Signs in, and fails with this code at the front end's page.
    pub(crate) async fn is_refused(&mut self, provider: &str, code: &str) {
        let answer = self.sign_in(provider).await;
        assert_refused(&answer, code);
    }

    /// Who is signed in by now, once the page asked for an access token.
    pub(crate) async fn user(&mut self, app: &TestApp, email: &str) -> TestUser {
        let refreshed = self.send(Method::POST, "/api/v1/auth/refresh").await.expect(200);
        let token = refreshed.json()["data"]["accessToken"]
            .as_str()
            .unwrap()
            .to_owned();
        let me = app.request(Method::GET, "/api/v1/auth/me").bearer_auth(&token);
        let mut body = app.send(me).await.expect(200).json();
        body["data"]["accessToken"] = token.into();
        let answer = Answer {
            body: serde_json::to_vec(&body).unwrap(),
            ..refreshed
        };
        app.user_of(email, &answer)
    }
}

/// Asserts that a browser was sent to the front end's page with this code and nothing that lets anybody in.
#[track_caller]
pub(crate) fn assert_refused(answer: &Answer, code: &str) {
    let page = sent_to(answer);
    assert_eq!(parameter(&page, "error").as_deref(), Some(code), "{page}");
    assert_eq!(answer.cookie("refreshToken"), None, "{page}");
    assert!(page.as_str().starts_with("http://localhost"), "{page}");
}
