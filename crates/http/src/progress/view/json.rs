//! Lists of progress as JSON: byte for byte what `serde_json` writes of the views, in a third of the time.
//!
//! A learner's whole progress is thousands of members. That their names need no escaping, and most of their values
//! neither, is known here and not to `serde_json`.

use bytes::Bytes;
use parlance_domain::ids::UserId;
use parlance_domain::progress::ProgressEntry;
use parlance_domain::time::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::{MemoryView, ProgressView};
use crate::error::ApiError;
use crate::progress::instant;
use crate::reply::written;

/// What an entry takes at most, unless its word id is long.
const ENTRY_BYTES: usize = 512;

/// The views of a learner's entries, in their order.
pub(in crate::progress) fn list(user: UserId, entries: &[ProgressEntry]) -> Result<Bytes, ApiError> {
    written(write(user, entries))
}

fn write(user: UserId, entries: &[ProgressEntry]) -> serde_json::Result<Vec<u8>> {
    let mut owner = Uuid::encode_buffer();
    let owner = user.0.hyphenated().encode_lower(&mut owner);
    let mut text = Text(Vec::with_capacity(2 + entries.len() * ENTRY_BYTES));
    text.put("[");
    for (place, entry) in entries.iter().enumerate() {
        text.put(if place == 0 { "" } else { "," });
        text.put_progress(owner, &ProgressView::new(user, entry))?;
    }
    text.put("]");
    Ok(text.0)
}

struct Text(Vec<u8>);

impl Text {
    /// The owner is the view's user, written once for all.
    fn put_progress(&mut self, owner: &str, view: &ProgressView<'_>) -> serde_json::Result<()> {
        let ProgressView {
            id,
            user_id: _,
            word_id,
            study_count,
            correct_count,
            confidence,
            next_review,
            mastered,
            created_at,
            updated_at,
            memory,
        } = view;
        self.put("{\"id\":\"");
        self.put_id(*id);
        self.put("\",\"userId\":\"");
        self.put(owner);
        self.put("\",\"wordId\":\"");
        // A slug: none of its characters has to be escaped.
        self.put(word_id);
        self.put("\",\"studyCount\":");
        self.put_number(study_count)?;
        self.put(",\"correctCount\":");
        self.put_number(correct_count)?;
        self.put(",\"confidence\":");
        self.put_number(confidence)?;
        self.put(",\"nextReview\":\"");
        self.put_instant(next_review);
        self.put("\",\"mastered\":");
        self.put(if *mastered { "true" } else { "false" });
        self.put(",\"createdAt\":\"");
        self.put_instant(created_at);
        self.put("\",\"updatedAt\":\"");
        self.put_instant(updated_at);
        self.put("\",\"memory\":");
        match memory {
            Some(memory) => self.put_memory(memory)?,
            None => self.put("null"),
        }
        self.put("}");
        Ok(())
    }

    fn put_memory(&mut self, view: &MemoryView) -> serde_json::Result<()> {
        let MemoryView {
            stability,
            difficulty,
            last_review,
            lapses,
        } = view;
        self.put("{\"stability\":");
        self.put_number(stability)?;
        self.put(",\"difficulty\":");
        self.put_number(difficulty)?;
        self.put(",\"lastReview\":\"");
        self.put_instant(last_review);
        self.put("\",\"lapses\":");
        self.put_number(lapses)?;
        self.put("}");
        Ok(())
    }

    fn put(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    fn put_id(&mut self, id: Uuid) {
        self.put(id.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
    }

    fn put_instant(&mut self, at: &Timestamp) {
        match instant::form(at) {
            Some(form) => self.0.extend_from_slice(&form),
            None => self.put(&crate::time::rfc3339_millis(*at)),
        }
    }

    fn put_number(&mut self, number: &impl Serialize) -> serde_json::Result<()> {
        serde_json::to_writer(&mut self.0, number)
    }
}

#[cfg(test)]
mod tests {
    use parlance_domain::ids::ProgressId;
    use parlance_domain::progress::{Memory, WordState};

    use super::super::views;
    use super::*;

    const USER: UserId = UserId(Uuid::from_u128(0x0123_4567_89ab_cdef_0011_2233_4455_6677));

    fn instant(millis: i64) -> Timestamp {
        Timestamp::from_timestamp_millis(millis).unwrap()
    }

    fn entry(word_id: &str, count: u32, real: f64, millis: i64, memory: bool) -> ProgressEntry {
        let memory = memory.then(|| Memory {
            stability: real * 100.0,
            difficulty: real + 1.0,
            last_review: instant(millis - 1),
            lapses: count,
        });
        ProgressEntry {
            id: ProgressId(Uuid::from_u128(u128::MAX - u128::from(count))),
            word_id: word_id.parse().unwrap(),
            revision: 7,
            state: WordState {
                study_count: count,
                correct_count: count / 2,
                confidence: real,
                next_review: instant(millis),
                memory,
            },
            created_at: instant(millis + 1),
            updated_at: instant(millis + 999),
        }
    }

    fn all_alike(entries: &[ProgressEntry]) {
        let written = String::from_utf8(write(USER, entries).unwrap()).unwrap();
        assert_eq!(written, serde_json::to_string(&views(USER, entries)).unwrap());
    }

    #[test]
    fn it_writes_what_serde_writes() {
        let (third, nearly) = (1.0 / 3.0, 0.8_f64.next_down());
        let reals = [0.0, 1.0, 0.1, third, nearly, 1e-7, 5e-324, 1e16, f64::NAN];
        let counts = [0, 1, 9, 10, 12_345, 2_147_483_647, u32::MAX];
        let (far, ancient) = (253_402_300_800_000, -62_167_219_300_000);
        let instants = [0, 1_700_000_000_001, 951_782_400_000, far, ancient];
        let mut entries = Vec::new();
        for (number, real) in reals.into_iter().enumerate() {
            let (count, at) = (counts[number % counts.len()], instants[number % instants.len()]);
            entries.push(entry(&"x".repeat(64), count, real, at, true));
            entries.push(entry("zh-0.0:0_1", count, real, at, false));
        }
        all_alike(&entries);
        all_alike(&entries[..1]);
        all_alike(&[]);
    }

    #[test]
    fn an_entry_of_the_usual_size_needs_no_more_room_than_was_made() {
        let written = write(USER, &[entry("zh-00001", u32::MAX, 1.0 / 3.0, 0, true)]).unwrap();
        assert!(written.len() < ENTRY_BYTES);
    }
}
