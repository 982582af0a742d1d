//! Letters to be sent.

use chrono::DateTime;
use parlance_domain::ids::MailId;
use parlance_domain::mail::Letter;
use uuid::Uuid;

/// A letter of this number, with words that are not ASCII.
pub(crate) fn letter(number: u128) -> Letter {
    Letter {
        id: MailId(Uuid::from_u128(number)),
        written_at: DateTime::from_timestamp(1_772_366_400, 0).unwrap(),
        subject: "Parlance: Grüße, 学生 \u{1F600}".to_owned(),
        text: "Hello 学生,\n\n.\nhttps://app.example.com/reset-password#token=abc=\n".to_owned(),
        html: "<p>Hello 学生</p>\n".to_owned(),
    }
}
