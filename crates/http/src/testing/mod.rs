//! The whole face over stand-ins, for tests of its routes.

mod absent;
mod kept;
mod provider;

use std::sync::Arc;

use actix_http::Request;
use actix_web::Error;
use actix_web::body::{MessageBody, to_bytes};
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap};
use actix_web::test::{TestRequest, init_service};
use bytes::Bytes;
use chrono::TimeDelta;
use parlance_contract::fakes::{PlainHasher, SequentialIds, TestClock};
use parlance_domain::accounts::{
    Accounts, ApiKeyPorts, ApiKeys, AuthorizationTokens, Challenges, CredentialPorts, Credentials,
    DeviceTokens, Federation, FederationPorts, LockoutPolicy, LockoutPorts, Lockouts, OneTimeSecrets,
    PasskeyPorts, Passkeys, PasswordPolicy, RefreshTokens, Roles, SecondFactorChecks, SecondFactorPorts,
    SecondFactors, SecretTokens, SessionPolicy, SessionPorts, Sessions,
};
use parlance_domain::admin::{Administration, AdministrationPorts};
use parlance_domain::audit::{AuditChain, AuditLog};
use parlance_domain::consequences::Recorder;
use parlance_domain::conversations::{ConversationPorts, Conversations};
use parlance_domain::personal::{PersonalData, PersonalDataPorts};
use parlance_domain::progress::Progress;
use parlance_domain::providers::OwnKeys;
use parlance_domain::settings::{ProviderKeys, UserSettings};
use parlance_domain::speech::{Speech, SpeechPorts};
use parlance_domain::spending::{Allowance, AllowancePolicy, Caps};
use parlance_domain::words::Words;
use secrecy::SecretString;
use serde_json::Value;

use self::absent::{Absent, Names};
use self::kept::{Answering, AudioShelf, Counting, Keys, Purse};
use self::provider::Provider;
use crate::state::{AppState, Draining, HttpConfig, HttpServices, State};

/// Everything that a test may look at or change.
pub(crate) struct Stage {
    pub(crate) provider: Arc<Provider>,
    pub(crate) audio: Arc<AudioShelf>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) state: State,
}

/// An answer, received.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answered {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap().to_owned()
    }

    pub(crate) fn fields(&self) -> Vec<String> {
        let problem = self.json();
        let fields = problem["details"]["fields"].as_array().unwrap();
        fields
            .iter()
            .map(|field| field["field"].as_str().unwrap().to_owned())
            .collect()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// How many characters may be made into speech in a day on a stage, and how many tokens read and written.
const CHARACTERS: Caps = Caps { user: 3_000, all: 0 };
const TOKENS: Caps = Caps {
    user: 1_000_000,
    all: 0,
};

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut HttpConfig)) -> Self {
        let mut config = HttpConfig::development();
        config.limits.default.quota = 0;
        config.limits.ai.quota = 3;
        change(&mut config);
        let (provider, audio, keys) = (Arc::default(), Arc::default(), Arc::default());
        let (answers, clock) = (Arc::<Answering>::default(), Arc::<TestClock>::default());
        let services = services(&config, &provider, &audio, &answers, &keys, &clock);
        Self {
            state: AppState::new(services, config).await,
            provider,
            audio,
            keys,
        }
    }

    /// Sends a request of the first user.
    pub(crate) async fn send(&self, request: TestRequest) -> Answered {
        self.send_as("user-1", request).await
    }

    /// Sends a request with this token.
    pub(crate) async fn send_as(&self, token: &str, request: TestRequest) -> Answered {
        let bearer = format!("Bearer {token}");
        self.send_plain(request.insert_header((header::AUTHORIZATION, bearer)))
            .await
    }

    /// Sends a request as it is.
    pub(crate) async fn send_plain(&self, request: TestRequest) -> Answered {
        let app = init_service(crate::app(self.state.clone())).await;
        received(&app, request.to_request()).await
    }

    /// Posts JSON as the first user.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answered {
        self.send(TestRequest::post().uri(path).set_json(body)).await
    }

    /// Posts JSON of which every bad field is to be named: these, in the order of the alphabet.
    pub(crate) async fn refuses(&self, path: &str, body: &Value, fields: &[&str]) {
        let answer = self.post(path, body).await;
        assert_eq!(answer.code(), "VALIDATION_FAILED", "{body}");
        let mut named = answer.fields();
        named.sort();
        assert_eq!(named, fields, "{body}");
    }
}

async fn received<S, B>(app: &S, request: Request) -> Answered
where
    S: Service<Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody + 'static,
{
    let response = match app.call(request).await {
        Ok(response) => {
            let (_, response) = response.into_parts();
            response.map_into_boxed_body()
        }
        Err(error) => error.error_response(),
    };
    let (response, body) = response.into_parts();
    Answered {
        status: response.status(),
        headers: response.headers().clone(),
        body: to_bytes(body).await.unwrap_or_default(),
    }
}

/// What a new password must be.
const PASSWORDS: PasswordPolicy = PasswordPolicy { refuses_known: true };

fn credential_ports(
    clock: &Arc<TestClock>,
    sessions: &Arc<Sessions>,
    limiter: &Arc<Counting>,
) -> CredentialPorts {
    CredentialPorts {
        accounts: Arc::new(Absent),
        sessions: sessions.clone(),
        secrets: secrets(clock),
        lockouts: lockouts(clock),
        hasher: Arc::new(PlainHasher::default()),
        limiter: limiter.clone(),
        clock: clock.clone(),
        ids: Arc::new(SequentialIds::default()),
    }
}

fn provider_keys(clock: &Arc<TestClock>) -> Arc<ProviderKeys> {
    let ids = Arc::new(SequentialIds::default());
    Arc::new(ProviderKeys::new(
        Arc::new(Absent),
        Arc::new(Absent),
        Arc::new(Absent),
        clock.clone(),
        ids,
    ))
}

fn services(
    config: &HttpConfig,
    provider: &Arc<Provider>,
    audio: &Arc<AudioShelf>,
    answers: &Arc<Answering>,
    keys: &Arc<Keys>,
    clock: &Arc<TestClock>,
) -> HttpServices {
    let limiter = Arc::new(Counting::default());
    let policy = AllowancePolicy {
        limit: config.limits.ai,
        characters: CHARACTERS,
        tokens: TOKENS,
    };
    let allowance = Allowance::new(Arc::new(Purse::default()), limiter.clone(), clock.clone(), policy);
    let allowance = Arc::new(allowance);
    let provider_keys = provider_keys(clock);
    let own = Arc::new(OwnKeys::new(provider_keys.clone(), Arc::new(Absent)));
    let speech = Speech::new(SpeechPorts {
        synthesizer: provider.clone(),
        recognizer: provider.clone(),
        audio: audio.clone(),
        answers: answers.clone(),
        allowance: allowance.clone(),
        own: own.clone(),
        clock: clock.clone(),
    });
    let ports = ConversationPorts {
        writer: provider.clone(),
        words: Arc::new(Absent),
        answers: answers.clone(),
        allowance,
        own,
        clock: clock.clone(),
    };
    let sessions = sessions(clock);
    let second_factors = Arc::new(SecondFactors::new(
        sessions.clone(),
        Arc::new(Absent),
        "Parlance".to_owned(),
    ));
    HttpServices {
        accounts: Arc::new(Accounts::new(
            Arc::new(Absent),
            Arc::new(PlainHasher::default()),
            sessions.clone(),
            secrets(clock),
            PASSWORDS,
            clock.clone(),
            Arc::new(SequentialIds::default()),
        )),
        credentials: Arc::new(Credentials::new(
            credential_ports(clock, &sessions, &limiter),
            PASSWORDS,
        )),
        api_keys: Arc::new(ApiKeys::new(ApiKeyPorts {
            keys: Arc::new(Absent),
            accounts: Arc::new(Absent),
            secrets: Arc::new(Absent),
            clock: clock.clone(),
            ids: Arc::new(SequentialIds::default()),
        })),
        administration: Arc::new(Administration::new(
            administration_ports(clock),
            sessions.clone(),
            lockouts(clock),
            second_factors.clone(),
        )),
        passkeys: Arc::new(Passkeys::new(passkey_ports(clock, &sessions))),
        federation: Arc::new(federation(clock, &sessions, &limiter)),
        personal_data: Arc::new(PersonalData::new(personal_data_ports(clock, &sessions))),
        sessions,
        second_factors,
        audit: Arc::new(audit_log(clock)),
        words: Arc::new(Words::new(Arc::new(Absent))),
        progress: Arc::new(Progress::new(
            Arc::new(Absent),
            Arc::new(Absent),
            Arc::new(Absent),
            Arc::new(Absent),
            clock.clone(),
            Arc::new(SequentialIds::default()),
        )),
        settings: Arc::new(UserSettings::new(
            Arc::new(Absent),
            clock.clone(),
            Arc::new(SequentialIds::default()),
        )),
        provider_keys,
        conversations: Conversations::new(ports, speech.clone()),
        speech,
        idempotency: keys.clone(),
        answers: answers.clone(),
        limiter,
        clock: clock.clone(),
        ids: Arc::new(SequentialIds::default()),
        database: Arc::new(Absent),
        shared: None,
        object_store: Some(audio.clone()),
        circuits: Vec::new(),
        gauges: Vec::new(),
        draining: Draining::default(),
    }
}

fn secrets(clock: &Arc<TestClock>) -> OneTimeSecrets {
    let tokens = SecretTokens::new(&SecretString::from("0123456789abcdef0123456789abcdef"));
    let ids = Arc::new(SequentialIds::default());
    OneTimeSecrets::new(Arc::new(Absent), Arc::new(tokens), clock.clone(), ids)
}

fn federation(clock: &Arc<TestClock>, sessions: &Arc<Sessions>, limiter: &Arc<Counting>) -> Federation {
    let ports = FederationPorts {
        providers: Vec::new(),
        identities: Arc::new(Absent),
        authorizations: Arc::new(Absent),
        accounts: Arc::new(Absent),
        sessions: Arc::clone(sessions),
        secrets: secrets(clock),
        limiter: limiter.clone(),
        randomness: Arc::new(Absent),
        clock: clock.clone(),
        ids: Arc::new(SequentialIds::default()),
    };
    let secret = SecretString::from("0123456789abcdef0123456789abcdef");
    Federation::new(ports, AuthorizationTokens::new(&secret))
}

fn lockouts(clock: &Arc<TestClock>) -> Arc<Lockouts> {
    let ports = LockoutPorts {
        lockouts: Arc::new(Absent),
        accounts: Arc::new(Absent),
        secrets: secrets(clock),
        clock: clock.clone(),
        ids: Arc::new(SequentialIds::default()),
    };
    let policy = LockoutPolicy {
        attempts: 10,
        lock: TimeDelta::minutes(30),
        address_attempts: 100,
    };
    Arc::new(Lockouts::new(ports, policy))
}

fn second_factor_checks(clock: &Arc<TestClock>) -> SecondFactorChecks {
    let ports = SecondFactorPorts {
        store: Arc::new(Absent),
        sealer: Arc::new(Absent),
        clock: clock.clone(),
        ids: Arc::new(SequentialIds::default()),
    };
    SecondFactorChecks::new(ports, Roles::new())
}

fn administration_ports(clock: &Arc<TestClock>) -> AdministrationPorts {
    AdministrationPorts {
        accounts: Arc::new(Absent),
        sessions: Arc::new(Absent),
        directory: Arc::new(Absent),
        audit: Arc::new(Absent),
        clock: clock.clone(),
        ids: Arc::new(SequentialIds::default()),
    }
}

fn passkey_ports(clock: &Arc<TestClock>, sessions: &Arc<Sessions>) -> PasskeyPorts {
    PasskeyPorts {
        sessions: Arc::clone(sessions),
        passkeys: Arc::new(Absent),
        ceremonies: None,
        clock: clock.clone(),
        ids: Arc::new(SequentialIds::default()),
    }
}

fn personal_data_ports(clock: &Arc<TestClock>, sessions: &Arc<Sessions>) -> PersonalDataPorts {
    PersonalDataPorts {
        accounts: Arc::new(Absent),
        sessions: Arc::clone(sessions),
        secrets: secrets(clock),
        exports: Arc::new(Absent),
        files: Arc::new(Absent),
        audit: Arc::new(Absent),
        clock: clock.clone(),
        ids: Arc::new(SequentialIds::default()),
    }
}

fn audit_log(clock: &Arc<TestClock>) -> AuditLog {
    let secret = SecretString::from("0123456789abcdef0123456789abcdef");
    let recorder = Recorder::new(clock.clone(), Arc::new(SequentialIds::default()));
    let chain = AuditChain::new(&secret, &[]);
    AuditLog::new(
        Arc::new(Absent),
        chain,
        TimeDelta::days(365),
        recorder,
        clock.clone(),
    )
}

fn sessions(clock: &Arc<TestClock>) -> Arc<Sessions> {
    let ports = SessionPorts {
        audit: Arc::new(Absent),
        devices: Arc::new(Absent),
        lockouts: lockouts(clock),
        second_factors: second_factor_checks(clock),
        accounts: Arc::new(Absent),
        sessions: Arc::new(Absent),
        hasher: Arc::new(PlainHasher::default()),
        access_tokens: Arc::new(Names),
        revoked: Arc::new(Absent),
        pubsub: Arc::new(Absent),
        clock: clock.clone(),
        ids: Arc::new(SequentialIds::default()),
    };
    let policy = SessionPolicy {
        access_lifetime: TimeDelta::minutes(15),
        refresh_lifetime: TimeDelta::days(7),
        refresh_grace: TimeDelta::seconds(10),
        longest: TimeDelta::days(365),
    };
    let secret = SecretString::from("0123456789abcdef0123456789abcdef");
    Arc::new(Sessions::new(
        ports,
        RefreshTokens::new(&secret),
        DeviceTokens::new(&secret),
        Challenges::new(&secret),
        policy,
    ))
}
