//! What a provider is asked and believed, against one on this machine that misbehaves as it is told.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use parlance_domain::accounts::{
    AuthorizationRequest, CodeGrant, ExchangeError, IdentityClaims, IdentityProvider,
};
use parlance_domain::providers::{ProviderError, ProviderErrorKind};
use parlance_domain::time::{Clock, Timestamp};
use parlance_oidc::{OidcConfig, OidcProvider, Timeouts};
use parlance_testbed::{FakeOpenId, OpenIdBehaviour, OpenIdPerson};
use url::Url;

const DISCOVERY: &str = "/.well-known/openid-configuration";

/// The machine's own time, by which the other side signs.
struct Now;

impl Clock for Now {
    fn now(&self) -> Timestamp {
        std::time::SystemTime::now().into()
    }
}

fn config(openid: &FakeOpenId) -> OidcConfig {
    OidcConfig {
        id: "company".parse().unwrap(),
        name: "The Company".to_owned(),
        issuer: openid.issuer(),
        client_id: FakeOpenId::CLIENT_ID.to_owned(),
        client_secret: Some(FakeOpenId::CLIENT_SECRET.into()),
        redirect_url: "https://api.example.com/callback".to_owned(),
        timeouts: Timeouts::default(),
    }
}

/// One that is not waited for long.
fn impatient(openid: &FakeOpenId) -> OidcProvider {
    let timeouts = Timeouts {
        connect: Duration::from_secs(1),
        request: Duration::from_secs(1),
        overall: Duration::from_secs(2),
    };
    let config = OidcConfig {
        timeouts,
        ..config(openid)
    };
    OidcProvider::new(config, Arc::new(Now)).unwrap()
}

fn provider(openid: &FakeOpenId) -> OidcProvider {
    OidcProvider::new(config(openid), Arc::new(Now)).unwrap()
}

fn request() -> AuthorizationRequest {
    AuthorizationRequest {
        state: "state".into(),
        nonce: "nonce".into(),
        verifier: "a-verifier-of-at-least-43-characters-of-its-own".into(),
    }
}

/// Signs in at the provider, as a browser does, and brings the code.
async fn grant(provider: &OidcProvider) -> CodeGrant {
    let place = provider.authorization_url(&request()).await.unwrap();
    let place: Url = place.parse().unwrap();
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .unwrap();
    let answer = client.get(place).send().await.unwrap();
    let back: Url = answer.headers()["location"].to_str().unwrap().parse().unwrap();
    let of = |name: &str| {
        let found = back.query_pairs().find(|(other, _)| other == name);
        found.map(|(_, value)| value.into_owned())
    };
    CodeGrant {
        code: of("code").unwrap().into(),
        issuer: of("iss"),
        nonce: request().nonce,
        verifier: request().verifier,
    }
}

async fn identify(provider: &OidcProvider) -> Result<IdentityClaims, ExchangeError> {
    provider.exchange(&grant(provider).await).await
}

fn kind(outcome: Result<IdentityClaims, ExchangeError>) -> Option<ProviderErrorKind> {
    match outcome.unwrap_err() {
        ExchangeError::Provider(ProviderError { kind, .. }) => Some(kind),
        ExchangeError::Refused(_) => None,
    }
}

#[tokio::test]
async fn somebody_is_identified_by_what_the_token_says() {
    let openid = FakeOpenId::start().unwrap();
    let provider = provider(&openid);
    let claims = identify(&provider).await.unwrap();
    assert_eq!(claims.issuer, openid.issuer());
    assert_eq!(claims.subject.as_str(), "person-1");
    assert_eq!(claims.proven_email().unwrap().as_str(), "ann@example.com");
    assert_eq!(claims.name.unwrap().as_str(), "Ann Example");
    // Some say it as a text.
    openid.is_visited_by(OpenIdPerson {
        email_verified: Some("true".into()),
        ..OpenIdPerson::new("person-2", "bob@example.com")
    });
    assert!(identify(&provider).await.unwrap().email_verified);
}

#[tokio::test]
async fn threat_19_a_provider_that_hangs_costs_no_more_than_its_time() {
    let openid = FakeOpenId::start().unwrap();
    let provider = impatient(&openid);
    let began = Instant::now();
    openid.next_discovery(OpenIdBehaviour::Hang);
    let asked = provider.authorization_url(&request()).await;
    assert_eq!(asked.unwrap_err().kind, ProviderErrorKind::Timeout);
    // Whoever comes then does not wait.
    for _ in 0..10 {
        assert!(provider.authorization_url(&request()).await.is_err());
    }
    assert_eq!(openid.calls(DISCOVERY), 1);
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn threat_19_a_token_that_does_not_come_is_not_waited_for() {
    let openid = FakeOpenId::start().unwrap();
    let provider = impatient(&openid);
    openid.next(OpenIdBehaviour::Hang);
    assert_eq!(kind(identify(&provider).await), Some(ProviderErrorKind::Timeout));
    openid.next(OpenIdBehaviour::Endless);
    assert_eq!(kind(identify(&provider).await), Some(ProviderErrorKind::Invalid));
    openid.next(OpenIdBehaviour::Status(500));
    assert_eq!(
        kind(identify(&provider).await),
        Some(ProviderErrorKind::Unavailable)
    );
}

#[tokio::test]
async fn a_secret_that_is_wrong_is_told_from_a_code_that_is() {
    let openid = FakeOpenId::start().unwrap();
    let wrong = OidcConfig {
        client_secret: Some("another".into()),
        ..config(&openid)
    };
    let wrong = OidcProvider::new(wrong, Arc::new(Now)).unwrap();
    assert_eq!(
        kind(identify(&wrong).await),
        Some(ProviderErrorKind::Unauthorized)
    );
    let provider = provider(&openid);
    let grant = CodeGrant {
        verifier: "another-verifier-of-at-least-43-characters-or-more".into(),
        ..grant(&provider).await
    };
    assert_eq!(kind(provider.exchange(&grant).await), None);
    assert!(!format!("{provider:?} {:?}", config(&openid)).contains(FakeOpenId::CLIENT_SECRET));
}

#[tokio::test]
async fn threat_73_what_a_provider_says_is_in_no_error() {
    let openid = FakeOpenId::start().unwrap();
    let provider = provider(&openid);
    for behaviour in [
        OpenIdBehaviour::WrongNonce,
        OpenIdBehaviour::OtherIssuer("https://evil-issuer.example".to_owned()),
        OpenIdBehaviour::OtherAudience,
        OpenIdBehaviour::Expired,
    ] {
        openid.next(behaviour);
        let error = identify(&provider).await.unwrap_err();
        let text = format!("{error:?} {error}");
        for canary in ["evil-issuer", "somebody-else", "person-1", "ann@", "access-token"] {
            assert!(!text.contains(canary), "{text}");
        }
    }
}

#[tokio::test]
async fn many_who_come_at_once_ask_once_where_the_provider_is() {
    let openid = FakeOpenId::start().unwrap();
    let provider = Arc::new(provider(&openid));
    let request = request();
    let asked = (0..32).map(|_| provider.authorization_url(&request));
    for url in futures_util::future::join_all(asked).await {
        url.unwrap();
    }
    assert_eq!((openid.calls(DISCOVERY), openid.calls("/jwks")), (1, 1));
}
