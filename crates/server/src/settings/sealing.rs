//! What secrets are sealed with that must be read again.

use std::collections::BTreeSet;

use parlance_platform::{EncryptionKey, InvalidEncryptionKey};

use super::reader::Reader;

/// In 43 random characters there are about 32 different ones.
const MIN_DIFFERENT_CHARACTERS: usize = 12;

/// The keys, the one that seals first; two of one name are refused.
pub(super) fn encryption_keys(reader: &mut Reader<'_>) -> Vec<EncryptionKey> {
    let keys = reader.list("ENCRYPTION_KEYS", parse);
    for (at, key) in keys.iter().enumerate() {
        if keys[..at].iter().any(|before| before.id() == key.id()) {
            reader.refuse("ENCRYPTION_KEYS", format!("names two keys `{}`", key.id()));
        }
    }
    keys
}

fn parse(text: &str) -> Result<EncryptionKey, String> {
    let key: EncryptionKey = text
        .parse()
        .map_err(|error: InvalidEncryptionKey| error.to_string())?;
    let different: BTreeSet<u8> = text.bytes().skip(key.id().as_str().len() + 1).collect();
    if different.len() < MIN_DIFFERENT_CHARACTERS {
        return Err("holds a guessable key; `openssl rand -base64 32` makes a good one".to_owned());
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use crate::settings::tests::{development, production, subjects};

    const KEYS: &str =
        "b:gmOPuVt0AmHpQuzAr_5LwOM9iNXo6xTcCWiMyJrSRGs, a:uY7sXw2kQe9LrTz4Vb1NcM6pHj3GdFa8So5IiKlPqWw";

    #[test]
    fn keys_are_told_in_their_order_and_shown_to_nobody() {
        let settings = development([("ENCRYPTION_KEYS", KEYS)]).unwrap();
        let names: Vec<&str> = settings
            .encryption_keys
            .iter()
            .map(|key| key.id().as_str())
            .collect();
        assert_eq!(names, ["b", "a"]);
        let shown = format!("{settings:?}");
        assert!(!shown.contains("gmOP") && !shown.contains("uY7s"), "{shown}");
    }

    #[test]
    fn a_key_is_read_in_either_alphabet_with_padding_or_without() {
        for key in [
            "gmOPuVt0AmHpQuzAr_5LwOM9iNXo6xTcCWiMyJrSRGs",
            "gmOPuVt0AmHpQuzAr/5LwOM9iNXo6xTcCWiMyJrSRGs=",
        ] {
            assert!(development([("ENCRYPTION_KEYS", &format!("a:{key}"))]).is_ok());
        }
    }

    #[test]
    fn threat_13_what_is_no_key_or_a_guessable_one_and_two_of_one_name_are_refused() {
        let first = KEYS.split(',').next().unwrap();
        for bad in [
            "gmOPuVt0AmHpQuzAr_5LwOM9iNXo6xTcCWiMyJrSRGs",
            "a:short",
            "a b:gmOPuVt0AmHpQuzAr_5LwOM9iNXo6xTcCWiMyJrSRGs",
            "a:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            &format!("{first},{first}"),
        ] {
            let refused = development([("ENCRYPTION_KEYS", bad)]);
            let text = refused.as_ref().err().unwrap().to_string();
            assert!(!text.contains("gmOP"), "{text}");
            assert_eq!(subjects(refused), ["ENCRYPTION_KEYS"], "{bad}");
        }
    }

    #[test]
    fn production_goes_without_a_key_and_is_told_what_that_means() {
        let told = |settings: crate::settings::Settings| {
            let warnings = settings.warnings;
            warnings.iter().any(|warning| warning.contains("ENCRYPTION_KEYS"))
        };
        assert!(told(production([("ENCRYPTION_KEYS", "")]).unwrap()));
        assert!(!told(production([]).unwrap()));
        assert!(!told(development([]).unwrap()));
    }
}
