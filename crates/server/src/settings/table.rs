//! The one table of settings: it is parsed by, documented from and compared with.

/// What a setting belongs to; the order in which the documentation shows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Where the program runs and listens.
    Server,
    /// Where things are kept.
    Storage,
    /// Who speaks and who writes conversations.
    Providers,
    /// What providers may cost, and what becomes of those that fail.
    Spending,
    /// Accounts, tokens and cookies.
    Accounts,
    /// How mail is sent.
    Mail,
    /// Who may call, and how often.
    Access,
    /// Logs and metrics.
    Observability,
    /// Switches for what learners can do.
    Features,
}

impl Group {
    /// Every group, in order.
    pub const ALL: [Self; 9] = [
        Self::Server,
        Self::Storage,
        Self::Providers,
        Self::Spending,
        Self::Accounts,
        Self::Mail,
        Self::Access,
        Self::Observability,
        Self::Features,
    ];

    /// Its heading.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Server => "Server",
            Self::Storage => "Storage",
            Self::Providers => "Speech and conversations",
            Self::Spending => "What speech and conversations may cost",
            Self::Accounts => "Accounts and sessions",
            Self::Mail => "Mail",
            Self::Access => "Access and limits",
            Self::Observability => "Logs and metrics",
            Self::Features => "Features",
        }
    }
}

/// What differs when `APP_ENV=production`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InProduction {
    /// Nothing.
    Same,
    /// Another default.
    Default(&'static str),
    /// There is no default: the start is refused without it.
    Required,
    /// There is no default, and where this is so, the start is refused without it; whoever reads it sees to that.
    RequiredWhere(&'static str),
}

/// A setting.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// The environment variable.
    pub name: &'static str,
    /// What it belongs to.
    pub group: Group,
    /// Its value when it is not set; empty for none.
    pub default: &'static str,
    /// What differs in production.
    pub production: InProduction,
    /// Whether its value must never be shown.
    pub secret: bool,
    /// What it does: whole sentences, units included.
    pub description: &'static str,
}

const fn key(name: &'static str, group: Group, default: &'static str, description: &'static str) -> Key {
    Key {
        name,
        group,
        default,
        production: InProduction::Same,
        secret: false,
        description,
    }
}

impl Key {
    const fn in_production(self, production: InProduction) -> Self {
        Self { production, ..self }
    }

    const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }
}

/// Every setting that this version knows.
pub const KEYS: &[Key] = &[
    key(
        "APP_ENV",
        Group::Server,
        "development",
        "`development` or `production`. In production the start is refused on whatever is meant for development only.",
    ),
    key(
        "HOST",
        Group::Server,
        "127.0.0.1",
        "The address to listen on: an IP address or `localhost`.",
    )
    .in_production(InProduction::Default("0.0.0.0")),
    key(
        "PORT",
        Group::Server,
        "8080",
        "The port to listen on. 0 picks a free one and prints it.",
    ),
    key(
        "DRAIN_SECONDS",
        Group::Server,
        "0",
        "How long requests are still accepted after SIGTERM, while `/readyz` already answers 503: time for a load \
         balancer to look elsewhere. 0 to 300 seconds.",
    )
    .in_production(InProduction::Default("5")),
    key(
        "DATA_DIR",
        Group::Storage,
        "./data",
        "The directory for everything that is kept in files. It is made when it is not there.",
    ),
    key(
        "DATABASE_URL",
        Group::Storage,
        "",
        "Where the database is: `sqlite://` and a path, such as `sqlite:///var/lib/parlance/parlance.db`, for one copy of \
         the program, or `postgres://user:password@host:5432/database` for any number of copies, with `?sslmode=` \
         (`disable`, `prefer`, `require`, `verify-ca`, `verify-full`) and `&sslrootcert=` a file. When not set, \
         `parlance.db` in `DATA_DIR`.",
    )
    .in_production(InProduction::Required)
    .secret(),
    key(
        "DATABASE_CONNECTIONS",
        Group::Storage,
        "4",
        "How many connections to PostgreSQL a copy shares among its requests, several statements at once on each: 1 to \
         64.",
    ),
    key(
        "DATABASE_TRANSACTIONS",
        Group::Storage,
        "4",
        "How many connections to PostgreSQL a copy has besides for sign-ins and changes of accounts, each for one at a \
         time: 1 to 64.",
    ),
    key(
        "DATABASE_WRITERS",
        Group::Storage,
        "2",
        "How many connections to PostgreSQL a copy has besides to write progress, a group of requests at a time: 1 to \
         16.",
    ),
    key(
        "DATABASE_WAIT_MS",
        Group::Storage,
        "1000",
        "How long a request waits for a free place on a connection to PostgreSQL before it gets a 503: 1 to 60000 \
         milliseconds.",
    ),
    key(
        "DATABASE_STATEMENT_TIMEOUT_MS",
        Group::Storage,
        "3000",
        "How long PostgreSQL may work on one statement: 100 to 600000 milliseconds.",
    ),
    key(
        "REDIS_URL",
        Group::Storage,
        "",
        "The Redis that copies of the program share limits, announcements and answers of providers through: \
         `redis://user:password@host:6379/0`, `rediss://` for TLS, `redis+sentinel://host:26379,host:26379/name/0`, or \
         `redis+cluster://host:6379,host:6379`. When not set, each copy keeps its own.",
    )
    .secret(),
    key(
        "USE_REDIS",
        Group::Storage,
        "true",
        "Whether the Redis of `REDIS_URL` is used. When `false`, limits are counted by each copy.",
    ),
    key(
        "REDIS_SENTINEL_PASSWORD",
        Group::Storage,
        "",
        "The password of the sentinels of a `redis+sentinel://` URL, where they want one; the login in the URL is that of \
         the servers.",
    )
    .secret(),
    key(
        "REDIS_PREFIX",
        Group::Storage,
        "parlance:",
        "What every key and channel in Redis begins with, so that installations can share a Redis.",
    ),
    key(
        "REDIS_DEADLINE_MS",
        Group::Storage,
        "50",
        "How long a request waits for Redis before it goes on without: 1 to 10000 milliseconds. One that has an answer \
         made may wait four times as long, once.",
    ),
    key(
        "REDIS_CA_FILE",
        Group::Storage,
        "",
        "A file with the certificates, in PEM, that a `rediss://` server is trusted by. When not set, those of the \
         system.",
    ),
    key(
        "MIGRATE_ON_START",
        Group::Storage,
        "true",
        "Whether `serve` brings the database up to date by itself. When `false`, run `parlance migrate` first.",
    ),
    key(
        "CACHE_MEGABYTES",
        Group::Storage,
        "64",
        "How much memory the answers of providers may take in the process, before those of Redis: 1 to 65536 megabytes.",
    ),
    key(
        "OBJECT_STORE",
        Group::Storage,
        "",
        "Where audio is kept: the path of a directory, `s3://bucket/prefix` for S3 or what speaks its protocol, such as \
         MinIO, or `gs://bucket/prefix` for Google Cloud Storage. When not set, `objects` in `DATA_DIR`. Several copies of \
         the program must have the same.",
    ),
    key(
        "OBJECT_STORE_ENDPOINT",
        Group::Storage,
        "",
        "Where the object store is, if not where its provider has it, such as `https://minio.example.com`.",
    ),
    key(
        "OBJECT_STORE_REGION",
        Group::Storage,
        "",
        "The region of an `s3://` bucket. When not set, `us-east-1`.",
    ),
    key(
        "OBJECT_STORE_ACCESS_KEY_ID",
        Group::Storage,
        "",
        "The id of the key to an `s3://` bucket.",
    )
    .secret(),
    key(
        "OBJECT_STORE_SECRET_ACCESS_KEY",
        Group::Storage,
        "",
        "The secret of the key to an `s3://` bucket.",
    )
    .secret(),
    key(
        "OBJECT_STORE_PUBLIC_URL",
        Group::Storage,
        "",
        "Where clients fetch audio themselves, if the bucket can be read by everybody or stands behind a CDN: what \
         `audioUrl` then begins with. Nobody looks whether it is still there, so nothing should delete it. When not set, \
         they fetch it through the server, which makes lost audio again.",
    ),
    key(
        "OBJECT_STORE_ALLOW_HTTP",
        Group::Storage,
        "false",
        "Whether the object store may be reached without TLS.",
    ),
    key(
        "SPEECH_PROVIDER",
        Group::Providers,
        "auto",
        "Who speaks and listens: `google`; `offline`, which is `espeak-ng` on this machine and does not listen; `none`; \
         or `auto`, which is `google` when there are credentials for it, else `offline`, and in production `none`.",
    ),
    key(
        "CONVERSATION_PROVIDER",
        Group::Providers,
        "auto",
        "Who writes conversations: `gemini`; `openai`, which is whatever speaks that protocol; `offline`, which fills in \
         templates; `none`; or `auto`, which is the first of `gemini` and `openai` that there are credentials for, else \
         `offline`, and in production `none`.",
    ),
    key(
        "GOOGLE_API_KEY",
        Group::Providers,
        "",
        "A key of Google Cloud for Text-to-Speech and Speech-to-Text, and for Gemini where it has none of its own.",
    )
    .secret(),
    key(
        "GOOGLE_APPLICATION_CREDENTIALS",
        Group::Providers,
        "",
        "The file of a service account of Google Cloud, in the place of a key.",
    ),
    key(
        "GOOGLE_CREDENTIALS_JSON",
        Group::Providers,
        "",
        "The content of such a file, where there are no files; in `.env`, in single quotation marks.",
    )
    .secret(),
    key(
        "GOOGLE_TTS_URL",
        Group::Providers,
        "https://texttospeech.googleapis.com",
        "Where Text-to-Speech is: `https://`, or `http://` on this machine.",
    ),
    key(
        "GOOGLE_STT_URL",
        Group::Providers,
        "https://speech.googleapis.com",
        "Where Speech-to-Text is: `https://`, or `http://` on this machine.",
    ),
    key(
        "GEMINI_API_KEY",
        Group::Providers,
        "",
        "The key of Gemini. When not set, `GOOGLE_API_KEY`, else the service account.",
    )
    .secret(),
    key(
        "GEMINI_MODEL",
        Group::Providers,
        "gemini-2.5-flash",
        "Which model of Gemini writes conversations.",
    ),
    key(
        "GEMINI_STREAM",
        Group::Providers,
        "false",
        "Whether Gemini is asked to stream its answer.",
    ),
    key(
        "GEMINI_THINKING_TOKENS",
        Group::Providers,
        "0",
        "How many tokens the model may think before it writes: 0 to 65536, or `none` for a model that cannot \
         think. They count towards the tokens of a day.",
    ),
    key(
        "GEMINI_URL",
        Group::Providers,
        "https://generativelanguage.googleapis.com",
        "Where Gemini is: `https://`, or `http://` on this machine.",
    ),
    key(
        "OPENAI_BASE_URL",
        Group::Providers,
        "",
        "Where something speaks the protocol of OpenAI, version included, such as `https://api.openai.com/v1`, which it \
         is when only `OPENAI_API_KEY` is set: `https://`, or `http://` and an address of this machine or of a private \
         network.",
    ),
    key(
        "OPENAI_API_KEY",
        Group::Providers,
        "",
        "Its key, where it wants one.",
    )
    .secret(),
    key(
        "OPENAI_MODEL",
        Group::Providers,
        "",
        "Which of its models writes conversations.",
    ),
    key(
        "OWN_KEYS_OPENAI_URL",
        Group::Providers,
        "https://api.openai.com/v1",
        "Where learners' own keys of OpenAI are sent, and nothing else: `https://`, or `http://` and an address of this \
         machine or of a private network. They never go to `OPENAI_BASE_URL`.",
    ),
    key(
        "OWN_KEYS_OPENAI_MODEL",
        Group::Providers,
        "gpt-4o-mini",
        "Which model writes conversations for learners' own keys of OpenAI.",
    ),
    key(
        "OWN_KEYS_OPENAI_SPEECH_MODEL",
        Group::Providers,
        "tts-1",
        "Which model speaks for them.",
    ),
    key(
        "OWN_KEYS_OPENAI_TRANSCRIPTION_MODEL",
        Group::Providers,
        "whisper-1",
        "Which model listens for them; it must know `verbose_json`.",
    ),
    key(
        "OWN_KEYS_ELEVENLABS_URL",
        Group::Providers,
        "https://api.elevenlabs.io",
        "Where learners' own keys of ElevenLabs are sent: `https://`, or `http://` on this machine. Those of Google go to \
         `GOOGLE_TTS_URL`, `GOOGLE_STT_URL` and `GEMINI_URL`.",
    ),
    key(
        "OWN_KEYS_ELEVENLABS_MODEL",
        Group::Providers,
        "eleven_multilingual_v2",
        "Which model speaks for learners' own keys of ElevenLabs.",
    ),
    key(
        "OWN_KEYS_ELEVENLABS_TRANSCRIPTION_MODEL",
        Group::Providers,
        "scribe_v1",
        "Which model listens for them.",
    ),
    key(
        "OWN_KEYS_ELEVENLABS_VOICE",
        Group::Providers,
        "JBFqnCBsd6RMkjVDRZzb",
        "The id of the voice that speaks for them if nobody is named.",
    ),
    key(
        "ESPEAK_PATH",
        Group::Providers,
        "",
        "The program `espeak-ng` that speaks offline. When not set, it is looked for on the `PATH`.",
    ),
    key(
        "AI_LIMIT_PER_MINUTE",
        Group::Spending,
        "10",
        "How often in a minute a user may have a provider asked, for voices too; answers that are kept do not count. 0 \
         means no limit.",
    ),
    key(
        "SPEECH_CHARACTERS_PER_USER_DAY",
        Group::Spending,
        "20000",
        "How many characters a user may have made into speech in a day (UTC): about 1,000 sentences. Kept answers do not \
         count. 0 means no bound.",
    ),
    key(
        "SPEECH_CHARACTERS_PER_DAY",
        Group::Spending,
        "500000",
        "How many characters may be made into speech in a day (UTC) for all users and `speech prewarm` together. 0 means \
         no bound.",
    ),
    key(
        "CONVERSATION_TOKENS_PER_USER_DAY",
        Group::Spending,
        "150000",
        "How many tokens a user may have read and written by a model in a day (UTC): about 100 conversations. Kept \
         answers do not count. 0 means no bound.",
    ),
    key(
        "CONVERSATION_TOKENS_PER_DAY",
        Group::Spending,
        "3000000",
        "How many tokens models may read and write in a day (UTC) for all users together. 0 means no bound.",
    ),
    key(
        "SPEECH_TIMEOUT_MS",
        Group::Spending,
        "4500",
        "How long a provider may take to speak, retries included: 100 to 29000 milliseconds. The default \
         answers whoever asked within five seconds.",
    ),
    key(
        "RECOGNITION_TIMEOUT_MS",
        Group::Spending,
        "20000",
        "How long a provider may take to write down what was said, retries included: 100 to 29000 milliseconds.",
    ),
    key(
        "CONVERSATION_TIMEOUT_MS",
        Group::Spending,
        "28000",
        "How long a provider may take to write a conversation, retries included: 100 to 29000 milliseconds.",
    ),
    key(
        "BREAKER_FAILURE_PERCENT",
        Group::Spending,
        "50",
        "How many of a hundred calls to a provider must have failed of late for it to be left alone: 1 to 100.",
    ),
    key(
        "BREAKER_WINDOW_SECONDS",
        Group::Spending,
        "30",
        "How far back calls count for that: 1 to 3600 seconds. It is enough if so many failed in the latest three tenths \
         of it.",
    ),
    key(
        "BREAKER_MIN_CALLS",
        Group::Spending,
        "10",
        "Of how many calls at least that is said: 1 to 10000.",
    ),
    key(
        "BREAKER_OPEN_SECONDS",
        Group::Spending,
        "30",
        "How long it is then left alone before one call is let through: 1 to 3600 seconds, and up to a fifth longer, so that \
         copies do not come back together. Up to twice as long after a call that failed again; up to four times as long \
         if it fails anew soon after it worked again.",
    ),
    key(
        "PROVIDER_RETRIES",
        Group::Spending,
        "2",
        "How often a call to a provider is made again at most where that may help and time is left: 0 to 5.",
    ),
    key(
        "PROVIDER_CONCURRENCY",
        Group::Spending,
        "32",
        "How many calls to a provider a copy of the program has under way at once: 1 to 4096. Whoever comes then waits \
         for a moment, then gets a 503.",
    ),
    key(
        "JWT_SECRET",
        Group::Accounts,
        "",
        "The secret that access tokens are signed with: at least 32 bytes, for instance from `openssl rand -base64 48`. \
         In development one is made at the first start and kept in `DATA_DIR`.",
    )
    .in_production(InProduction::Required)
    .secret(),
    key(
        "JWT_SIGNING_KEYS_FILE",
        Group::Accounts,
        "",
        "A file of keys that access tokens are signed with in the place of `JWT_SECRET`, so that others can check them by \
         `/.well-known/jwks.json`: made and changed by `parlance keys`. Several copies of the program must have the same; \
         they take up a change within seconds.",
    ),
    key(
        "JWT_REFRESH_SECRET",
        Group::Accounts,
        "",
        "The secret that refresh tokens are derived from: at least 32 bytes. When not set, `JWT_SECRET`.",
    )
    .secret(),
    key("JWT_ISSUER", Group::Accounts, "parlance", "The `iss` of access tokens."),
    key("JWT_AUDIENCE", Group::Accounts, "parlance", "The `aud` of access tokens."),
    key(
        "ACCESS_TOKEN_TTL_SECONDS",
        Group::Accounts,
        "900",
        "How long an access token is good: 1 to 86400 seconds.",
    ),
    key(
        "REFRESH_TOKEN_TTL_DAYS",
        Group::Accounts,
        "7",
        "How long a refresh token is good when it is not used: 1 to 365 days.",
    ),
    key(
        "SESSION_MAX_DAYS",
        Group::Accounts,
        "365",
        "How long a session goes on however often it is refreshed: 1 to 3650 days. After that one signs in again.",
    ),
    key(
        "REFRESH_GRACE_SECONDS",
        Group::Accounts,
        "10",
        "How long a refresh token that was exchanged still yields the same successor: 0 to 300 seconds.",
    ),
    key(
        "REFRESH_COOKIE_SAMESITE",
        Group::Accounts,
        "lax",
        "The `SameSite` of the refresh cookie: `strict`, `lax` or `none`. `none`, for front ends on another site, works \
         in production only, where the cookie is `Secure`.",
    )
    .in_production(InProduction::Default("strict")),
    key(
        "KNOWN_PASSWORDS_REFUSED",
        Group::Accounts,
        "false",
        "`true` refuses new passwords that are among the most used ones, in whatever case they are written; `false` lets \
         people set them.",
    )
    .in_production(InProduction::Default("true")),
    key(
        "LOCKOUT_ATTEMPTS",
        Group::Accounts,
        "10",
        "How many sign-ins of an account may fail within 15 minutes; the last of them locks it, whether it exists or not: 1 \
         to 100. Devices that signed in to it before are not locked out.",
    ),
    key(
        "LOCKOUT_MINUTES",
        Group::Accounts,
        "30",
        "How long an account is locked then: 1 to 1440 minutes.",
    ),
    key(
        "LOCKOUT_ADDRESS_ATTEMPTS",
        Group::Accounts,
        "100",
        "How many sign-ins from one client address (of IPv6, one /64) may fail within 15 minutes, whichever accounts are \
         tried: 1 to 1000, or 0 for as many as one likes. Devices that signed in before may go on.",
    ),
    key(
        "SECOND_FACTOR_REQUIRED_ROLES",
        Group::Accounts,
        "",
        "The roles that call for a second factor, separated by commas: `admin`, `user`. Who has one and no second factor \
         signs in, but administers nothing until it is set up, and cannot take it away.",
    ),
    key(
        "PASSKEY_RP_ID",
        Group::Accounts,
        "localhost",
        "The domain that passkeys are for, such as `example.com`: that of the front ends, or one that all of them are below. \
         Devices bind passkeys to it, so that another one later ends all that were made.",
    )
    .in_production(InProduction::RequiredWhere("there are to be passkeys")),
    key(
        "PASSKEY_ORIGINS",
        Group::Accounts,
        "",
        "The origins of front ends that passkeys are used on, separated by commas: `https://` and a name of that domain or \
         below it, perhaps a port; for an Android app `android:apk-key-hash:…`. When not set, the domain itself; for \
         `localhost` in development on any port.",
    ),
    key(
        "OIDC_ISSUERS",
        Group::Accounts,
        "",
        "The OpenID Connect providers that one can sign in with, `name:issuer`, separated by commas, in the order in which \
         they are to be shown: such as `google:https://accounts.google.com`. A name is out of a-z, 0-9 and '-', and stays: it is \
         in the address that the provider sends browsers back to, `API_URL` and `/api/v1/auth/providers/{name}/callback`. An \
         issuer is as the provider writes it, to the letter: `https://`, or `http://` on this machine.",
    ),
    key(
        "OIDC_CLIENT_IDS",
        Group::Accounts,
        "",
        "Who this server is to each of them: `name:id`, separated by commas.",
    ),
    key(
        "OIDC_CLIENT_SECRETS",
        Group::Accounts,
        "",
        "What shows it, for those that gave a secret: `name:secret`, separated by commas.",
    )
    .secret(),
    key(
        "OIDC_NAMES",
        Group::Accounts,
        "",
        "What people call them: `name:text`, separated by commas, such as `google:Google`. When not set, their names.",
    ),
    key(
        "API_URL",
        Group::Accounts,
        "",
        "Where browsers reach this server, such as `https://api.example.com`; no request changes that. When not set, \
         `http://localhost` and `PORT`.",
    )
    .in_production(InProduction::RequiredWhere("`OIDC_ISSUERS` is set")),
    key(
        "AUDIT_KEY",
        Group::Accounts,
        "",
        "What the audit log is sealed with: at least 32 bytes, for instance from `openssl rand -base64 48`. When not set, \
         `JWT_SECRET`, whose change then takes `AUDIT_PREVIOUS_KEYS`.",
    )
    .secret(),
    key(
        "AUDIT_PREVIOUS_KEYS",
        Group::Accounts,
        "",
        "What the audit log was sealed with before, separated by commas, the latest first: needed for as long as entries of \
         that time are kept.",
    )
    .secret(),
    key(
        "AUDIT_RETENTION_DAYS",
        Group::Accounts,
        "365",
        "For how many days entries of the audit log are kept: 1 to 36500.",
    ),
    key(
        "ENCRYPTION_KEYS",
        Group::Accounts,
        "",
        "What secrets are sealed with (AES-256-GCM) that must be read again, such as learners' own keys of providers: \
         `name:key`, separated by commas, the newest first. A key is 32 random bytes in base64, for instance from \
         `openssl rand -base64 32`. The first seals, all open. When not set, development makes one in `DATA_DIR`; in \
         production nothing is sealed then, and what needs it is refused.",
    )
    .secret(),
    key(
        "BCRYPT_COST",
        Group::Accounts,
        "12",
        "The cost of hashing a password: 4 to 18, in production at least 10. Each step doubles the work.",
    ),
    key(
        "BCRYPT_PARALLELISM",
        Group::Accounts,
        "0",
        "How many passwords are hashed at the same time: 1 to 1024, or 0 for one per core. One less than there are cores \
         leaves a core to everybody who is signed in already.",
    ),
    key(
        "MAIL_PROVIDER",
        Group::Mail,
        "auto",
        "How mail is sent: `smtp`; `folder`, which puts it into `mail` in `DATA_DIR` for whoever develops; `none`, so that \
         nobody can confirm an address or set a new password by mail; or `auto`, which is `smtp` where `SMTP_URL` is set, \
         else `folder`. In production `auto` needs `SMTP_URL`.",
    ),
    key(
        "SMTP_URL",
        Group::Mail,
        "",
        "The server that takes mail: `smtp://user:password@host:587`, encrypted by STARTTLS or not used, or `smtps://` for \
         TLS from the beginning. `?starttls=never` behind `smtp://` does without encryption: on this machine, or for a \
         server that wants no password. What is not a letter or digit in user and password is percent-encoded.",
    )
    .secret(),
    key(
        "SMTP_CA_FILE",
        Group::Mail,
        "",
        "A file with the certificates, in PEM, that the mail server is trusted by. When not set, those of the system.",
    ),
    key(
        "MAIL_FROM",
        Group::Mail,
        "Parlance <parlance@localhost>",
        "Whom mail is from: an address, perhaps with a name before it.",
    )
    .in_production(InProduction::RequiredWhere("mail is sent")),
    key(
        "PUBLIC_URL",
        Group::Mail,
        "",
        "Where the front end is that links in mails lead to, such as `https://app.example.com`; no request changes that. \
         When not set, `http://localhost` and `PORT`.",
    )
    .in_production(InProduction::RequiredWhere("mail is sent")),
    key(
        "MAIL_LINK",
        Group::Mail,
        "/{page}#token={token}",
        "What stands behind `PUBLIC_URL` in a link. `{page}` is `verify-email`, `reset-password`, `confirm-email`, `unlock`, \
         `link-identity` or `export`; what stands behind `#` gets into no log of a web server.",
    ),
    key(
        "PRODUCT_NAME",
        Group::Mail,
        "Parlance",
        "What the product is called in mails: at most 64 characters.",
    ),
    key(
        "CORS_ORIGIN",
        Group::Access,
        "",
        "The origins of front ends, separated by commas: exact (`https://app.example.com`), all subdomains \
         (`https://*.example.com`), any port (`http://localhost:*`) or of a native app (`capacitor://localhost`). In \
         development, `http://localhost:*` and `http://127.0.0.1:*` are allowed besides.",
    )
    .in_production(InProduction::Required),
    key(
        "TRUSTED_PROXIES",
        Group::Access,
        "",
        "The reverse proxies whose `X-Forwarded-For` is believed: addresses or networks (`10.0.0.0/8`), separated by \
         commas.",
    ),
    key(
        "RATE_LIMIT_PER_MINUTE",
        Group::Access,
        "100",
        "How many requests a client address may send in a minute. 0 means no limit.",
    ),
    key(
        "LOGIN_LIMIT_PER_MINUTE",
        Group::Access,
        "5",
        "How many sign-ins a client address may try in a minute. 0 means no limit, which production refuses.",
    ),
    key(
        "METRICS_ADDR",
        Group::Observability,
        "127.0.0.1:9464",
        "The address of the second listener, which serves `/metrics` to Prometheus, or `off`.",
    ),
    key(
        "LOG_FORMAT",
        Group::Observability,
        "auto",
        "`pretty` for people, `json` for machines, `auto` for pretty on a terminal and JSON elsewhere.",
    ),
    key(
        "RUST_LOG",
        Group::Observability,
        "info,actix_server=warn",
        "Which log lines are written, as a filter of `tracing`, such as `info,parlance_http=debug`.",
    ),
    key(
        "APP_AUTH_ENABLED",
        Group::Features,
        "true",
        "When `false`, nobody can register, sign in or refresh, and every other write is refused too; reads and \
         sign-outs go on.",
    ),
    key(
        "SYNC_TO_BACKEND",
        Group::Features,
        "true",
        "When `false`, writes of progress are refused.",
    ),
    key(
        "SYNC_ROLLOUT_PERCENT",
        Group::Features,
        "100",
        "For how many of a hundred learners progress is written; the same ones as long as it stays. 0 to 100.",
    ),
];

/// Settings of the contract that this version cannot honour yet.
///
/// In `.env` each is refused, in the environment the start warns about it.
pub const NOT_YET: &[&str] = &["OTEL_EXPORTER_OTLP_ENDPOINT"];

/// The setting of this name.
pub fn by_name(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_is_named_once_and_described_in_sentences() {
        for (at, key) in KEYS.iter().enumerate() {
            assert!(key.description.ends_with('.'), "{}", key.name);
            assert!(
                KEYS[..at].iter().all(|other| other.name != key.name),
                "{}",
                key.name
            );
            assert!(!NOT_YET.contains(&key.name), "{}", key.name);
        }
    }
}
