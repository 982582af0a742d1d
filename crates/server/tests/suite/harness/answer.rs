//! An answer, read to its end, and what every error must look like.

use reqwest::header::HeaderMap;
use serde_json::Value;

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Reads a response to its end.
    pub(crate) async fn read(response: reqwest::Response) -> Self {
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.bytes().await.unwrap().to_vec(),
        }
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!("{error}: {self:?}"),
        }
    }

    /// The value of a header that may be there once.
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let first = values.next().map(|value| value.to_str().unwrap());
        assert!(
            values.next().is_none(),
            "{name} is there twice: {:?}",
            self.headers
        );
        first
    }

    /// The whole `Set-Cookie` of a cookie.
    pub(crate) fn set_cookie(&self, name: &str) -> Option<String> {
        let values = self.headers.get_all("set-cookie").iter();
        let mut values = values.map(|value| value.to_str().unwrap());
        let found = values.find(|value| value.split('=').next() == Some(name));
        found.map(str::to_owned)
    }

    /// The value of a cookie that was set.
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        let cookie = self.set_cookie(name)?;
        let value = cookie.split(';').next()?.split_once('=')?.1;
        Some(value.to_owned())
    }

    /// The answer, if it has this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self
    }
}

/// Asserts that an answer is an error of this status and code, in every member of its shape; gives its `details`.
#[track_caller]
pub(crate) fn assert_problem(answer: &Answer, status: u16, code: &str) -> Value {
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (status, Some("application/problem+json")),
        "{}",
        String::from_utf8_lossy(&answer.body)
    );
    let body = answer.json();
    assert_eq!(body["code"], code, "{body}");
    assert_eq!(body["status"], status, "{body}");
    assert!(
        body["type"]
            .as_str()
            .unwrap()
            .ends_with(&format!("/errors/{code}")),
        "{body}"
    );
    assert!(!body["title"].as_str().unwrap().is_empty(), "{body}");
    assert!(!body["error"].as_str().unwrap().is_empty(), "{body}");
    assert_eq!(body["message"], body["error"], "{body}");
    assert_eq!(
        body["requestId"].as_str(),
        answer.header("x-request-id"),
        "{body}"
    );
    assert!(body["requestId"].is_string(), "{body}");
    let details = body
        .get("details")
        .unwrap_or_else(|| panic!("no details in {body}"));
    if code == "VALIDATION_FAILED" {
        let fields = details["fields"].as_array().unwrap();
        assert!(!fields.is_empty(), "{body}");
        for field in fields {
            for member in ["field", "message", "code"] {
                assert!(field[member].is_string(), "{body}");
            }
        }
    }
    details.clone()
}
