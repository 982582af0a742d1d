//! What every [`PasswordHasher`] must do.

use parlance_domain::accounts::{Password, PasswordHash, PasswordHasher, Verification};

/// Makes a test of each rule of a password hasher; the expression makes one.
#[macro_export]
macro_rules! password_hasher_contract {
    ($make:expr) => {
        $crate::tests_of_rules!(
            hasher,
            $make,
            [
                a_password_matches_its_own_hash,
                another_password_does_not_match,
                every_character_of_a_long_password_counts,
                a_hash_does_not_hold_the_password,
                without_a_hash_nothing_matches,
                an_unreadable_hash_is_a_mismatch_and_no_error,
            ]
        );
    };
}

fn password(text: &str) -> Password {
    Password::attempt(text).unwrap()
}

async fn verify(hasher: &dyn PasswordHasher, text: &str, hash: Option<&PasswordHash>) -> Verification {
    hasher.verify(&password(text), hash).await.unwrap()
}

/// And the hash is as new ones are made.
pub async fn a_password_matches_its_own_hash(hasher: &dyn PasswordHasher) {
    for text in ["Abcdefg1", "x", "päß 字 🙂", &"密".repeat(128)] {
        let hash = hasher.hash(&password(text)).await.unwrap();
        assert_eq!(
            verify(hasher, text, Some(&hash)).await,
            Verification::Match,
            "{text}"
        );
    }
}

/// However like it is.
pub async fn another_password_does_not_match(hasher: &dyn PasswordHasher) {
    let hash = hasher.hash(&password("Abcdefg1")).await.unwrap();
    for other in ["abcdefg1", "Abcdefg", "Abcdefg12", " Abcdefg1", "Abcdefg1 "] {
        let verification = verify(hasher, other, Some(&hash)).await;
        assert_eq!(verification, Verification::Mismatch, "{other:?}");
    }
}

/// None is cut off, in whatever script.
pub async fn every_character_of_a_long_password_counts(hasher: &dyn PasswordHasher) {
    for character in ["a", "密"] {
        let begin = character.repeat(Password::MAX_CHARACTERS - 1);
        let hash = hasher.hash(&password(&format!("{begin}X"))).await.unwrap();
        let other = verify(hasher, &format!("{begin}Y"), Some(&hash)).await;
        assert_eq!(other, Verification::Mismatch);
        assert_eq!(verify(hasher, &begin, Some(&hash)).await, Verification::Mismatch);
    }
}

/// Not as it is.
pub async fn a_hash_does_not_hold_the_password(hasher: &dyn PasswordHasher) {
    let hash = hasher.hash(&password("Abcdefg1")).await.unwrap();
    assert!(!hash.as_str().contains("Abcdefg1"));
}

/// For somebody who has no account.
pub async fn without_a_hash_nothing_matches(hasher: &dyn PasswordHasher) {
    assert_eq!(verify(hasher, "Abcdefg1", None).await, Verification::Mismatch);
}

/// Whatever somebody wrote in its place.
pub async fn an_unreadable_hash_is_a_mismatch_and_no_error(hasher: &dyn PasswordHasher) {
    let sixty_bytes = "字".repeat(20);
    for unreadable in ["", "Abcdefg1", "v99$x", "$2b$99$x", &sixty_bytes] {
        let hash = PasswordHash::from_stored(unreadable.to_owned());
        let verification = verify(hasher, "Abcdefg1", Some(&hash)).await;
        assert_eq!(verification, Verification::Mismatch, "{unreadable:?}");
    }
}
