//! Speech and conversations by the real binary: with nothing configured, after a crash, ahead of time.

use std::time::Duration;

use parlance_testbed::openai::{FakeOpenAi, OpenAiBehaviour};
use parlance_testbed::{FakeGoogle, GoogleBehaviour, GoogleService, Redis, TestDatabase, redis_url};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Parlance, Running};
use crate::harness::{TestUser, assert_problem};

/// Lets a fake Google speak, listen and write.
fn with_google(parlance: Parlance, google: &FakeGoogle) -> Parlance {
    parlance
        .set("GOOGLE_API_KEY", FakeGoogle::API_KEY)
        .set("GOOGLE_TTS_URL", &google.url())
        .set("GOOGLE_STT_URL", &google.url())
        .set("GEMINI_URL", &google.url())
}

/// A word of the vocabulary.
async fn word(server: &Running) -> (String, String) {
    let found = server
        .get("/api/v1/vocabulary/words?q=学习&limit=1")
        .await
        .expect(200)
        .json();
    let text = |member: &str| found[0][member].as_str().unwrap().to_owned();
    (text("wordId"), text("term"))
}

#[tokio::test]
async fn with_nothing_configured_a_word_becomes_a_dialogue_that_can_be_heard() {
    let parlance = Parlance::new();
    let server = parlance.serve().await;
    let config = server.get("/api/v1/config").await.expect(200).json();
    assert_eq!(
        (&config["speech"], &config["conversations"]),
        (&json!(true), &json!(true))
    );
    let user = server.register("ann@example.com").await;
    let (id, term) = word(&server).await;
    let conversation = user.converse(&id, &term).await.expect(200).json();
    assert_eq!(conversation["provider"], "offline");
    let turns = conversation["turns"].as_array().unwrap();
    assert!((3..=5).contains(&turns.len()), "{conversation}");
    for (index, turn) in turns.iter().enumerate() {
        let spoken = user
            .speak_turn(&id, index, &turn["chinese"])
            .await
            .expect(200)
            .json();
        let sound = server.get(spoken["audioUrl"].as_str().unwrap()).await.expect(200);
        assert_eq!(sound.header("content-type"), Some("audio/wav"));
        assert!(
            sound.body.starts_with(b"RIFF") && sound.body.len() > 10_000,
            "{turn}"
        );
    }
    let spoken = user.speak(&term).await.expect(200).json();
    assert_eq!(spoken["provider"], "offline");
    assert!(
        !user
            .get("/api/v1/tts/voices?language=zh")
            .await
            .expect(200)
            .json()
            .as_array()
            .unwrap()
            .is_empty()
    );
    server.stop().await;
}

#[tokio::test]
async fn without_espeak_the_answer_names_the_settings() {
    let parlance = Parlance::new().set("ESPEAK_PATH", "/nowhere/espeak-ng");
    let server = parlance.serve().await;
    let config = server.get("/api/v1/config").await.expect(200).json();
    assert_eq!(
        (&config["speech"], &config["conversations"]),
        (&json!(false), &json!(true))
    );
    let user = server.register("ann@example.com").await;
    for answer in [user.speak("hello").await, user.get("/api/v1/tts/voices").await] {
        assert_problem(&answer, 503, "SPEECH_UNAVAILABLE");
        let told = answer.json()["error"].as_str().unwrap().to_owned();
        for setting in ["ESPEAK_PATH", "GOOGLE_API_KEY"] {
            assert!(told.contains(setting), "{told}");
        }
        assert!(!told.contains("/nowhere"), "{told}");
    }
    // Dialogues are written all the same.
    user.converse("w", "学习").await.expect(200);
    server.stop().await;
}

#[tokio::test]
async fn production_is_offline_only_when_it_is_asked_for_by_name() {
    let parlance = Parlance::new().in_production();
    let server = parlance.serve().await;
    let user = server.register("ann@example.com").await;
    let answer = user.converse("w", "学习").await;
    assert_problem(&answer, 503, "CONVERSATION_UNAVAILABLE");
    assert!(
        answer.json()["error"]
            .as_str()
            .unwrap()
            .contains("GEMINI_API_KEY")
    );
    assert_problem(&user.speak("hello").await, 503, "SPEECH_UNAVAILABLE");
    server.stop().await;
    let named = Parlance::new()
        .in_production()
        .set("SPEECH_PROVIDER", "offline")
        .set("CONVERSATION_PROVIDER", "offline");
    let server = named.serve().await;
    let user = server.register("ann@example.com").await;
    assert_eq!(
        user.converse("w", "学习").await.expect(200).json()["provider"],
        "offline"
    );
    assert_eq!(
        user.speak("hello").await.expect(200).json()["provider"],
        "offline"
    );
    server.stop().await;
}

#[tokio::test]
async fn threat_50_an_answer_outlives_a_crash() {
    let google = FakeGoogle::start().unwrap();
    let parlance = with_google(Parlance::new(), &google);
    let server = parlance.serve().await;
    let user = server.register("ann@example.com").await;
    let post = async |user: &TestUser| {
        let request = user
            .request(Method::POST, "/api/v1/tts")
            .header("idempotency-key", "one");
        user.send(request.json(&json!({ "text": "hello" }))).await
    };
    let first = post(&user).await.expect(200);
    server.crash().await;
    let server = parlance.serve().await;
    let user = server.login("ann@example.com").await;
    let again = post(&user).await.expect(200);
    assert_eq!(
        (again.body, google.calls(GoogleService::Synthesis)),
        (first.body, 1)
    );
    server.stop().await;
}

#[tokio::test]
async fn threat_50_a_key_whose_request_a_crash_broke_off_is_free_again() {
    let google = FakeGoogle::start().unwrap();
    let parlance = with_google(Parlance::new(), &google);
    let server = parlance.serve().await;
    let user = server.register("ann@example.com").await;
    google.next(GoogleService::Synthesis, 1, GoogleBehaviour::Hang);
    let request = |user: &TestUser| {
        let request = user
            .request(Method::POST, "/api/v1/tts")
            .header("idempotency-key", "one");
        request.json(&json!({ "text": "hello" }))
    };
    let broken = tokio::spawn(request(&user).send());
    crate::harness::eventually("nobody asks", async || {
        google.calls(GoogleService::Synthesis) == 1
    })
    .await;
    server.crash().await;
    assert!(broken.await.unwrap().is_err());
    let server = parlance.serve().await;
    let user = server.login("ann@example.com").await;
    let early = user.send(request(&user)).await;
    assert_problem(&early, 409, "IDEMPOTENCY_IN_PROGRESS");
    // A minute later it is nobody's; the time of the key is moved instead of the clock of the process.
    age_keys(&parlance);
    user.send(request(&user)).await.expect(200);
    assert_eq!(google.calls(GoogleService::Synthesis), 2);
    server.stop().await;
}

/// Makes all idempotency keys two minutes older.
fn age_keys(parlance: &Parlance) {
    use diesel::connection::SimpleConnection;
    use diesel::{Connection, SqliteConnection};
    let path = parlance.dir().join("data/parlance.db");
    let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    connection
        .batch_execute("PRAGMA busy_timeout = 5000; UPDATE idempotency_keys SET begun_at = begun_at - 120000")
        .unwrap();
}

#[tokio::test]
async fn threat_48_keys_and_what_is_said_come_out_nowhere() {
    let google = FakeGoogle::start().unwrap();
    let parlance = with_google(Parlance::new(), &google)
        .set("RUST_LOG", "trace")
        .set("OPENAI_API_KEY", "sk-canary-of-openai")
        .set("OPENAI_MODEL", "gpt")
        .set("METRICS_ADDR", "127.0.0.1:0");
    let server = parlance.serve().await;
    let user = server.register("ann@example.com").await;
    let mut answers = vec![
        user.speak("canarytext").await.expect(200),
        user.converse("w", "学习").await.expect(200),
    ];
    for behaviour in [
        GoogleBehaviour::Status(403),
        GoogleBehaviour::Message(400, format!("key {} of canarytext", FakeGoogle::API_KEY)),
        GoogleBehaviour::NotJson,
        GoogleBehaviour::Cut,
    ] {
        google.always(GoogleService::Synthesis, behaviour.clone());
        google.always(GoogleService::Writing, behaviour.clone());
        answers.push(user.speak(&format!("canarytext {behaviour:?}")).await);
        answers.push(user.converse(&format!("w{}", answers.len()), "学习").await);
    }
    let metrics = server.metrics().await;
    let log = server.log.clone();
    server.stop().await;
    log.line("\"stopped\"").await.unwrap();
    let log = log.text();
    assert!(log.contains("/api/v1/tts"), "requests are logged at all");
    for canary in [FakeGoogle::API_KEY, "sk-canary", "canarytext", "学习"] {
        let found = log.lines().find(|line| line.contains(canary));
        assert_eq!(found, None, "{canary} is in the log");
        assert!(!metrics.contains(canary));
    }
    for answer in &answers {
        assert!(!answer.text().contains(FakeGoogle::API_KEY), "{}", answer.text());
    }
}

#[tokio::test]
async fn threat_48_learners_own_keys_come_out_nowhere() {
    const KEYS: [&str; 3] = [
        FakeOpenAi::KEY,
        FakeGoogle::LEARNERS_KEY,
        "sk-canary-of-a-learner-that-is-wrong",
    ];
    let (google, openai) = (FakeGoogle::start().unwrap(), FakeOpenAi::start().unwrap());
    let parlance = with_google(Parlance::new(), &google)
        .set("RUST_LOG", "trace")
        .set("OWN_KEYS_OPENAI_URL", &openai.url())
        .set("OWN_KEYS_OPENAI_MODEL", FakeOpenAi::MODEL)
        .set("METRICS_ADDR", "127.0.0.1:0");
    let server = parlance.serve().await;
    let user = server.register("ann@example.com").await;
    let mut answers = Vec::new();
    for (number, key) in KEYS.into_iter().enumerate() {
        let provider = if number == 1 { "google" } else { "openai" };
        answers.push(user.set_key(provider, key).await);
        openai.next(OpenAiBehaviour::Content(400, format!("key {key} of canarytext")));
        openai.next(OpenAiBehaviour::Content(500, format!("key {key} of canarytext")));
        openai.next(OpenAiBehaviour::Cut);
        for _ in 0..2 {
            answers.push(user.speak(&format!("canarytext {number}")).await);
            answers.push(user.converse(&format!("w{number}"), "学习").await);
        }
        user.delete(&format!("/api/v1/users/me/keys/{provider}")).await;
    }
    let metrics = server.metrics().await;
    let log = server.log.clone();
    server.stop().await;
    log.line("\"stopped\"").await.unwrap();
    let log = log.text();
    assert!(log.contains("/api/v1/tts"), "requests are logged at all");
    for canary in KEYS.into_iter().chain(["canarytext", "学习"]) {
        let found = log.lines().find(|line| line.contains(canary));
        assert_eq!(found, None, "{canary} is in the log");
        assert!(!metrics.contains(canary));
    }
    for answer in &answers {
        assert!(
            !KEYS.iter().any(|key| answer.text().contains(key)),
            "{}",
            answer.text()
        );
    }
}

/// An installation on PostgreSQL and Redis, with a short list of words.
struct Prewarmed {
    parlance: Parlance,
    google: FakeGoogle,
    _database: TestDatabase,
}

const WORDS: &str = "wordId,simplified,traditional,pinyin,english,partOfSpeech,frequencyRank\n\
                     t-1,你好,你好,nǐ hǎo,hello,phrase,1\n\
                     t-2,再见,再見,zài jiàn,goodbye,phrase,2\n\
                     t-3,谢谢,謝謝,xiè xie,thanks,phrase,3\n\
                     t-4,朋友,朋友,péng you,friend,noun,4\n";

impl Prewarmed {
    async fn new(redis: &str) -> Self {
        let (google, database) = (FakeGoogle::start().unwrap(), TestDatabase::empty().await);
        let parlance = with_google(Parlance::new(), &google)
            .set("DATABASE_URL", &database.url())
            .set("REDIS_URL", redis)
            .set("REDIS_PREFIX", &format!("test:{}:", database.name()));
        std::fs::write(parlance.dir().join("words.csv"), WORDS).unwrap();
        let import = [
            "words",
            "import",
            "words.csv",
            "--list-id",
            "greetings",
            "--name",
            "Greetings",
            "--language",
            "zh-CN",
            "--difficulty",
            "beginner",
        ];
        let imported = parlance.run(&import).await;
        assert!(imported.status.success(), "{imported:?}");
        Self {
            parlance,
            google,
            _database: database,
        }
    }

    /// Runs the command; whether it succeeded, and what it wrote.
    async fn run(&self, arguments: &[&str]) -> (bool, String) {
        let output = self
            .parlance
            .run(&[&["speech", "prewarm"], arguments].concat())
            .await;
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    }

    fn spoken(&self) -> u64 {
        self.google.calls(GoogleService::Synthesis)
    }
}

#[tokio::test]
async fn a_list_is_spoken_ahead_of_time_once() {
    let installation = Prewarmed::new(&redis_url()).await;
    let (done, text) = installation.run(&["greetings"]).await;
    assert!(done, "{text}");
    assert!(
        text.contains("greetings: 4 words, 4 made, 0 were there, 0 refused, 0 failed"),
        "{text}"
    );
    let (done, text) = installation.run(&["greetings", "--concurrency", "1"]).await;
    assert!(done && text.contains("0 made, 4 were there"), "{text}");
    assert_eq!(installation.spoken(), 4);
    // Whoever asks as most do finds it there.
    let server = installation.parlance.serve().await;
    let user = server.register("ann@example.com").await;
    let spoken = user.speak("谢谢").await.expect(200).json();
    assert_eq!(spoken["cached"], true);
    server.get(spoken["audioUrl"].as_str().unwrap()).await.expect(200);
    // Another rate is another sound.
    let (done, text) = installation
        .run(&["greetings", "--rate", "0.5", "--voice", "cmn-CN-Standard-B"])
        .await;
    assert!(done && text.contains("4 made"), "{text}");
    let body = json!({ "text": "你好", "rate": 0.5, "voice": "cmn-CN-Standard-B" });
    let slow: Value = user.post("/api/v1/tts", &body).await.expect(200).json();
    assert_eq!(slow["cached"], true);
    server.stop().await;
}

#[tokio::test]
async fn a_budget_that_is_spent_ends_it_and_it_goes_on_from_there() {
    let installation = Prewarmed::new(&redis_url()).await;
    let arguments = ["speech", "prewarm", "greetings", "--concurrency", "1"];
    let mut tight = installation.parlance.command(&arguments);
    let output = tight
        .env("SPEECH_CHARACTERS_PER_DAY", "5")
        .output()
        .await
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(text.contains("SPEECH_CHARACTERS_PER_DAY"), "{text}");
    assert_eq!(installation.spoken(), 2);
    let (done, text) = installation.run(&["greetings"]).await;
    assert!(done && text.contains("2 made, 2 were there"), "{text}");
}

#[tokio::test]
async fn a_provider_that_keeps_failing_ends_it() {
    let installation = Prewarmed::new(&redis_url()).await;
    installation
        .google
        .always(GoogleService::Synthesis, GoogleBehaviour::Status(403));
    let (done, text) = installation.run(&["greetings", "--concurrency", "1"]).await;
    assert!(!done && text.contains("there is nobody to speak"), "{text}");
    assert_eq!(installation.spoken(), 1);
    installation
        .google
        .always(GoogleService::Synthesis, GoogleBehaviour::Cut);
    let (done, text) = installation.run(&["greetings"]).await;
    assert!(!done && text.contains("4 words could not be spoken"), "{text}");
    assert!(!text.contains(FakeGoogle::API_KEY), "{text}");
}

#[tokio::test]
async fn what_cannot_be_kept_is_not_spoken() {
    let redis = Redis::start().unwrap();
    let installation = Prewarmed::new(&redis.url()).await;
    redis.kill().unwrap();
    let (done, text) = installation.run(&["greetings"]).await;
    assert!(!done && text.contains("Redis cannot be reached"), "{text}");
    let (done, text) = installation.run(&["nowhere"]).await;
    assert!(!done, "{text}");
    redis.start_again().unwrap();
    let (done, text) = installation.run(&["nowhere"]).await;
    assert!(!done && text.contains("there is no list"), "{text}");
    let without = with_google(Parlance::new(), &installation.google);
    let output = without.run(&["speech", "prewarm", "hsk3-band-1"]).await;
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && text.contains("REDIS_URL"), "{text}");
    assert_eq!(installation.spoken(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threat_55_of_five_hundred_at_once_on_two_copies_one_is_paid_for() {
    let (google, database) = (FakeGoogle::start().unwrap(), TestDatabase::empty().await);
    let parlance = with_google(Parlance::new(), &google)
        .set("DATABASE_URL", &database.url())
        .set("REDIS_URL", &redis_url())
        .set("REDIS_PREFIX", &format!("test:{}:", database.name()))
        // Tests have to do with less of the machine than a server has.
        .set("REDIS_DEADLINE_MS", "1000")
        .set("AI_LIMIT_PER_MINUTE", "0");
    let copies = [parlance.serve().await, parlance.serve().await];
    let user = copies[0].register("ann@example.com").await;
    let users = [user.clone(), copies[1].login("ann@example.com").await];
    google.latency(Duration::from_millis(1_500));
    for (path, body, member) in [
        ("/api/v1/tts", json!({ "text": "你好" }), "audioUrl"),
        (
            "/api/v1/conversations",
            json!({ "type": "text", "wordId": "w", "word": "学习" }),
            "id",
        ),
    ] {
        let asked = (0..500).map(|at| {
            let (user, body) = (users[at % 2].clone(), body.clone());
            async move { user.post(path, &body).await.expect(200).json() }
        });
        let answers: Vec<Value> = futures_util::future::join_all(asked).await;
        assert!(answers.iter().all(|answer| answer[member] == answers[0][member]));
    }
    let asked = [GoogleService::Synthesis, GoogleService::Writing].map(|service| google.calls(service));
    assert_eq!(asked, [1, 1], "{}{}", copies[0].log.text(), copies[1].log.text());
    for copy in copies {
        copy.stop().await;
    }
}
