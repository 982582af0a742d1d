//! Puts the system together: which adapter stands behind which port.

use std::path::Path;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use anyhow::{Context, bail};
use chrono::TimeDelta;
use parlance_domain::accounts::{
    AccessTokens, Accounts, ApiKeyPorts, ApiKeys, Challenges, CredentialPorts, Credentials, DeviceTokens,
    LockoutPolicy, LockoutPorts, Lockouts, OneTimeSecrets, PasswordHasher, PasswordPolicy, RefreshTokens,
    RevokedSessions, SecondFactorChecks, SecondFactorPorts, SecondFactors, SecretTokens, SessionPolicy,
    SessionPorts, Sessions,
};
use parlance_domain::admin::{Administration, AdministrationPorts};
use parlance_domain::audit::{AuditChain, AuditLog, AuditStore};
use parlance_domain::caching::Answers;
use parlance_domain::consequences::Recorder;
use parlance_domain::conversations::{ConversationPorts, Conversations};
use parlance_domain::health::{Circuit, Probe};
use parlance_domain::ids::IdGenerator;
use parlance_domain::limits::Limit;
use parlance_domain::progress::Progress;
use parlance_domain::providers::OwnKeys;
use parlance_domain::settings::{ProviderKeys, UserSettings};
use parlance_domain::speech::{AudioStore, Speech, SpeechPorts};
use parlance_domain::spending::{Allowance, AllowancePolicy, SpendingStore};
use parlance_domain::time::Clock;
use parlance_domain::words::{WordStore, Words};
use parlance_http::metrics::GaugeSource;
use parlance_http::state::{
    CookiePolicy, Draining, Environment, Features, HttpConfig, HttpServices, Limits, Timeouts,
};
use parlance_memory::{Elapsed, MemoryKeyless, MemoryRevokedSessions};
use parlance_objects::{ObjectAudio, ObjectsConfig};
use parlance_platform::{
    AesGcmSealer, BcryptConfig, BcryptPasswordHasher, EncryptionKey, SystemClock, SystemSecrets, UuidV7Ids,
};
use secrecy::{ExposeSecret, SecretString};

use crate::cached::Cached;
use crate::data_dir::DataDir;
use crate::database::{Database, Stores};
use crate::gauges;
use crate::ledger::Ledger;
use crate::nobody::Nobody;
use crate::passkeys::passkeys;
use crate::post::Post;
use crate::providers::{self, Providers, There};
use crate::sealer::Sealer;
use crate::second_factors;
use crate::settings::{Settings, SpeechProvider};
use crate::shared::{AI_LIMIT, DEFAULT_LIMIT, Shared};
use crate::signing_keys;
use crate::workers::Work;

/// How long a password hash of the usual cost takes on a usual core.
const HASHING_TIME: Duration = Duration::from_millis(300);
const USUAL_COST: u32 = 12;

/// What tests put in the place of the machine's own.
#[derive(Clone, Default)]
pub struct Overrides {
    /// The time.
    pub clock: Option<Arc<dyn Clock>>,
    /// The time that has passed, for limits.
    pub elapsed: Option<Elapsed>,
    /// How long requests may take.
    pub timeouts: Option<Timeouts>,
}

/// The system, put together.
pub struct System {
    /// The words, for whoever loads them.
    pub word_store: Arc<dyn WordStore>,
    /// What is done beside the requests.
    pub(crate) work: Work,
    /// What the HTTP face calls.
    pub http: HttpServices,
    /// Who speaks and who writes.
    pub(crate) there: There,
}

/// What tokens are made with.
pub struct Secrets {
    /// Signs access tokens.
    pub access: SecretString,
    /// Derives refresh tokens.
    pub refresh: SecretString,
    /// Seals the audit log.
    pub audit: SecretString,
    /// Seal what must be read again, the newest first; none where nothing can be sealed.
    pub encryption: Vec<EncryptionKey>,
}

impl Secrets {
    /// The secrets that are set; in development, one made for this data directory where none is.
    pub fn of(settings: &Settings, data_dir: &DataDir) -> anyhow::Result<Self> {
        let access = match &settings.sessions.secret {
            Some(secret) => secret.clone(),
            None if settings.is_production() => bail!("JWT_SECRET must be set in production"),
            None => data_dir.development_secret()?,
        };
        let refresh = settings.sessions.refresh_secret.clone();
        let audit = settings.audit.key.clone();
        Ok(Self {
            refresh: refresh.unwrap_or_else(|| access.clone()),
            audit: audit.unwrap_or_else(|| access.clone()),
            encryption: encryption_keys(settings, data_dir)?,
            access,
        })
    }

    /// Seals what must be read again, such as keys of providers.
    pub fn sealer(&self) -> Arc<dyn parlance_domain::sealing::Sealer> {
        Arc::new(AesGcmSealer::new(self.encryption.clone()))
    }

    /// Writes and reads the tokens in links, in every copy of the program alike.
    fn one_time_tokens(&self) -> SecretTokens {
        SecretTokens::new(&self.access)
    }
}

/// Those that are set; in development, one made for this data directory where none is.
fn encryption_keys(settings: &Settings, data_dir: &DataDir) -> anyhow::Result<Vec<EncryptionKey>> {
    if settings.is_production() || !settings.encryption_keys.is_empty() {
        return Ok(settings.encryption_keys.clone());
    }
    let key = data_dir.development_encryption_key()?;
    let key = format!("development:{}", key.expose_secret()).parse();
    Ok(vec![key.context("the encryption key of this data directory")?])
}

impl System {
    /// Puts the system together over an open database.
    pub async fn wire(
        settings: &Settings,
        secrets: &Secrets,
        database: &Database,
        overrides: Overrides,
    ) -> anyhow::Result<Self> {
        let clock = overrides.clock.unwrap_or_else(|| Arc::new(SystemClock));
        let ids: Arc<dyn IdGenerator> = Arc::new(UuidV7Ids);
        let (stores, mut gauges) = database.stores();
        let (access_tokens, signing_keys) =
            signing_keys::open(&settings.sessions, &secrets.access, &stores.audit, &clock, &ids)?;
        let base = Base {
            clock,
            ids,
            access_tokens,
            shared: Shared::new(settings, overrides.elapsed)?,
        };
        let one_time = base.one_time_secrets(secrets, &stores);
        let lockouts = base.lockouts(settings, &stores, &one_time);
        let (accounts, credentials, sessions) =
            base.accounts(settings, secrets, &stores, &one_time, &lockouts, &mut gauges);
        let api_keys = base.api_keys(&stores);
        let (administration, second_factors) = base.administration(settings, &stores, &sessions, &lockouts);
        let passkeys = passkeys(settings, &base, &sessions, &stores.passkeys)?;
        let provider_keys = base.provider_keys(secrets, &stores);
        let sounds = audio_store(settings, !secrets.encryption.is_empty()).await?;
        let voiced = base.voiced(settings, &stores, &provider_keys, sounds, &mut gauges)?;
        let federation = base.federation(settings, secrets, &stores, &one_time, &sessions)?;
        let audit = Arc::new(base.audit(settings, secrets, &stores));
        let sealer = Arc::new(Sealer::new(Arc::clone(&audit), Arc::clone(&base.clock)));
        gauges.extend(gauges::of_sealer(&sealer));
        let (personal_data, archives) = base.personal(settings, &stores, &one_time, &sessions)?;
        let post = base.post(settings, secrets, &stores)?;
        gauges.extend(gauges::of_post(&post));
        let progress = base.progress(&stores);
        let Base {
            clock, ids, shared, ..
        } = base;
        let mut circuits = shared.circuits;
        circuits.extend(voiced.circuits);
        circuits.extend(post.circuit());
        gauges.extend(gauges::of_circuits(&circuits));
        let work = Work {
            sessions: Arc::clone(&sessions),
            administration: Arc::clone(&administration),
            secrets: one_time,
            federation: Arc::clone(&federation),
            lockouts,
            signing_keys,
            passkeys: Arc::clone(&passkeys),
            devices: stores.devices,
            pubsub: shared.pubsub,
            answers: Arc::clone(&voiced.cached.answers),
            spending: stores.spending,
            idempotency: Arc::clone(&stores.idempotency),
            sealer,
            post,
            archives,
            ledger: voiced.ledger,
            clock: Arc::clone(&clock),
        };
        let http = HttpServices {
            accounts: Arc::new(accounts),
            credentials: Arc::new(credentials),
            api_keys,
            administration,
            sessions,
            personal_data,
            passkeys,
            second_factors,
            federation,
            audit,
            words: Arc::new(Words::new(Arc::clone(&stores.words))),
            progress: Arc::new(progress),
            provider_keys,
            settings: Arc::new(UserSettings::new(
                stores.settings,
                Arc::clone(&clock),
                Arc::clone(&ids),
            )),
            speech: voiced.speech,
            conversations: voiced.conversations,
            idempotency: stores.idempotency,
            answers: voiced.cached.answers,
            limiter: shared.limiter,
            clock,
            ids,
            database: database.probe(),
            shared: shared.probe,
            object_store: voiced.object_store,
            circuits,
            gauges,
            draining: Draining::default(),
        };
        Ok(Self {
            word_store: stores.words,
            work,
            http,
            there: voiced.there,
        })
    }
}

/// What everything else stands on, beside the stores.
pub(crate) struct Base {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdGenerator>,
    access_tokens: Arc<dyn AccessTokens>,
    pub(crate) shared: Shared,
}

/// Speech, conversations, and what keeps them cheap.
struct Voiced {
    speech: Speech,
    conversations: Conversations,
    cached: Cached,
    ledger: Arc<Ledger>,
    object_store: Option<Arc<dyn Probe>>,
    circuits: Vec<(&'static str, Arc<dyn Circuit>)>,
    there: There,
}

impl Base {
    fn accounts(
        &self,
        settings: &Settings,
        secrets: &Secrets,
        stores: &Stores,
        one_time: &OneTimeSecrets,
        lockouts: &Arc<Lockouts>,
        gauges: &mut Vec<GaugeSource>,
    ) -> (Accounts, Credentials, Arc<Sessions>) {
        let hasher = Arc::new(BcryptPasswordHasher::new(hashing(
            settings.bcrypt_cost,
            settings.bcrypt_parallelism,
        )));
        gauges.extend(gauges::of_hasher(&hasher));
        let ports = SessionPorts {
            accounts: Arc::clone(&stores.accounts),
            sessions: Arc::clone(&stores.sessions),
            devices: Arc::clone(&stores.devices),
            audit: Arc::clone(&stores.audit),
            lockouts: Arc::clone(lockouts),
            second_factors: self.second_factor_checks(settings, secrets, stores),
            hasher: Arc::clone(&hasher) as Arc<dyn PasswordHasher>,
            access_tokens: Arc::clone(&self.access_tokens),
            revoked: Arc::new(MemoryRevokedSessions::default()) as Arc<dyn RevokedSessions>,
            pubsub: Arc::clone(&self.shared.pubsub),
            clock: Arc::clone(&self.clock),
            ids: Arc::clone(&self.ids),
        };
        let sessions = Arc::new(Sessions::new(
            ports,
            RefreshTokens::new(&secrets.refresh),
            DeviceTokens::new(&secrets.refresh),
            Challenges::new(&secrets.refresh),
            session_policy(settings),
        ));
        let passwords = PasswordPolicy {
            refuses_known: settings.known_passwords_refused,
        };
        let accounts = Accounts::new(
            Arc::clone(&stores.accounts),
            Arc::clone(&hasher) as Arc<dyn PasswordHasher>,
            Arc::clone(&sessions),
            one_time.clone(),
            passwords,
            Arc::clone(&self.clock),
            Arc::clone(&self.ids),
        );
        let ports = CredentialPorts {
            accounts: Arc::clone(&stores.accounts),
            sessions: Arc::clone(&sessions),
            secrets: one_time.clone(),
            lockouts: Arc::clone(lockouts),
            hasher,
            limiter: Arc::clone(&self.shared.limiter),
            clock: Arc::clone(&self.clock),
            ids: Arc::clone(&self.ids),
        };
        (accounts, Credentials::new(ports, passwords), sessions)
    }

    fn second_factor_checks(
        &self,
        settings: &Settings,
        secrets: &Secrets,
        stores: &Stores,
    ) -> SecondFactorChecks {
        let ports = SecondFactorPorts {
            store: Arc::clone(&stores.second_factors),
            sealer: secrets.sealer(),
            clock: Arc::clone(&self.clock),
            ids: Arc::clone(&self.ids),
        };
        SecondFactorChecks::new(ports, settings.second_factor_roles.clone())
    }

    fn lockouts(&self, settings: &Settings, stores: &Stores, one_time: &OneTimeSecrets) -> Arc<Lockouts> {
        let ports = LockoutPorts {
            lockouts: Arc::clone(&stores.lockouts),
            accounts: Arc::clone(&stores.accounts),
            secrets: one_time.clone(),
            clock: Arc::clone(&self.clock),
            ids: Arc::clone(&self.ids),
        };
        let policy = LockoutPolicy {
            attempts: settings.lockout.attempts,
            lock: TimeDelta::minutes(settings.lockout.minutes),
            address_attempts: settings.lockout.address_attempts,
        };
        Arc::new(Lockouts::new(ports, policy))
    }

    fn progress(&self, stores: &Stores) -> Progress {
        Progress::new(
            Arc::clone(&stores.progress),
            Arc::clone(&stores.accounts),
            Arc::clone(&stores.words),
            Arc::clone(&stores.settings),
            Arc::clone(&self.clock),
            Arc::clone(&self.ids),
        )
    }

    fn provider_keys(&self, secrets: &Secrets, stores: &Stores) -> Arc<ProviderKeys> {
        Arc::new(ProviderKeys::new(
            Arc::clone(&stores.provider_keys),
            Arc::new(MemoryKeyless::default()),
            secrets.sealer(),
            Arc::clone(&self.clock),
            Arc::clone(&self.ids),
        ))
    }

    fn api_keys(&self, stores: &Stores) -> Arc<ApiKeys> {
        Arc::new(ApiKeys::new(ApiKeyPorts {
            keys: Arc::clone(&stores.api_keys),
            accounts: Arc::clone(&stores.accounts),
            secrets: Arc::new(SystemSecrets),
            clock: Arc::clone(&self.clock),
            ids: Arc::clone(&self.ids),
        }))
    }

    fn administration(
        &self,
        settings: &Settings,
        stores: &Stores,
        sessions: &Arc<Sessions>,
        lockouts: &Arc<Lockouts>,
    ) -> (Arc<Administration>, Arc<SecondFactors>) {
        let second_factors = second_factors::second_factors(settings, sessions);
        let ports = AdministrationPorts {
            accounts: Arc::clone(&stores.accounts),
            sessions: Arc::clone(&stores.sessions),
            directory: Arc::clone(&stores.directory),
            audit: Arc::clone(&stores.audit),
            clock: Arc::clone(&self.clock),
            ids: Arc::clone(&self.ids),
        };
        let administration = Administration::new(
            ports,
            Arc::clone(sessions),
            Arc::clone(lockouts),
            Arc::clone(&second_factors),
        );
        (Arc::new(administration), second_factors)
    }

    fn one_time_secrets(&self, secrets: &Secrets, stores: &Stores) -> OneTimeSecrets {
        OneTimeSecrets::new(
            Arc::clone(&stores.secrets),
            Arc::new(secrets.one_time_tokens()),
            Arc::clone(&self.clock),
            Arc::clone(&self.ids),
        )
    }

    fn post(&self, settings: &Settings, secrets: &Secrets, stores: &Stores) -> anyhow::Result<Arc<Post>> {
        let (tokens, outbox) = (secrets.one_time_tokens(), Arc::clone(&stores.outbox));
        let post = Post::new(&settings.mail, tokens, outbox, &self.clock, &self.ids)?;
        Ok(Arc::new(post))
    }

    fn audit(&self, settings: &Settings, secrets: &Secrets, stores: &Stores) -> AuditLog {
        let store = Arc::clone(&stores.audit);
        audit_log_at(settings, secrets, store, &self.clock, &self.ids)
    }

    fn voiced(
        &self,
        settings: &Settings,
        stores: &Stores,
        provider_keys: &Arc<ProviderKeys>,
        (audio, object_store): Audio,
        gauges: &mut Vec<GaugeSource>,
    ) -> anyhow::Result<Voiced> {
        let providers = Providers::new(settings, &self.clock)?;
        let cached = Cached::new(settings, &self.shared, &self.clock);
        let answers = Arc::clone(&cached.answers) as Arc<dyn Answers>;
        let ledger = Arc::new(Ledger::new(Arc::clone(&stores.spending), Arc::clone(&self.clock)));
        gauges.extend(gauges::of_guards(&providers.guards));
        gauges.extend(gauges::of_keys(&providers.guards, providers.own.guards()));
        gauges.extend(gauges::of_answers(&answers, &cached.near));
        gauges.extend(gauges::of_ledger(&ledger, &settings.budgets));
        let allowance = Arc::new(self.allowance(settings, Arc::clone(&stores.spending)));
        let own = Arc::new(OwnKeys::new(Arc::clone(provider_keys), providers.own));
        let speech = Speech::new(SpeechPorts {
            synthesizer: providers.synthesizer,
            recognizer: providers.recognizer,
            audio,
            answers: Arc::clone(&answers),
            allowance: Arc::clone(&allowance),
            own: Arc::clone(&own),
            clock: Arc::clone(&self.clock),
        });
        let ports = ConversationPorts {
            writer: providers.writer,
            words: Arc::clone(&stores.words),
            answers,
            allowance,
            own,
            clock: Arc::clone(&self.clock),
        };
        let circuits = providers.guards.into_iter();
        Ok(Voiced {
            conversations: Conversations::new(ports, speech.clone()),
            speech,
            cached,
            ledger,
            object_store,
            circuits: circuits
                .map(|(name, guard)| (name, guard as Arc<dyn Circuit>))
                .collect(),
            there: providers.there,
        })
    }

    fn allowance(&self, settings: &Settings, spending: Arc<dyn SpendingStore>) -> Allowance {
        let policy = AllowancePolicy {
            limit: ai_limit(settings),
            characters: settings.budgets.characters,
            tokens: settings.budgets.tokens,
        };
        Allowance::new(
            spending,
            Arc::clone(&self.shared.limiter),
            Arc::clone(&self.clock),
            policy,
        )
    }
}

/// The audit log, for commands.
pub(crate) fn audit_log(settings: &Settings, secrets: &Secrets, store: Arc<dyn AuditStore>) -> AuditLog {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ids: Arc<dyn IdGenerator> = Arc::new(UuidV7Ids);
    audit_log_at(settings, secrets, store, &clock, &ids)
}

fn audit_log_at(
    settings: &Settings,
    secrets: &Secrets,
    store: Arc<dyn AuditStore>,
    clock: &Arc<dyn Clock>,
    ids: &Arc<dyn IdGenerator>,
) -> AuditLog {
    let chain = AuditChain::new(&secrets.audit, &settings.audit.previous_keys);
    let retention = TimeDelta::days(settings.audit.retention_days);
    let recorder = Recorder::new(Arc::clone(clock), Arc::clone(ids));
    AuditLog::new(store, chain, retention, recorder, Arc::clone(clock))
}

const fn ai_limit(settings: &Settings) -> Limit {
    Limit::per_minute(AI_LIMIT, settings.limits.ai_per_minute)
}

type Audio = (Arc<dyn AudioStore>, Option<Arc<dyn Probe>>);

/// Where audio is kept. Where nobody speaks, not even for a learner's own key, and nothing was ever kept, no directory
/// is made: the file system may be read-only.
async fn audio_store(settings: &Settings, may_have_keys: bool) -> anyhow::Result<Audio> {
    let objects = &settings.objects;
    let is_needed = settings.providers.speech != SpeechProvider::Nobody
        || !objects.in_directory()
        || Path::new(&objects.url).is_dir();
    if !is_needed && !may_have_keys {
        return Ok((Arc::new(Nobody), None));
    }
    let config = objects_config(settings)?;
    let opened = tokio::task::spawn_blocking(move || ObjectAudio::open(&config)).await?;
    let store = match opened {
        Ok(store) => Arc::new(store),
        Err(error) if !is_needed => {
            tracing::warn!(%error, "audio can be kept nowhere: learners' own keys speak nothing");
            return Ok((Arc::new(Nobody), None));
        }
        Err(error) => return Err(error).context("OBJECT_STORE"),
    };
    Ok((Arc::clone(&store) as Arc<dyn AudioStore>, Some(store)))
}

/// Where audio and archives are kept.
pub(crate) fn objects_config(settings: &Settings) -> anyhow::Result<ObjectsConfig> {
    let objects = &settings.objects;
    let (id, secret) = objects.access_key.clone().unzip();
    Ok(ObjectsConfig {
        endpoint: objects.endpoint.clone(),
        region: objects.region.clone(),
        access_key_id: id.map(|id| id.expose_secret().to_owned()),
        secret_access_key: secret,
        service_account: providers::account(&settings.providers.google)?,
        allow_http: objects.allow_http,
        public_url: objects.public_url.clone(),
        ..ObjectsConfig::new(objects.url.clone())
    })
}

fn session_policy(settings: &Settings) -> SessionPolicy {
    SessionPolicy {
        access_lifetime: TimeDelta::seconds(settings.sessions.access_seconds),
        refresh_lifetime: TimeDelta::days(settings.sessions.refresh_days),
        refresh_grace: TimeDelta::seconds(settings.sessions.grace_seconds),
        longest: TimeDelta::days(settings.sessions.longest_days),
    }
}

/// So many hashes at a time, one per core when it is 0, and about a second's worth waiting.
fn hashing(cost: u32, parallelism: usize) -> BcryptConfig {
    let permits = match parallelism {
        0 => available_parallelism().map_or(1, usize::from),
        permits => permits,
    };
    let rounds_to_usual = 2_f64.powi(USUAL_COST.cast_signed() - cost.cast_signed());
    let per_second = rounds_to_usual / HASHING_TIME.as_secs_f64();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive, and cut to a small number first"
    )]
    let waiting_per_core = per_second.clamp(2.0, 256.0) as usize;
    BcryptConfig {
        cost,
        permits,
        queue: permits * waiting_per_core,
    }
}

/// The settings of the HTTP face.
pub(crate) fn http_config(settings: &Settings, there: There, timeouts: Option<Timeouts>) -> HttpConfig {
    HttpConfig {
        environment: settings.environment,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: option_env!("PARLANCE_COMMIT").unwrap_or("unknown").to_owned(),
        cors: settings.cors_origins.clone(),
        public_url: settings.mail.public_url.clone(),
        refresh_cookie: CookiePolicy {
            secure: settings.environment == Environment::Production,
            same_site: settings.sessions.same_site,
            max_age: TimeDelta::days(settings.sessions.refresh_days),
        },
        trusted_proxies: settings.trusted_proxies.clone(),
        limits: Limits {
            default: Limit::per_minute(DEFAULT_LIMIT, settings.limits.per_minute),
            login: Limit::per_minute("login", settings.limits.login_per_minute),
            ai: ai_limit(settings),
        },
        features: Features {
            auth_enabled: settings.features.auth_enabled,
            sync_enabled: settings.features.sync_enabled,
            sync_rollout_percent: settings.features.sync_rollout_percent,
            speech: there.speech,
            conversations: there.conversations,
        },
        remedies: providers::remedies(settings),
        timeouts: timeouts.unwrap_or_default(),
        ..HttpConfig::development()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn about_a_second_of_hashing_waits_per_core() {
        let waiting = |cost| hashing(cost, 3).queue / 3;
        assert_eq!([4, 10, 12, 13, 31].map(waiting), [256, 13, 3, 2, 2]);
    }
}
