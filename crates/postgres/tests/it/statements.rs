//! What the stores send, read out of the server's own log.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;
use parlance_contract::stores::{Stores, account, at, list_id, session as new_session, terms, user, word_id};
use parlance_contract::transfer::Installation;
use parlance_domain::accounts::{
    Account, AccountChange, AccountWithPassword, ApiKey, Attempt, Authorization, CeremonyState, CredentialId,
    Ends, Errand, LinkedIdentity, LockoutKey, LockoutPolicy, NewFactor, Outcome, Passkey, PasskeyAudience,
    PasskeyChallenge, PasskeyCredential, PasskeyUse, Patch, ProfilePatch, Proof, Role, Scope, SeenDevice,
    UnlinkOutcome, Unlock, Verdict,
};
use parlance_domain::admin::{AccountPlace, AccountQuery};
use parlance_domain::audit::{
    Action, Actor, AuditChain, AuditCursor, AuditEntry, AuditFilter, Circumstances,
};
use parlance_domain::consequences::Consequences;
use parlance_domain::idempotency::{Beginning, GivenAnswer};
use parlance_domain::ids::{
    ApiKeyId, AuditId, AuthorizationId, DeviceId, EventId, ExportId, IdentityId, MailId, PasskeyChallengeId,
    PasskeyId, ProgressId, SessionId,
};
use parlance_domain::mail::{AttemptId, Fate, Lease, Message, OutgoingMail};
use parlance_domain::personal::{ExportAttempt, ExportLease, ExportOrder, ExportOutcome, Requested};
use parlance_domain::progress::{
    Change, Changes, DEFAULT_RETENTION, MergeItem, NewReview, NewSet, Precondition, Rating, Submission,
};
use parlance_domain::sealing::Sealed;
use parlance_domain::settings::{KeptPreferences, KeyProvider, Preferences, ProviderKey};
use parlance_domain::spending::{Caps, Meter, Spending};
use parlance_domain::words::WordQuery;
use parlance_postgres::{PgConfig, PgDatabase, PgTransfer};
use parlance_testbed::Postgres;
use tokio::task::spawn_blocking;
use tokio_postgres::{Client, SimpleQueryMessage};
use uuid::Uuid;

use crate::isolation::{fault, is_on_a_learners_data};
use crate::support::{config, eventually, session, stores_of};

/// A statement as the server got it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Logged {
    /// Whose process it was.
    process: String,
    /// `parse`, `bind` or `execute`; `statement` for one that came as text, `failure` for one that was refused.
    step: String,
    sql: String,
    /// What it was given.
    parameters: String,
}

/// A server that logs all that it gets, and what is sent to it.
struct Scene {
    server: Arc<Postgres>,
    installation: Installation,
    marker: Client,
}

async fn scene() -> Scene {
    let start = || {
        Postgres::builder()
            .setting("log_min_duration_statement", "0")
            .start()
    };
    let server = spawn_blocking(start).await.unwrap().unwrap();
    let url = server.url("postgres");
    // One connection for each kind of work, so that the second of anything meets a statement that is known.
    let config = PgConfig {
        connections: 1,
        writers: 1,
        ..config(&url)
    };
    let database = PgDatabase::open(config).await.unwrap();
    Scene {
        server: Arc::new(server),
        installation: Installation {
            stores: stores_of(&database),
            transfer: Arc::new(PgTransfer::new(database.clone())),
            guard: Box::new(database),
        },
        marker: session(&url).await,
    }
}

impl Scene {
    /// What the stores sent since the last mark of this name.
    async fn since(&self, mark: &str) -> Vec<Logged> {
        let until = format!("{mark} is over");
        self.mark(&until).await;
        let log = self.server.log().unwrap();
        let begun = log.find(&format!("SELECT '{mark}'")).unwrap();
        let over = log.find(&format!("SELECT '{until}'")).unwrap();
        read(&log[begun..over])
    }

    /// Leaves a mark in the log and waits for it to get there.
    async fn mark(&self, mark: &str) {
        let text = format!("SELECT '{mark}'");
        self.marker.batch_execute(&text).await.unwrap();
        eventually("the mark was to be in the log", async || {
            self.server.log().unwrap().contains(&text).then_some(())
        })
        .await;
    }
}

/// Reads the log; each entry begins with the time, what belongs to it is on lines of its own.
fn read(log: &str) -> Vec<Logged> {
    let mut statements: Vec<Logged> = Vec::new();
    for line in log.lines() {
        let Some((head, rest)) = line.split_once(" parlance: ") else {
            continue;
        };
        let process = head.split(['[', ']']).nth(1).unwrap();
        let mut add = |step: &str, sql: &str| {
            statements.push(Logged {
                process: process.to_owned(),
                step: step.to_owned(),
                sql: sql.to_owned(),
                parameters: String::new(),
            });
        };
        if let Some((_, done)) = rest.split_once(" ms  ") {
            let (step, sql) = done.split_once(": ").unwrap();
            add(step.split(' ').next().unwrap(), sql);
        } else if let Some(sql) = rest.strip_prefix("STATEMENT:  ") {
            add("failure", sql);
        } else if let Some(parameters) = rest.to_ascii_lowercase().strip_prefix("detail:  parameters: ") {
            parameters.clone_into(&mut statements.last_mut().unwrap().parameters);
        }
    }
    statements
}

/// The learner who does all this.
const ANN: u128 = 1;

/// Calls every method of the stores that requests call; each round does the same again with other events.
async fn use_all(stores: &Stores, round: u128) {
    use_accounts(stores, round).await;
    use_directory(stores).await;
    use_sessions(stores, round).await;
    use_api_keys(stores, round).await;
    use_identities(stores, round).await;
    use_lockouts(stores).await;
    use_second_factors(stores, 1).await;
    let by = begun(stores, 20_000 + round).await;
    use_passkeys(stores, 1, by).await;
    use_settings(stores, round).await;
    use_words(stores).await;
    append_to_log(stores, 1_000 * round).await;
    read_progress(stores).await;
    use_spending(stores, round).await;
    use_idempotency(stores, round).await;
    use_audit(stores, round).await;
    use_outbox(stores, round).await;
    use_exports(stores, round).await;
}

async fn use_accounts(stores: &Stores, round: u128) {
    let accounts = &stores.accounts;
    let ann = accounts.by_id(user(ANN)).await.unwrap().unwrap();
    let found = accounts.by_email(&ann.email).await.unwrap().unwrap();
    accounts.by_username(&"ann".parse().unwrap()).await.unwrap();
    let patch = ProfilePatch {
        display_name: Patch::Set(format!("Ann the {round}th").parse().unwrap()),
        ..ProfilePatch::default()
    };
    stores
        .save(&ann.patched(patch, at(60)), ann.revision)
        .await
        .unwrap();
    let hash = &found.password_hash;
    accounts.replace_password_hash(ann.id, hash, hash).await.unwrap();
    let taken = account(ANN, "ann@example.com", Some("ann"));
    let taken = AccountWithPassword {
        account: Account {
            email: "bob@example.com".parse().unwrap(),
            ..taken.account
        },
        ..taken
    };
    let refused = stores.keep(&taken, &new_session(round, ann.id, 0)).await;
    assert!(refused.is_err());
}

async fn use_directory(stores: &Stores) {
    let everybody = AccountQuery::default();
    let named = AccountQuery {
        text: Some("ann".parse().unwrap()),
        ..everybody.clone()
    };
    let administrators = AccountQuery {
        role: Some(Role::Admin),
        ..everybody.clone()
    };
    for query in [everybody, named, administrators] {
        let page = stores.directory.page(&query, None, 10).await.unwrap();
        let last = page.last().map(AccountPlace::from);
        stores.directory.page(&query, last, 10).await.unwrap();
    }
    assert_eq!(stores.directory.due(at(0), 10).await.unwrap(), []);
    let id = AuditId(Uuid::from_u128(1));
    let entry = AuditEntry {
        id,
        at: at(0),
        actor: Actor::System,
        action: Action::AccountPurged,
        subject: Some(user(ANN)),
        circumstances: Circumstances::default(),
        details: BTreeMap::new(),
    };
    assert!(!stores.directory.purge(user(ANN), at(0), &entry).await.unwrap());
}

async fn use_sessions(stores: &Stores, round: u128) {
    let sessions = &stores.sessions;
    let session = new_session(100 + round, user(ANN), 5);
    stores.begin(&session).await.unwrap();
    sessions.by_id(session.id).await.unwrap();
    sessions.live(user(ANN), at(6)).await.unwrap();
    sessions.rotate(session.id, 0, terms(60)).await.unwrap();
    sessions.rotate(session.id, 0, terms(61)).await.unwrap();
    assert!(stores.end(&session, at(62)).await.unwrap());
    sessions.revoked_since(at(0)).await.unwrap();
    sessions.purge_expired(at(0), 10).await.unwrap();
    let device = SeenDevice {
        user_id: session.user_id,
        id: session.device.id.unwrap(),
    };
    assert!(stores.devices.is_known(device).await.unwrap());
    let nothing = Consequences::default();
    let authenticated = sessions.authenticated(user(ANN), session.id, Proof::Passkey, at(63), &nothing);
    assert!(!authenticated.await.unwrap());
    let ended = sessions.revoke_all(user(ANN), Some(session.id), at(64), &nothing);
    ended.await.unwrap();
    stores.devices.forget(device).await.unwrap();
    stores.devices.purge(at(0), 10).await.unwrap();
}

/// A session that goes on.
async fn begun(stores: &Stores, number: u128) -> SessionId {
    let session = new_session(number, user(ANN), 70);
    stores.begin(&session).await.unwrap();
    session.id
}

async fn use_api_keys(stores: &Stores, round: u128) {
    let (keys, nothing) = (&stores.api_keys, Consequences::default());
    let key = ApiKey {
        id: ApiKeyId(Uuid::from_u128(round)),
        user_id: user(ANN),
        name: "a key".parse().unwrap(),
        scopes: [Scope::Speech].into(),
        digest: [1; 32],
        created_at: at(0),
        expires_at: None,
        last_used_at: None,
    };
    let by = begun(stores, 10_000 + round).await;
    keys.insert(&key, by, 10, &nothing).await.unwrap();
    keys.used(user(ANN), key.id, at(1)).await.unwrap();
    assert!(keys.of_bearer(key.id).await.unwrap().is_some());
    assert_eq!(keys.list(user(ANN)).await.unwrap().len(), 1);
    assert!(keys.revoke(user(ANN), key.id, &nothing).await.unwrap());
}

async fn use_passkeys(stores: &Stores, round: u8, by: SessionId) {
    let (passkeys, nothing) = (&stores.passkeys, Consequences::default());
    let audience = PasskeyAudience::Anybody;
    let challenge = PasskeyChallenge {
        id: PasskeyChallengeId(Uuid::from_u128(round.into())),
        audience,
        state: CeremonyState("{}".to_owned()),
        expires_at: at(300),
    };
    passkeys.issue(&challenge).await.unwrap();
    let redeemed = passkeys.redeem(challenge.id, audience, at(0)).await;
    assert!(redeemed.unwrap().is_some());
    passkeys.purge(at(0), 10).await.unwrap();
    let passkey = Passkey {
        id: PasskeyId(Uuid::from_u128(round.into())),
        user_id: user(ANN),
        name: "a passkey".parse().unwrap(),
        credential: PasskeyCredential {
            id: CredentialId::new(vec![round]).unwrap(),
            public_key: "{}".to_owned(),
        },
        counter: 0,
        created_at: at(0),
        last_used_at: None,
    };
    passkeys.insert(&passkey, by, 10, &nothing).await.unwrap();
    let using = PasskeyUse {
        counter: 1,
        at: at(1),
    };
    assert!(passkeys.used(user(ANN), passkey.id, &using).await.unwrap());
    let renamed = passkeys.rename(user(ANN), passkey.id, &passkey.name, &nothing);
    assert!(renamed.await.unwrap());
    assert_eq!(passkeys.list(user(ANN)).await.unwrap().len(), 1);
    passkeys.remove(user(ANN), passkey.id, &nothing).await.unwrap();
}

async fn use_identities(stores: &Stores, round: u128) {
    let (identities, nothing) = (&stores.identities, Consequences::default());
    let identity = LinkedIdentity {
        id: IdentityId(Uuid::from_u128(round)),
        user_id: user(ANN),
        provider: "company".parse().unwrap(),
        issuer: "https://id.example.com".to_owned(),
        subject: "ann".parse().unwrap(),
        email: None,
        linked_at: at(60),
    };
    let before = stores.accounts.by_id(user(ANN)).await.unwrap().unwrap();
    let after = before.changed(at(60), |_| ());
    let change = AccountChange::new(&before, after, nothing.clone()).linking(identity.clone());
    stores.accounts.save(&change).await.unwrap();
    let found = identities.by_subject(&identity.issuer, &identity.subject).await;
    assert!(found.unwrap().is_some());
    assert_eq!(identities.list(user(ANN)).await.unwrap().len(), 1);
    let unlinked = identities.unlink(user(ANN), identity.id, &nothing).await.unwrap();
    assert_eq!(unlinked, UnlinkOutcome::Unlinked);
    let authorization = Authorization {
        id: AuthorizationId(Uuid::from_u128(round)),
        provider: identity.provider,
        errand: Errand::Link {
            user_id: user(ANN),
            session_id: SessionId(Uuid::from_u128(round)),
        },
        return_to: "https://app.example.com".to_owned(),
        browser: [1; 32],
        expires_at: at(600),
    };
    stores.authorizations.begin(&authorization).await.unwrap();
    let taken = stores.authorizations.take(authorization.id, at(1)).await;
    assert!(taken.unwrap().is_some());
    stores.authorizations.purge_expired(at(0), 10).await.unwrap();
}

async fn use_second_factors(stores: &Stores, round: u64) {
    let (factors, nothing) = (&stores.second_factors, Consequences::default());
    let secret = Sealed {
        key_id: "test".parse().unwrap(),
        nonce: [1; Sealed::NONCE_BYTES],
        ciphertext: vec![1; 36],
    };
    assert!(factors.begin(user(ANN), &secret, at(0)).await.unwrap());
    let factor = NewFactor {
        user_id: user(ANN),
        secret,
        step: round,
        codes: vec![[1; 32]],
        now: at(1),
    };
    assert!(factors.confirm(&factor, &nothing).await.unwrap());
    assert!(factors.by_user(user(ANN)).await.unwrap().is_some());
    assert!(factors.use_step(user(ANN), round + 1).await.unwrap());
    let newest = "newest".parse().unwrap();
    let otherwise = stores
        .sealed_factors
        .sealed_otherwise(&newest, None, 10)
        .await
        .unwrap();
    let anew = &otherwise[0].sealed;
    assert!(stores.sealed_factors.replace(&otherwise[0], anew).await.unwrap());
    assert!(factors.use_code(user(ANN), &[1; 32], &nothing).await.unwrap());
    assert!(
        factors
            .renew_codes(user(ANN), &[[2; 32]], &nothing)
            .await
            .unwrap()
    );
    let removed = factors.remove(user(ANN), Ends::Nothing, at(2), &nothing).await;
    assert_eq!(removed.unwrap(), Some(Vec::new()));
}

async fn use_lockouts(stores: &Stores) {
    let lockouts = &stores.lockouts;
    let device = SeenDevice {
        user_id: user(ANN),
        id: DeviceId(Uuid::from_u128(1)),
    };
    let account = LockoutKey::of_email(&"ann@example.com".parse().unwrap());
    let attempt = Attempt {
        account,
        device: Some(LockoutKey::of_device(device)),
        address: Some(LockoutKey::of_address([10, 0, 0, 1].into())),
    };
    let policy = LockoutPolicy {
        attempts: 1,
        lock: TimeDelta::minutes(30),
        address_attempts: 100,
    };
    let Verdict::Admitted(admission) = lockouts.count(&attempt, &policy, at(0)).await.unwrap() else {
        panic!("not admitted");
    };
    let until = lockouts.locked_until(account, at(1)).await.unwrap();
    assert_eq!(until, admission.locks);
    let nothing = Consequences::default();
    assert!(
        lockouts
            .announce(account, until.unwrap(), &nothing)
            .await
            .unwrap()
    );
    let succeeded = lockouts.settle(&attempt, &policy, &admission, Outcome::Succeeded);
    succeeded.await.unwrap();
    let unlock = Unlock {
        user: user(ANN),
        account,
        redeems: None,
        ends: Ends::Nothing,
        now: at(2),
        consequences: nothing,
    };
    lockouts.unlock(&unlock).await.unwrap().unwrap();
    lockouts.purge(at(0), 10).await.unwrap();
}

async fn use_settings(stores: &Stores, round: u128) {
    let nothing = Consequences::default();
    let before = stores.settings.by_user(user(ANN)).await.unwrap();
    stores.settings.desired_retention(user(ANN)).await.unwrap();
    let kept = KeptPreferences {
        preferences: Preferences::default(),
        revision: before.map_or(0, |before| before.revision) + 1,
        updated_at: at(0),
    };
    stores.settings.save(user(ANN), &kept, &nothing).await.unwrap();
    let (keys, provider) = (&stores.provider_keys, KeyProvider::OpenAi);
    let key = ProviderKey {
        provider,
        sealed: format!("v1.{round}.{}", "A".repeat(64)).parse().unwrap(),
        last_four: "abcd".parse().unwrap(),
        set_at: at(0),
    };
    keys.keep(user(ANN), &key, &nothing).await.unwrap();
    assert_eq!(keys.list(user(ANN)).await.unwrap(), [key]);
    let newest = "newest".parse().unwrap();
    let otherwise = stores.sealed.sealed_otherwise(&newest, None, 10).await.unwrap();
    let anew = &otherwise[0].sealed;
    assert!(stores.sealed.replace(&otherwise[0], anew).await.unwrap());
    assert!(keys.remove(user(ANN), provider, &nothing).await.unwrap());
}

async fn use_words(stores: &Stores) {
    let words = &stores.words;
    words.lists().await.unwrap();
    words.list(&list_id("lesson")).await.unwrap();
    words.words_of(&list_id("lesson"), None, Some(2)).await.unwrap();
    words.words(&[word_id("w1"), word_id("w2")]).await.unwrap();
    words.release().await.unwrap();
    let query = WordQuery {
        text: "w".to_owned(),
        language: None,
    };
    words.search(&query, None, 10).await.unwrap();
}

/// The change of this number to a word.
fn change<T>(number: u128, word: &str, what: T) -> Change<T> {
    Change {
        word_id: word_id(word),
        event_id: EventId(Uuid::from_u128(number)),
        progress_id: ProgressId(Uuid::from_u128(number << 32)),
        what,
    }
}

fn review(number: u128, word: &str, seconds: i64) -> Change<NewReview> {
    let what = NewReview {
        rating: Rating::Good,
        at: at(seconds),
        clamped: false,
        duration_ms: None,
        device_id: None,
        retention: DEFAULT_RETENTION,
    };
    change(number, word, what)
}

async fn append_to_log(stores: &Stores, first: u128) {
    let later = i64::try_from(first).unwrap() * 1_000;
    let set = NewSet {
        confidence: Some(0.25),
        ..NewSet::default()
    };
    let item = MergeItem {
        study_count: Some(90 + u32::try_from(first).unwrap()),
        ..MergeItem::default()
    };
    for changes in [
        Changes::Reviews(vec![
            review(first + 1, "w1", later + 10),
            review(first + 2, "w2", later + 20),
        ]),
        Changes::Reviews(vec![review(first + 3, "w1", later + 30)]),
        // Late, so that the log of the word is read.
        Changes::Reviews(vec![
            review(first + 4, "w1", later + 5),
            review(first + 4, "w1", later + 5),
        ]),
        Changes::Sets(vec![change(first + 5, "w3", set)]),
        Changes::Merge(vec![change(first + 6, "w2", item)]),
        Changes::Forget(change(first + 7, "w3", Precondition::default())),
        Changes::Undo {
            review: EventId(Uuid::from_u128(first + 2)),
            event_id: EventId(Uuid::from_u128(first + 8)),
        },
    ] {
        let submission = Submission {
            changes,
            now: at(later + 100),
            dry_run: false,
        };
        stores.progress.append(user(ANN), &submission).await.unwrap();
    }
}

async fn read_progress(stores: &Stores) {
    let (progress, ann, list) = (&stores.progress, user(ANN), list_id("lesson"));
    let word = word_id("w1");
    progress.by_word(ann, &word).await.unwrap().unwrap();
    progress.list(ann, None, Some(10)).await.unwrap();
    progress.list(ann, Some(3), Some(10)).await.unwrap();
    progress.changes(ann, 0, 10).await.unwrap();
    for list in [None, Some(&list)] {
        progress.due(ann, at(1_000_000), list, Some(10)).await.unwrap();
    }
    progress.unseen(ann, &list, 10).await.unwrap();
    progress.totals(ann, at(0)).await.unwrap();
    progress.list_summary(ann, &list).await.unwrap();
    progress.activity(ann, at(-86_400), at(86_400)).await.unwrap();
    for word in [None, Some(&word)] {
        progress.reviews(ann, word, 0, 10).await.unwrap();
    }
}

async fn use_spending(stores: &Stores, round: u128) {
    let spending = &stores.spending;
    let day = at(86_400 * i64::try_from(round).unwrap()).date_naive();
    for user in [Some(user(ANN)), None] {
        let five = Spending {
            user,
            day,
            meter: Meter::Characters,
            amount: 5,
        };
        let caps = Caps { user: 5, all: 10 };
        spending.reserve(&five, &caps).await.unwrap();
        spending.give_back(&Spending { amount: 1, ..five }).await.unwrap();
        spending.spent(user, day, Meter::Characters).await.unwrap();
    }
    spending.purge(day, 10).await.unwrap();
}

async fn use_idempotency(stores: &Stores, round: u128) {
    let (requests, ann) = (&stores.idempotency, user(ANN));
    let key = format!("key{round}").parse().unwrap();
    let answer = GivenAnswer {
        status: 200,
        content_type: "application/json".to_owned(),
        body: "{}".into(),
    };
    for expected in [Beginning::New, Beginning::InProgress] {
        assert_eq!(
            requests.begin(ann, &key, &[1; 32], at(0)).await.unwrap(),
            expected
        );
    }
    requests.abandon(ann, &key, &[1; 32]).await.unwrap();
    requests.begin(ann, &key, &[1; 32], at(0)).await.unwrap();
    requests.finish(ann, &key, &[1; 32], &answer).await.unwrap();
    requests.purge(at(0), 10).await.unwrap();
}

async fn use_audit(stores: &Stores, round: u128) {
    let (log, chain) = (
        &stores.audit,
        AuditChain::new(&"any secret will do here".into(), &[]),
    );
    let entry = AuditEntry {
        id: AuditId(Uuid::from_u128(1_000 + round)),
        at: at(0),
        actor: Actor::Account(user(ANN)),
        action: Action::AuditRead,
        subject: Some(user(ANN)),
        circumstances: Circumstances::default(),
        details: BTreeMap::new(),
    };
    log.append(std::slice::from_ref(&entry)).await.unwrap();
    let all = AuditFilter::default();
    let after = AuditCursor {
        at: entry.at,
        id: entry.id,
    };
    for filter in [
        all,
        AuditFilter {
            actor: Some(user(ANN)),
            ..all
        },
        AuditFilter {
            subject: Some(user(ANN)),
            ..all
        },
        AuditFilter {
            action: Some(entry.action),
            from: Some(at(0)),
            to: Some(at(1)),
            ..all
        },
    ] {
        log.page(&filter, None, 10).await.unwrap();
        log.page(&filter, Some(after), 10).await.unwrap();
    }
    assert!(log.backlog().await.unwrap().entries > 0);
    assert!(log.seal(&chain, 100).await.unwrap() > 0);
    assert!(log.head().await.unwrap().is_some());
    assert!(!log.sealed(Some(0), 100).await.unwrap().is_empty());
    assert_eq!(log.purge(&chain, at(-1), 100).await.unwrap(), 0);
    assert_eq!(log.purge(&chain, at(1), 1).await.unwrap(), 1);
}

async fn use_outbox(stores: &Stores, round: u128) {
    let (outbox, id) = (&stores.outbox, MailId(Uuid::from_u128(round)));
    let consequences = Consequences::default().and_mail(OutgoingMail {
        id,
        user_id: user(ANN),
        to: "ann@example.com".parse().unwrap(),
        language: None,
        message: Message::PasswordChanged,
        created_at: at(0),
    });
    stores.secrets.issue(&consequences).await.unwrap();
    let attempt = AttemptId(Uuid::from_u128(round));
    let lease = Lease {
        attempt,
        now: at(0),
        until: at(60),
        limit: 1,
    };
    assert_eq!(outbox.take(&lease).await.unwrap().len(), 1);
    let fate = Fate::Sent { at: at(1) };
    assert!(outbox.note(user(ANN), id, attempt, fate).await.unwrap());
    outbox.backlog().await.unwrap();
    outbox.purge(at(0), 10).await.unwrap();
}

async fn use_exports(stores: &Stores, round: u128) {
    let (exports, id) = (&stores.exports, ExportId(Uuid::from_u128(round)));
    let order = ExportOrder {
        user_id: user(ANN),
        id,
        now: at(0),
        limit: 100,
        since: at(-60),
    };
    let requested = exports.request(&order, &Consequences::default()).await.unwrap();
    assert!(matches!(requested, Requested::Begun(_)), "{requested:?}");
    let again = exports.request(&order, &Consequences::default()).await.unwrap();
    assert!(matches!(again, Requested::Underway(_)), "{again:?}");
    let attempt = ExportAttempt(Uuid::from_u128(round));
    let lease = ExportLease {
        attempt,
        now: at(0),
        until: at(60),
    };
    exports.take(&lease).await.unwrap().unwrap();
    assert!(exports.renew(user(ANN), id, attempt, at(90)).await.unwrap());
    let outcome = ExportOutcome::Failed { at: at(1) };
    let nothing = Consequences::default();
    let noted = exports.finish(user(ANN), id, attempt, &outcome, &nothing);
    assert!(noted.await.unwrap());
    exports.latest(user(ANN)).await.unwrap();
    exports.by_id(user(ANN), id).await.unwrap();
    exports.purge(at(0), 10).await.unwrap();
}

/// Ann, somebody else, and a list of words.
async fn prepare(stores: &Stores) {
    let ann = account(ANN, "ann@example.com", Some("ann"));
    let first = new_session(ANN, ann.account.id, 0);
    stores.keep(&ann, &first).await.unwrap();
    stores.learner(2).await;
    stores.list_of("lesson", &["w1", "w2", "w3", "w4"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_statement_on_user_data_names_the_user() {
    let scene = scene().await;
    let (stores, transfer) = (&scene.installation.stores, &scene.installation.transfer);
    scene.mark("the use of everything").await;
    prepare(stores).await;
    use_all(stores, 0).await;
    let mut record = transfer.export(user(ANN)).await.unwrap().unwrap();
    assert!(!transfer.import(&record).await.unwrap());
    record.holdings.account.account.id = user(3);
    record.holdings.account.account.email = "carol@example.com".parse().unwrap();
    record.holdings.account.account.username = None;
    for (number, session) in (900..).zip(&mut record.holdings.sessions) {
        *session = new_session(number, user(3), 0);
    }
    assert!(transfer.import(&record).await.unwrap());
    transfer.learners(None, 10).await.unwrap();
    transfer.learners(Some(user(1)), 10).await.unwrap();
    let sent = scene.since("the use of everything").await;

    // By their ids, or by what they sign in with.
    let names: Vec<String> = [1, 2, 3].map(|number| user(number).to_string()).into();
    let names = [names, vec!["'ann@example.com'".to_owned(), "'ann'".to_owned()]].concat();
    let on_learners: Vec<&Logged> = sent
        .iter()
        .filter(|sent| is_on_a_learners_data(&sent.sql))
        .collect();
    for sent in &on_learners {
        assert_eq!(fault(&sent.sql), None, "{sent:?}");
        let is_named = names.iter().any(|name| sent.parameters.contains(name));
        assert!(is_named || sent.step != "execute", "{sent:?}");
    }
    let mut executed: Vec<&str> = on_learners.iter().map(|sent| &*sent.sql).collect();
    executed.sort_unstable();
    executed.dedup();
    assert!(executed.len() > 25, "not everything was used: {executed:#?}");
    for sent in &sent {
        assert_eq!(fault(&sent.sql), None, "{sent:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn hot_statements_are_parsed_once() {
    let scene = scene().await;
    let stores = &scene.installation.stores;
    prepare(stores).await;
    scene.mark("the first time").await;
    use_all(stores, 0).await;
    let first = scene.since("the first time").await;
    let mut parsed = BTreeMap::<(&str, &str), u32>::new();
    for sent in first.iter().filter(|sent| sent.step == "parse") {
        *parsed.entry((&sent.process, &sent.sql)).or_default() += 1;
    }
    assert!(parsed.len() > 25, "{parsed:#?}");
    let twice: Vec<_> = parsed.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "{twice:#?}");
    for round in 1..4 {
        let mark = format!("time {round}");
        scene.mark(&mark).await;
        use_all(stores, round).await;
        let mut again = scene.since(&mark).await;
        // What is seldom and takes long has a connection of its own.
        let is_bulk = |sent: &&Logged| sent.sql.contains("idle_in_transaction_session_timeout");
        let bulk: Vec<String> = again
            .iter()
            .filter(is_bulk)
            .map(|sent| sent.process.clone())
            .collect();
        again.retain(|sent| !bulk.contains(&sent.process));
        let executed = again.iter().filter(|sent| sent.step == "execute").count();
        assert!(executed > 25, "{again:#?}");
        let others: Vec<&Logged> = again
            .iter()
            .filter(|sent| !["bind", "execute", "failure"].contains(&&*sent.step))
            // The ends of a transaction are words, not statements with a plan.
            .filter(|sent| !["BEGIN", "COMMIT", "ROLLBACK"].contains(&&*sent.sql))
            .collect();
        assert!(others.is_empty(), "{others:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_statement_but_those_of_progress_reads_a_whole_table() {
    let scene = scene().await;
    let stores = &scene.installation.stores;
    prepare(stores).await;
    scene.mark("the use of everything").await;
    use_accounts(stores, 0).await;
    use_directory(stores).await;
    use_sessions(stores, 0).await;
    use_identities(stores, 0).await;
    use_lockouts(stores).await;
    use_second_factors(stores, 1).await;
    let by = begun(stores, 20_000).await;
    use_passkeys(stores, 1, by).await;
    use_words(stores).await;
    use_spending(stores, 0).await;
    use_idempotency(stores, 0).await;
    use_audit(stores, 0).await;
    let transfer = &scene.installation.transfer;
    transfer.learners(None, 10).await.unwrap();
    transfer.learners(Some(user(1)), 10).await.unwrap();
    transfer.words(None, 10).await.unwrap();
    transfer.export(user(1)).await.unwrap();
    let sent = scene.since("the use of everything").await;
    let mut texts: Vec<&str> = sent
        .iter()
        .filter(|sent| sent.step == "execute" && !sent.sql.starts_with("SET "))
        // The search looks at every word, by intent.
        .filter(|sent| !sent.sql.contains("FROM wanted"))
        .map(|sent| &*sent.sql)
        .collect();
    texts.sort_unstable();
    texts.dedup();
    assert!(texts.len() > 20, "{texts:#?}");
    // Whatever can be looked up is, and as it will be once a statement was used often.
    let settings = "SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan";
    scene.marker.batch_execute(settings).await.unwrap();
    for sql in texts {
        let plan = plan_of(&scene.marker, sql).await;
        // There are a few lists, and one release.
        let is_whole = |line: &&String| {
            line.contains("Seq Scan")
                && !line.contains("Seq Scan on word_lists")
                && !line.contains("Seq Scan on vocabulary_release")
        };
        assert_eq!(plan.iter().find(is_whole), None, "{sql}\n{plan:#?}");
    }
}

/// How a statement would be executed, line by line.
async fn plan_of(session: &Client, sql: &str) -> Vec<String> {
    let arguments = (1..)
        .take_while(|number| sql.contains(&format!("${number}")))
        .map(|_| "NULL");
    let mut arguments = arguments.collect::<Vec<_>>().join(", ");
    if !arguments.is_empty() {
        arguments = format!("({arguments})");
    }
    let explain = format!("PREPARE it AS {sql}; EXPLAIN EXECUTE it{arguments}; DEALLOCATE it");
    let answers = session.simple_query(&explain).await.unwrap();
    let lines = answers.into_iter().filter_map(|answer| match answer {
        SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap().to_owned()),
        _ => None,
    });
    lines.collect()
}
