//! What every [`Sealer`] must do.

use std::fmt::Debug;

use parlance_domain::sealing::{KeyId, Label, OpenError, SealError, Sealed, Sealer};
use secrecy::ExposeSecret;
use uuid::Uuid;

/// What the sealers of these rules have in common.
pub trait TestedSealer: Sealer + Debug {}

impl<T: Sealer + Debug> TestedSealer for T {}

/// Makes a sealer of keys, each a name and its bytes.
pub type MakeSealer<'a> = &'a dyn Fn(&[(&str, [u8; 32])]) -> Box<dyn TestedSealer>;

/// Makes a test of each rule of a sealer; the expression is a function that makes one of keys.
#[macro_export]
macro_rules! sealer_contract {
    ($make:expr) => {
        $crate::tests_of_rules!(sync sealing, $make, [
            what_was_sealed_opens,
            what_was_sealed_for_another_place_stays_shut,
            what_was_changed_stays_shut,
            the_first_key_seals_and_all_open,
            an_unknown_key_is_named,
            another_key_of_the_same_name_opens_nothing,
            without_a_key_nothing_is_sealed,
            sealing_twice_gives_two_texts,
            debug_shows_neither_key_nor_secret,
        ]);
    };
}

const OLD: (&str, [u8; 32]) = ("old", [0x41; 32]);
const NEW: (&str, [u8; 32]) = ("new", [0x42; 32]);
const SECRET: &[u8] = b"sk-a-secret-of-somebody";

/// The label of a key of this learner.
fn label(user: u128) -> Label {
    Label::new("provider-key")
        .with(Uuid::from_u128(user))
        .with("openai")
}

fn seal(keys: &dyn TestedSealer) -> Sealed {
    keys.seal(&label(1), SECRET).unwrap()
}

/// Whatever its length, also after it was written down.
pub fn what_was_sealed_opens(make: MakeSealer<'_>) {
    let keys = make(&[NEW]);
    let long = vec![7; 70_000];
    for secret in [b"".as_slice(), b"x", SECRET, &long] {
        let sealed = keys.seal(&label(1), secret).unwrap();
        assert_eq!(sealed.ciphertext.len(), secret.len() + Sealed::TAG_BYTES);
        let kept: Sealed = sealed.encode().parse().unwrap();
        assert_eq!(keys.open(&label(1), &kept).unwrap().expose_secret(), secret);
    }
}

/// Another learner's row, another provider, another kind.
pub fn what_was_sealed_for_another_place_stays_shut(make: MakeSealer<'_>) {
    let keys = make(&[NEW]);
    let sealed = seal(&*keys);
    let user = Uuid::from_u128(1);
    for other in [
        label(2),
        Label::new("provider-key").with(user).with("google"),
        Label::new("provider-key").with(user),
        Label::new("totp").with(user).with("openai"),
    ] {
        let refused = keys.open(&other, &sealed).err();
        assert_eq!(
            refused,
            Some(OpenError::Refused(sealed.key_id.clone())),
            "{other:?}"
        );
    }
}

/// In any byte of the nonce, of the ciphertext or of its code; shortened; lengthened.
pub fn what_was_changed_stays_shut(make: MakeSealer<'_>) {
    let keys = make(&[NEW]);
    let sealed = seal(&*keys);
    let mut changed = Vec::new();
    for at in 0..Sealed::NONCE_BYTES {
        let mut other = sealed.clone();
        other.nonce[at] ^= 1;
        changed.push(other);
    }
    for at in 0..sealed.ciphertext.len() {
        let mut other = sealed.clone();
        other.ciphertext[at] ^= 0x80;
        changed.push(other);
        other = sealed.clone();
        other.ciphertext.truncate(at);
        changed.push(other);
    }
    let mut longer = sealed.clone();
    longer.ciphertext.push(0);
    changed.push(longer);
    for other in changed {
        let refused = keys.open(&label(1), &other).err();
        assert_eq!(refused, Some(OpenError::Refused(sealed.key_id.clone())));
    }
}

/// So that what is there can be read while it is sealed anew.
pub fn the_first_key_seals_and_all_open(make: MakeSealer<'_>) {
    let before = seal(&*make(&[OLD]));
    let keys = make(&[NEW, OLD]);
    assert_eq!(keys.newest().map(KeyId::as_str), Some("new"));
    assert_eq!(keys.open(&label(1), &before).unwrap().expose_secret(), SECRET);
    let after = seal(&*keys);
    assert_eq!((before.key_id.as_str(), after.key_id.as_str()), ("old", "new"));
    assert_eq!(
        make(&[NEW]).open(&label(1), &after).unwrap().expose_secret(),
        SECRET
    );
}

/// Whoever looks after the installation must know which one is missing.
pub fn an_unknown_key_is_named(make: MakeSealer<'_>) {
    let sealed = seal(&*make(&[OLD]));
    for keys in [make(&[NEW]), make(&[])] {
        let refused = keys.open(&label(1), &sealed).err().unwrap();
        assert_eq!(refused, OpenError::UnknownKey(sealed.key_id.clone()));
        assert!(refused.to_string().contains("`old`"), "{refused}");
    }
}

/// Nor does the name alone.
pub fn another_key_of_the_same_name_opens_nothing(make: MakeSealer<'_>) {
    let sealed = seal(&*make(&[OLD]));
    let other = make(&[("old", [0x43; 32])]);
    let refused = other.open(&label(1), &sealed).err();
    assert_eq!(refused, Some(OpenError::Refused(sealed.key_id)));
}

/// And it is not kept as it is.
pub fn without_a_key_nothing_is_sealed(make: MakeSealer<'_>) {
    let keys = make(&[]);
    assert!(keys.newest().is_none());
    let refused = keys.seal(&label(1), SECRET);
    assert!(matches!(refused, Err(SealError::NoKey)), "{refused:?}");
}

/// A nonce is used once.
pub fn sealing_twice_gives_two_texts(make: MakeSealer<'_>) {
    let keys = make(&[NEW]);
    let (one, two) = (seal(&*keys), seal(&*keys));
    assert_ne!(one.nonce, two.nonce);
    assert_ne!(one.ciphertext, two.ciphertext);
}

/// Neither of the sealer nor of what it made or refused.
pub fn debug_shows_neither_key_nor_secret(make: MakeSealer<'_>) {
    let keys = make(&[NEW]);
    let sealed = seal(&*keys);
    let opened = keys.open(&label(1), &sealed);
    let refused = keys.open(&label(2), &sealed);
    let shown = format!("{keys:?} {sealed:?} {opened:?} {refused:?}");
    // The key as numbers, as text, in hexadecimal; the secret as text and as numbers.
    for canary in ["66, 66", "BBBB", "QkJC", "4242", "sk-a", "115, 107"] {
        assert!(!shown.contains(canary), "{shown}");
    }
}
