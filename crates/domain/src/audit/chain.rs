//! The chain of seals by which it shows that somebody changed the audit log.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use hmac::digest::{FixedOutput, Update};
use secrecy::{SecretBox, SecretString};

use super::AuditRecord;
use crate::accounts::keyed::{self, HmacSha256};
use crate::time::Timestamp;

/// What the encoding of an entry begins with; another version of it has other seals.
const ENTRY_PREAMBLE: &[u8] = b"parlance-audit-v1\0";
/// What the encoding of the head begins with.
const HEAD_PREAMBLE: &[u8] = b"parlance-audit-head-v1\0";
/// What the keys of the chain are derived for.
const KEY_INFO: &[u8] = b"parlance audit chain v1";

/// The code of an entry and of everything before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seal(pub [u8; 32]);

impl Seal {
    /// What stands in the place of the seal before the first.
    pub const NONE: Self = Self([0; 32]);
}

/// In hexadecimal digits.
impl fmt::Display for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A text that is not 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 64 hexadecimal digits")]
pub struct InvalidSeal;

impl FromStr for Seal {
    type Err = InvalidSeal;

    fn from_str(text: &str) -> Result<Self, InvalidSeal> {
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(InvalidSeal);
        }
        let mut seal = [0; 32];
        for (place, byte) in seal.iter_mut().enumerate() {
            let digits = text.get(2 * place..2 * place + 2).ok_or(InvalidSeal)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| InvalidSeal)?;
        }
        Ok(Self(seal))
    }
}

/// A place in the chain with the seal of the entry there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The number of the entry, from 1.
    pub position: u64,
    /// Its seal.
    pub seal: Seal,
}

impl Place {
    /// The place before the first entry.
    pub const BEGINNING: Self = Self {
        position: 0,
        seal: Seal::NONE,
    };
}

/// An entry that has its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedRecord {
    /// The entry.
    pub record: AuditRecord,
    /// Its place.
    pub place: Place,
}

/// What the store knows of the chain as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditHead {
    /// The last place.
    pub last: Place,
    /// The place behind which the chain can be verified.
    pub anchor: Place,
    /// The last position that was deleted; never behind the anchor.
    pub purged: u64,
    /// The code of the above; none before the first entry was sealed.
    pub code: Option<Seal>,
}

impl AuditHead {
    /// That of a log in which nothing is sealed.
    pub const EMPTY: Self = Self {
        last: Place::BEGINNING,
        anchor: Place::BEGINNING,
        purged: 0,
        code: None,
    };
}

/// Why nothing was sealed or deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the head of the audit log is gone or bears the code of no known key")]
pub struct UnknownHead;

/// Computes seals: `HMAC-SHA-256(key, encoding)`, with keys derived for this alone.
///
/// The encoding of an entry: a preamble, the seal before it, its position (64 bits, big-endian), then for each field that
/// is there its name and its value, each as its length in bytes (32 bits, big-endian) and its bytes. No two entries have
/// the same encoding.
#[derive(Debug, Clone)]
pub struct AuditChain {
    /// The present one first, the oldest last.
    keys: Arc<[SecretBox<[u8; 32]>]>,
}

impl AuditChain {
    /// A chain that seals with the key of a secret, and knows the seals of those that were used before, latest first.
    pub fn new(secret: &SecretString, previous: &[SecretString]) -> Self {
        let secrets = std::iter::once(secret).chain(previous);
        Self {
            keys: secrets.map(|secret| keyed::derive(secret, KEY_INFO)).collect(),
        }
    }

    /// Gives entries the places behind the last one, in their order.
    pub fn extend(
        &self,
        head: &AuditHead,
        records: Vec<AuditRecord>,
    ) -> Result<(AuditHead, Vec<SealedRecord>), UnknownHead> {
        self.check(head)?;
        let mut last = head.last;
        let mut sealed = Vec::with_capacity(records.len());
        for record in records {
            let position = last.position + 1;
            let seal = seal_of(self.present(), last.seal, position, &record);
            last = Place { position, seal };
            sealed.push(SealedRecord { record, place: last });
        }
        Ok((self.signed(AuditHead { last, ..*head }), sealed))
    }

    /// The head once the oldest entries that are from before an instant are gone; `None` when there are none.
    ///
    /// They are given with their times, from the first on. What stands behind one that is to stay, stays as well.
    pub fn shorten(
        &self,
        head: &AuditHead,
        oldest: &[(Place, Timestamp)],
        before: Timestamp,
    ) -> Result<Option<AuditHead>, UnknownHead> {
        self.check(head)?;
        let gone = oldest.iter().take_while(|(_, at)| *at < before);
        let last = gone.map(|(place, _)| *place).last();
        Ok(last.map(|last| {
            let is_behind = last.position > head.anchor.position;
            self.signed(AuditHead {
                purged: last.position,
                anchor: if is_behind { last } else { head.anchor },
                ..*head
            })
        }))
    }

    /// The head with which the chain goes on behind the entries that are there, whatever became of it before.
    ///
    /// They are given by the first position and the last place. For whoever has lost a key, or has seen to what was tampered
    /// with.
    pub fn restart(&self, kept: Option<(u64, Place)>) -> AuditHead {
        let (first, last) = kept.unwrap_or((1, Place::BEGINNING));
        self.signed(AuditHead {
            last,
            anchor: last,
            purged: first.saturating_sub(1),
            code: None,
        })
    }

    /// Whether a head was written by whoever has one of the keys; an empty one needs no code.
    pub fn check(&self, head: &AuditHead) -> Result<(), UnknownHead> {
        let is_known = match head.code {
            Some(code) => self.keys.iter().any(|key| code_of(key, head) == code),
            None => *head == AuditHead::EMPTY,
        };
        is_known.then_some(()).ok_or(UnknownHead)
    }

    /// How many keys there are.
    pub(super) fn keys(&self) -> usize {
        self.keys.len()
    }

    /// Which key sealed an entry behind this seal, out of that of a number and those that came later.
    pub(super) fn key_of(&self, entry: &SealedRecord, previous: Seal, eldest: usize) -> Option<usize> {
        let Place { position, seal } = entry.place;
        let is_its = |key: &SecretBox<[u8; 32]>| seal_of(key, previous, position, &entry.record) == seal;
        let keys = self.keys.iter().enumerate().take(eldest + 1).rev();
        keys.into_iter()
            .find(|(_, key)| is_its(key))
            .map(|(number, _)| number)
    }

    fn signed(&self, head: AuditHead) -> AuditHead {
        AuditHead {
            code: Some(code_of(self.present(), &head)),
            ..head
        }
    }

    fn present(&self) -> &SecretBox<[u8; 32]> {
        &self.keys[0]
    }
}

/// The seal of an entry at a position behind another one.
fn seal_of(key: &SecretBox<[u8; 32]>, previous: Seal, position: u64, record: &AuditRecord) -> Seal {
    let AuditRecord {
        id,
        at,
        actor_kind,
        actor_id,
        api_key_id,
        action,
        subject,
        address,
        user_agent,
        request_id,
        details,
    } = record;
    let mut mac = keyed::mac(key);
    mac.update(ENTRY_PREAMBLE);
    mac.update(&previous.0);
    mac.update(&position.to_be_bytes());
    let mut field = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            write(&mut mac, name);
            write(&mut mac, value);
        }
    };
    field("id", Some(&id.to_string()));
    field("at", Some(&at.timestamp_micros().to_string()));
    field("actor", Some(actor_kind));
    field("account", actor_id.map(|id| id.to_string()).as_deref());
    field("apiKey", api_key_id.map(|id| id.to_string()).as_deref());
    field("action", Some(action));
    field("subject", subject.map(|id| id.to_string()).as_deref());
    field("address", address.as_deref());
    field("userAgent", user_agent.as_deref());
    field("requestId", request_id.as_deref());
    field("details", Some(details));
    Seal(mac.finalize_fixed().into())
}

/// The code of a head, whatever code it bears.
fn code_of(key: &SecretBox<[u8; 32]>, head: &AuditHead) -> Seal {
    let AuditHead {
        last,
        anchor,
        purged,
        code: _,
    } = head;
    let mut mac = keyed::mac(key);
    mac.update(HEAD_PREAMBLE);
    for place in [last, anchor] {
        mac.update(&place.position.to_be_bytes());
        mac.update(&place.seal.0);
    }
    mac.update(&purged.to_be_bytes());
    Seal(mac.finalize_fixed().into())
}

fn write(mac: &mut HmacSha256, text: &str) {
    // Longer texts are refused long before.
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    mac.update(&length.to_be_bytes());
    mac.update(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};
    use uuid::Uuid;

    use super::*;
    use crate::ids::{AuditId, UserId};

    fn chain() -> AuditChain {
        AuditChain::new(&"the secret of the specification!".into(), &[])
    }

    fn record(number: u128) -> AuditRecord {
        let user = UserId(Uuid::from_u128(0x0193_6f2a_6c1e_7d3a_9b5e_0c8f_5a3e_7b42));
        AuditRecord {
            id: AuditId(Uuid::from_u128(
                0x0193_6f2a_6c1e_7d3a_9b5e_0000_0000_0000 + number,
            )),
            at: DateTime::from_timestamp_millis(1_772_366_400_123).unwrap(),
            actor_kind: "account".to_owned(),
            actor_id: Some(user),
            api_key_id: None,
            action: "session.started".to_owned(),
            subject: Some(user),
            address: Some("2001:db8::7".to_owned()),
            user_agent: Some("Parlance/1.0 (学习)".to_owned()),
            request_id: None,
            details: r#"{"proof":"password"}"#.to_owned(),
        }
    }

    /// The examples of `docs/specification/audit.md`.
    #[test]
    fn the_examples_of_the_specification_are_right() {
        let (head, sealed) = chain()
            .extend(&AuditHead::EMPTY, vec![record(1), record(2)])
            .unwrap();
        let seals: Vec<String> = sealed.iter().map(|one| one.place.seal.to_string()).collect();
        assert_eq!(seals, [FIRST, SECOND]);
        assert_eq!(head.code.map(|code| code.to_string()).as_deref(), Some(CODE));
    }

    const FIRST: &str = "a265404f0aaaa81bc81e9c2184fade955770961ecac910140a2d1d8b018d4fa1";
    const SECOND: &str = "f65798c397d8845c4d7f1310e7e604968271f7bff44b48ef5806ab84fb95756a";
    const CODE: &str = "b9bc65ff10e3bb6c8977d8da9089856091edc275231b30aecae26489b62a02c4";

    #[test]
    fn every_field_and_every_place_has_another_seal() {
        let text = || Some("x".to_owned());
        let changes: [fn(&mut AuditRecord); 8] = [
            |record| record.at += TimeDelta::microseconds(1),
            |record| record.actor_kind = "operator".to_owned(),
            |record| record.actor_id = None,
            |record| record.action = "session.ended".to_owned(),
            |record| record.subject = None,
            |record| record.address = None,
            |record| record.user_agent = None,
            |record| record.details = "{}".to_owned(),
        ];
        let key = &chain().keys[0];
        let seal = |record: &AuditRecord| seal_of(key, Seal::NONE, 1, record);
        let mut seals = vec![
            seal(&record(1)),
            seal(&record(2)),
            seal_of(key, Seal::NONE, 2, &record(1)),
        ];
        seals.push(seal_of(key, Seal([1; 32]), 1, &record(1)));
        for change in changes {
            let mut other = record(1);
            change(&mut other);
            seals.push(seal(&other));
        }
        // What stood in one field does not pass for what stands in another.
        let (mut one, mut other) = (record(1), record(1));
        (one.user_agent, one.request_id) = (None, text());
        (other.user_agent, other.request_id) = (text(), None);
        seals.extend([seal(&one), seal(&other)]);
        for (number, one) in seals.iter().enumerate() {
            assert!(!seals[number + 1..].contains(one), "{number}");
        }
    }

    #[test]
    fn a_head_is_known_by_its_code() {
        let (head, _) = chain().extend(&AuditHead::EMPTY, vec![record(1)]).unwrap();
        chain().check(&head).unwrap();
        let other = AuditChain::new(&"another secret of thirty-two bytes".into(), &[]);
        assert_eq!(other.check(&head), Err(UnknownHead));
        assert_eq!(other.extend(&head, vec![record(2)]), Err(UnknownHead));
        let later = AuditChain::new(
            &"another secret of thirty-two bytes".into(),
            &["the secret of the specification!".into()],
        );
        let (head, _) = later.extend(&head, vec![record(2)]).unwrap();
        assert_eq!(chain().check(&head), Err(UnknownHead), "the keys have changed");
        for tampered in [
            AuditHead {
                last: Place::BEGINNING,
                ..head
            },
            AuditHead {
                anchor: head.last,
                ..head
            },
            AuditHead { purged: 1, ..head },
            AuditHead { code: None, ..head },
        ] {
            assert_eq!(later.check(&tampered), Err(UnknownHead), "{tampered:?}");
        }
    }

    #[test]
    fn only_what_is_old_is_deleted_and_the_chain_begins_behind_it() {
        let records = (1..=4).map(record).collect();
        let (head, sealed) = chain().extend(&AuditHead::EMPTY, records).unwrap();
        let at = record(1).at;
        let aged = |ages: [i64; 4]| {
            let places = sealed.iter().map(|one| one.place);
            let aged = places.zip(ages.map(|age| at - TimeDelta::days(age)));
            aged.collect::<Vec<_>>()
        };
        let shortened = |ages| {
            chain()
                .shorten(&head, &aged(ages), at - TimeDelta::days(5))
                .unwrap()
        };
        assert_eq!(shortened([5, 9, 9, 9]), None);
        let short = shortened([9, 8, 1, 9]).unwrap();
        assert_eq!(
            (short.purged, short.anchor, short.last),
            (2, sealed[1].place, head.last)
        );
        chain().check(&short).unwrap();
    }

    #[test]
    fn a_seal_is_written_as_it_is_read() {
        let seal = Seal(std::array::from_fn(|place| u8::try_from(place * 8).unwrap()));
        assert_eq!(seal.to_string().parse(), Ok(seal));
        for text in ["", "00", &"é".repeat(32), &"+0".repeat(32), &"0".repeat(65)] {
            assert_eq!(text.parse::<Seal>(), Err(InvalidSeal), "{text}");
        }
    }
}
