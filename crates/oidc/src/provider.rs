//! A provider of identities by `OpenID Connect` Core 1.0, with codes and PKCE.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use openidconnect::core::{
    CoreAuthenticationFlow, CoreGenderClaim, CoreIdToken, CoreIdTokenClaims, CoreIdTokenVerifier,
    CoreJwsSigningAlgorithm,
};
use openidconnect::{
    AccessToken, AccessTokenHash, AuthorizationCode, ClaimsVerificationError, CsrfToken,
    EmptyAdditionalClaims, IdTokenClaims, IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, Scope, SignatureVerificationError, TokenResponse,
};
use parlance_domain::accounts::{
    AuthorizationRequest, CodeGrant, DisplayName, Email, ExchangeError, IdentityClaims, IdentityProvider,
    ProviderId,
};
use parlance_domain::providers::{ProviderError, ProviderErrorKind};
use parlance_domain::time::Clock;
use secrecy::ExposeSecret;
use tokio::time::timeout;

use crate::config::{OidcConfig, OidcConfigError, Timeouts, is_here, is_issuer};
use crate::failure::{self, of_token, refused};
use crate::http::{Http, HttpFailure};
use crate::known::{Knowledge, Known};

/// How far the clock of a provider may be ahead.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::minutes(5);

/// With what tokens may be signed: keys of two halves alone, never the secret that both sides know.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// A provider that is found by its issuer (`OpenID Connect` Discovery 1.0).
pub struct OidcProvider {
    id: ProviderId,
    name: String,
    issuer: String,
    timeouts: Timeouts,
    http: Http,
    clock: Arc<dyn Clock>,
    knowledge: Knowledge,
}

impl OidcProvider {
    /// Checks what was said, without asking anybody.
    pub fn new(config: OidcConfig, clock: Arc<dyn Clock>) -> Result<Self, OidcConfigError> {
        let issuer = Some(config.issuer.clone()).filter(|issuer| is_issuer(issuer));
        let issuer = issuer.and_then(|issuer| IssuerUrl::new(issuer).ok());
        let issuer = issuer.ok_or(OidcConfigError::Issuer)?;
        let redirect = RedirectUrl::new(config.redirect_url.clone());
        let redirect = redirect.map_err(|_| OidcConfigError::Redirect)?;
        let http = Http::new(config.timeouts, is_here(&config.issuer))?;
        Ok(Self {
            id: config.id.clone(),
            name: config.name.clone(),
            issuer: config.issuer.clone(),
            timeouts: config.timeouts,
            http: http.clone(),
            knowledge: Knowledge::new(config, issuer, redirect, http, Arc::clone(&clock)),
            clock,
        })
    }

    /// Does something, but not for ever.
    async fn within<T, E: From<ProviderError>>(
        &self,
        doing: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let done = timeout(self.timeouts.overall, doing).await;
        done.unwrap_or_else(|_| Err(failure::of_http(HttpFailure::Timeout).into()))
    }

    async fn claims(&self, grant: &CodeGrant) -> Result<IdentityClaims, ExchangeError> {
        let known = self.knowledge.current().await?;
        if known.names_itself && grant.issuer.is_none() {
            return Err(refused(
                "the provider says with each code that it is its own, and did not",
            ));
        }
        let (token, access) = self.tokens(&known, grant).await?;
        let nonce = Nonce::new(grant.nonce.expose_secret().to_owned());
        let claims = match self.verify(&known, &token, &nonce, &access) {
            Err(Unverified::UnknownKey) => {
                let newer = self.knowledge.newer_than(&known).await?;
                self.verify(&newer, &token, &nonce, &access)
            }
            verified => verified,
        };
        let claims = claims.map_err(|because| refused(because.to_string()))?;
        read(&claims)
    }

    /// Exchanges the code.
    async fn tokens(
        &self,
        known: &Known,
        grant: &CodeGrant,
    ) -> Result<(CoreIdToken, AccessToken), ExchangeError> {
        let code = AuthorizationCode::new(grant.code.expose_secret().to_owned());
        let request = known.client.exchange_code(code);
        let request = request.map_err(|_| failure::error(ProviderErrorKind::Invalid))?;
        let verifier = PkceCodeVerifier::new(grant.verifier.expose_secret().to_owned());
        let answer = request.set_pkce_verifier(verifier).request_async(&self.http);
        let answer = answer.await.map_err(of_token)?;
        let token = answer.id_token().cloned();
        let token = token.ok_or_else(|| refused("the provider gave no id token"))?;
        Ok((token, answer.access_token().clone()))
    }

    /// The claims of a token, once everything about it is right.
    fn verify(
        &self,
        known: &Known,
        token: &CoreIdToken,
        nonce: &Nonce,
        access: &AccessToken,
    ) -> Result<CoreIdTokenClaims, Unverified> {
        let now = self.clock.now();
        let verifier: CoreIdTokenVerifier<'_> = known
            .client
            .id_token_verifier()
            .set_allowed_algs(ALGORITHMS)
            .set_time_fn(move || now)
            .set_issue_time_verifier_fn(move |at| is_past(at, now));
        let claims = token.claims(&verifier, nonce).map_err(|error| match error {
            // A provider may give a new key no name, or the name of the former.
            ClaimsVerificationError::SignatureVerification(
                SignatureVerificationError::NoMatchingKey
                | SignatureVerificationError::AmbiguousKeyId(_)
                | SignatureVerificationError::CryptoError(_),
            ) => Unverified::UnknownKey,
            error => Unverified::Wrong(reason(&error)),
        })?;
        let Some(expected) = claims.access_token_hash() else {
            return Ok(claims.clone());
        };
        let algorithm = token
            .signing_alg()
            .map_err(|_| Unverified::Wrong("the signature"))?;
        let key = token
            .signing_key(&verifier)
            .map_err(|_| Unverified::Wrong("the signature"))?;
        let actual = AccessTokenHash::from_token(access, algorithm, key);
        match actual {
            Ok(actual) if actual == *expected => Ok(claims.clone()),
            _ => Err(Unverified::Wrong("the hash of the access token")),
        }
    }
}

/// Why a token is not believed.
#[derive(Debug, thiserror::Error)]
enum Unverified {
    /// By a key that was not there when the keys were read.
    #[error("no key of the provider signed the token")]
    UnknownKey,
    /// This of it is not as it must be.
    #[error("{0} of the token is wrong")]
    Wrong(&'static str),
}

/// What is wrong; the texts of the library hold what the token says.
fn reason(error: &ClaimsVerificationError) -> &'static str {
    match error {
        ClaimsVerificationError::Expired(_) => "the lifetime",
        ClaimsVerificationError::InvalidAudience(_) => "the audience",
        ClaimsVerificationError::InvalidIssuer(_) => "the issuer",
        ClaimsVerificationError::InvalidNonce(_) => "the nonce",
        ClaimsVerificationError::SignatureVerification(_) => "the signature",
        _ => "the form",
    }
}

fn is_past(at: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), String> {
    if at <= now + CLOCKS_DIFFER {
        Ok(())
    } else {
        Err("the token is of the future".to_owned())
    }
}

/// What the claims say in words of the domain; an address or a name that is none is as if there were none.
fn read(
    claims: &IdTokenClaims<EmptyAdditionalClaims, CoreGenderClaim>,
) -> Result<IdentityClaims, ExchangeError> {
    let subject = claims.subject().as_str().parse();
    let email = claims
        .email()
        .and_then(|email| email.as_str().parse::<Email>().ok());
    let name = claims.name().and_then(|names| names.get(None));
    Ok(IdentityClaims {
        issuer: claims.issuer().as_str().to_owned(),
        subject: subject.map_err(|_| refused("the subject of the token is none"))?,
        email,
        email_verified: claims.email_verified().unwrap_or(false),
        name: name.and_then(|name| name.as_str().parse::<DisplayName>().ok()),
    })
}

#[async_trait]
impl IdentityProvider for OidcProvider {
    fn id(&self) -> &ProviderId {
        &self.id
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn issuer(&self) -> &str {
        &self.issuer
    }

    async fn authorization_url(&self, request: &AuthorizationRequest) -> Result<String, ProviderError> {
        let known = self.within(self.knowledge.current()).await?;
        let state = CsrfToken::new(request.state.expose_secret().to_owned());
        let nonce = Nonce::new(request.nonce.expose_secret().to_owned());
        let verifier = PkceCodeVerifier::new(request.verifier.expose_secret().to_owned());
        let flow = CoreAuthenticationFlow::AuthorizationCode;
        let (url, _, _) = known
            .client
            .authorize_url(flow, move || state, move || nonce)
            .add_scope(Scope::new("email".to_owned()))
            .add_scope(Scope::new("profile".to_owned()))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
            .url();
        Ok(url.into())
    }

    async fn exchange(&self, grant: &CodeGrant) -> Result<IdentityClaims, ExchangeError> {
        self.within(self.claims(grant)).await
    }
}

impl fmt::Debug for OidcProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OidcProvider")
            .field("id", &self.id)
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}
