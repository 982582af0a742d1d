//! Hashes of today, of yesterday, of elsewhere, and what is none.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use parlance_domain::accounts::{Password, PasswordHash, PasswordHasher, Verification};
use parlance_platform::{BcryptConfig, BcryptPasswordHasher};
use tracing_subscriber::fmt::MakeWriter;

use crate::support::hasher;

fn password(text: &str) -> Password {
    Password::attempt(text).unwrap()
}

fn stored(text: &str) -> PasswordHash {
    PasswordHash::from_stored(text.to_owned())
}

fn of_cost(cost: u32) -> BcryptPasswordHasher {
    BcryptPasswordHasher::new(BcryptConfig {
        cost,
        permits: 1,
        queue: 1,
    })
}

async fn verify(hasher: &BcryptPasswordHasher, text: &str, hash: &PasswordHash) -> Verification {
    hasher.verify(&password(text), Some(hash)).await.unwrap()
}

/// From the test vectors of `crypt_blowfish`, whose bcrypt is the one of Openwall.
const PLAIN: [(&str, &str); 3] = [
    (
        "U*U",
        "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
    ),
    (
        "U*U*",
        "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK",
    ),
    (
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789chars after 72 are ignored",
        "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui",
    ),
];

#[tokio::test]
async fn a_hash_names_its_version_and_cost_and_is_salted() {
    let hasher = hasher(1, 1);
    let one = hasher.hash(&password("Abcdefg1")).await.unwrap();
    let two = hasher.hash(&password("Abcdefg1")).await.unwrap();
    assert!(one.as_str().starts_with("v1$$2b$04$"));
    assert_ne!(one, two);
}

#[tokio::test]
async fn plain_bcrypt_hashes_from_elsewhere_match_and_are_replaced() {
    let hasher = hasher(1, 1);
    for (text, plain) in PLAIN {
        for version in ["$2a$", "$2b$", "$2y$"] {
            let hash = stored(&plain.replace("$2a$", version));
            let Verification::MatchOutdated(new) = verify(&hasher, text, &hash).await else {
                panic!("not matched: {version}")
            };
            assert_eq!(verify(&hasher, text, &new).await, Verification::Match);
            assert_eq!(verify(&hasher, "other", &hash).await, Verification::Mismatch);
        }
    }
}

#[tokio::test]
async fn once_replaced_what_was_cut_off_counts() {
    let hasher = hasher(1, 1);
    let (text, plain) = PLAIN[2];
    let short = &text[..72];
    let Verification::MatchOutdated(new) = verify(&hasher, short, &stored(plain)).await else {
        panic!("not matched")
    };
    assert_eq!(verify(&hasher, short, &new).await, Verification::Match);
    assert_eq!(verify(&hasher, text, &new).await, Verification::Mismatch);
}

#[tokio::test]
async fn a_hash_of_another_cost_is_replaced() {
    for (old, new) in [(4, 5), (5, 4)] {
        let hash = of_cost(old).hash(&password("Abcdefg1")).await.unwrap();
        let Verification::MatchOutdated(hash) = verify(&of_cost(new), "Abcdefg1", &hash).await else {
            panic!("not replaced")
        };
        assert!(hash.as_str().starts_with(&format!("v1$$2b$0{new}$")));
    }
}

#[tokio::test]
async fn threat_14_what_comes_after_72_bytes_counts() {
    let hasher = hasher(1, 1);
    let begin = "a".repeat(72);
    let hash = hasher.hash(&password(&format!("{begin}X"))).await.unwrap();
    assert_eq!(
        verify(&hasher, &format!("{begin}X"), &hash).await,
        Verification::Match
    );
    assert_eq!(
        verify(&hasher, &format!("{begin}Y"), &hash).await,
        Verification::Mismatch
    );
    assert_eq!(verify(&hasher, &begin, &hash).await, Verification::Mismatch);
}

#[tokio::test]
async fn threat_14_sixty_four_chinese_characters_all_count() {
    let hasher = hasher(1, 1);
    let chinese = "密".repeat(64);
    let hash = hasher.hash(&password(&chinese)).await.unwrap();
    assert_eq!(verify(&hasher, &chinese, &hash).await, Verification::Match);
    assert_eq!(
        verify(&hasher, &"密".repeat(63), &hash).await,
        Verification::Mismatch
    );
    assert_eq!(
        verify(&hasher, &format!("{}码", "密".repeat(63)), &hash).await,
        Verification::Mismatch
    );
}

/// What nobody can verify: empty, of the wrong form, version, length, cost, alphabet.
fn unreadable() -> Vec<String> {
    let (_, plain) = PLAIN[0];
    let mut hashes = vec![
        String::new(),
        "v1$".to_owned(),
        "v1".to_owned(),
        "$".repeat(60),
        "字".repeat(20),
        format!("$2b$04${}", "字".repeat(18)),
        format!("{plain}x"),
        plain[..59].to_owned(),
        format!("v1$v1${plain}"),
        format!("\0{}", &plain[1..]),
    ];
    for version in ["$2x$", "$2$", "$2c$", "$1$", "v2$$2a$"] {
        hashes.push(plain.replace("$2a$", version));
    }
    // Cost 31 would keep a core busy for days.
    for cost in ["$03$", "$00$", "$31$", "$99$", "$ 5$", "$-5$"] {
        hashes.push(plain.replace("$05$", cost));
    }
    hashes
}

/// Where log lines go.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn threat_16_a_broken_stored_hash_is_a_mismatch_and_one_line_in_the_log() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let hasher = hasher(1, 1);
    for text in unreadable() {
        log.0.lock().unwrap().clear();
        assert_eq!(
            verify(&hasher, "U*U", &stored(&text)).await,
            Verification::Mismatch,
            "{text:?}"
        );
        let lines = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert_eq!(lines.lines().count(), 1, "{text:?}: {lines}");
        assert!(lines.contains("unreadable"), "{lines}");
        assert!(text.len() < 5 || !lines.contains(&text), "the hash is in the log");
    }
}

#[tokio::test]
async fn threat_17_a_refusal_is_the_same_work_whatever_is_stored() {
    let hasher = of_cost(6);
    let ours = hasher.hash(&password("Abcdefg1")).await.unwrap();
    let cheaper = of_cost(4).hash(&password("Abcdefg1")).await.unwrap();
    let mut all_stored = vec![None, Some(ours), Some(cheaper), Some(stored(PLAIN[0].1))];
    all_stored.extend(unreadable().iter().map(|text| Some(stored(text))));
    for hash in all_stored {
        let before = hasher.rounds();
        let verification = hasher.verify(&password("wrong"), hash.as_ref()).await.unwrap();
        assert_eq!(verification, Verification::Mismatch);
        assert_eq!(
            hasher.rounds() - before,
            1 << 6,
            "{:?}",
            hash.as_ref().map(PasswordHash::as_str)
        );
    }
}
