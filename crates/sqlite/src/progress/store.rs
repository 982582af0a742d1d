//! The store of progress.

use std::sync::Arc;

use async_trait::async_trait;
use diesel::result::OptionalExtension;
use diesel::sql_types::{BigInt, Binary, Double, Text};
use diesel::{RunQueryDsl, SqliteConnection};
use parlance_domain::ids::{ListId, UserId, WordId};
use parlance_domain::port::PortError;
use parlance_domain::progress::{
    ActivityBucket, AppendError, Appended, BUCKET_MILLIS, ListSummary, LoggedReview, MASTERED_CONFIDENCE,
    MASTERED_CORRECT_COUNT, ProgressEntry, ProgressRow, ProgressStore, Submission, Totals,
};
use parlance_domain::time::Timestamp;

use super::append;
use super::event::ReviewRow;
use super::row::{self, EntryRow, Row, entry_columns, progress_columns};
use crate::convert::{CorruptRow, RowOf, limit_to_i64, to_i64};
use crate::database::{Fail, NoRefusal, SqliteDatabase};
use crate::statement::statement;

const PORT: &str = "ProgressStore";

statement!(
    ByWord(user: &'a [u8] => Binary, word: &'a str => Text) -> (row::Columns,)
        = concat!(
            "SELECT ", progress_columns!(), " FROM progress p \
             WHERE p.user_id = ? AND p.word_id = ? AND p.deleted = 0"
        )
);
statement!(
    List(user: &'a [u8] => Binary, before: i64 => BigInt, limit: i64 => BigInt) -> (row::EntryColumns,)
        = concat!(
            "SELECT ", entry_columns!(), " FROM progress p WHERE p.user_id = ? AND p.revision < ? \
             AND p.deleted = 0 ORDER BY p.revision DESC LIMIT ?"
        )
);
statement!(
    ChangesAfter(user: &'a [u8] => Binary, after: i64 => BigInt, limit: i64 => BigInt) -> (row::Columns,)
        = concat!(
            "SELECT ", progress_columns!(), " FROM progress p WHERE p.user_id = ? AND p.revision > ? \
             ORDER BY p.revision LIMIT ?"
        )
);
statement!(
    Due(user: &'a [u8] => Binary, now: i64 => BigInt, limit: i64 => BigInt) -> (row::EntryColumns,)
        = concat!(
            "SELECT ", entry_columns!(), " FROM progress p WHERE p.user_id = ? AND p.deleted = 0 \
             AND p.next_review <= ? ORDER BY p.next_review, p.word_id LIMIT ?"
        )
);
statement!(
    DueOfList(user: &'a [u8] => Binary, now: i64 => BigInt, list: &'a str => Text, limit: i64 => BigInt)
        -> (row::EntryColumns,)
        = concat!(
            "SELECT ", entry_columns!(), " FROM progress p WHERE p.user_id = ? AND p.deleted = 0 \
             AND p.next_review <= ? AND EXISTS (SELECT 1 FROM list_words place \
             WHERE place.word_id = p.word_id AND place.list_id = ?) ORDER BY p.next_review, p.word_id LIMIT ?"
        )
);
statement!(
    Unseen(list: &'a str => Text, user: &'a [u8] => Binary, limit: i64 => BigInt) -> (Text)
        = "SELECT place.word_id FROM list_words place WHERE place.list_id = ? AND NOT EXISTS (SELECT 1 \
           FROM progress p WHERE p.user_id = ? AND p.word_id = place.word_id AND p.deleted = 0) \
           ORDER BY place.position LIMIT ?"
);
statement!(
    SumUp(confidence: f64 => Double, correct_count: i64 => BigInt, now: i64 => BigInt, user: &'a [u8] => Binary)
        -> (BigInt, BigInt, BigInt, BigInt, Double, BigInt)
        = "SELECT count(*), coalesce(sum(study_count > 0), 0), \
           coalesce(sum(confidence >= ? OR correct_count >= ?), 0), coalesce(sum(study_count), 0), \
           coalesce(avg(confidence), 0.0), coalesce(sum(next_review <= ?), 0) \
           FROM progress WHERE user_id = ? AND deleted = 0"
);
statement!(
    SumUpList(confidence: f64 => Double, correct_count: i64 => BigInt, list: &'a str => Text,
        user: &'a [u8] => Binary) -> (BigInt, BigInt)
        = "SELECT count(*), coalesce(sum(p.confidence >= ? OR p.correct_count >= ?), 0) FROM list_words place \
           CROSS JOIN progress p WHERE place.list_id = ? AND p.user_id = ? AND p.word_id = place.word_id \
           AND p.deleted = 0"
);
// Reviews and sets by their time; words by that of their first review, over the whole log. Rounds down to a
// whole quarter of an hour, before 1970 too.
statement!(
    #[expect(clippy::too_many_arguments, reason = "the statement has no names for its binds")]
    Activity(
        bucket: i64 => BigInt,
        bucket_again: i64 => BigInt,
        bucket_once_more: i64 => BigInt,
        user: &'a [u8] => Binary,
        from: i64 => BigInt,
        to: i64 => BigInt,
        user_again: &'a [u8] => Binary,
        from_again: i64 => BigInt,
        to_again: i64 => BigInt,
    ) -> (BigInt, BigInt, BigInt, BigInt)
        = "SELECT at - (at % ? + ?) % ? AS start, sum(reviews), sum(correct), sum(new_words) FROM ( \
           SELECT at, kind = 1 AS reviews, kind = 1 AND rating > 1 AS correct, 0 AS new_words \
           FROM progress_events WHERE user_id = ? AND at >= ? AND at < ? \
           AND (kind = 1 AND undone = 0 OR kind = 2 AND raised_study_count = 1) \
           UNION ALL \
           SELECT min(at) AS at, 0, 0, 1 FROM progress_events WHERE user_id = ? AND kind = 1 AND undone = 0 \
           GROUP BY word_id HAVING min(at) >= ? AND min(at) < ?) GROUP BY start ORDER BY start"
);
statement!(
    Reviews(user: &'a [u8] => Binary, after: i64 => BigInt, limit: i64 => BigInt) -> (ReviewColumns,)
        = "SELECT position, id, word_id, rating, at, duration_ms, device_id, undone FROM progress_events \
           WHERE user_id = ? AND position > ? AND kind = 1 ORDER BY position LIMIT ?"
);
statement!(
    ReviewsOfWord(user: &'a [u8] => Binary, word: &'a str => Text, after: i64 => BigInt, limit: i64 => BigInt)
        -> (ReviewColumns,)
        = "SELECT position, id, word_id, rating, at, duration_ms, device_id, undone FROM progress_events \
           WHERE user_id = ? AND word_id = ? AND +position > ? AND kind = 1 ORDER BY +position LIMIT ?"
);

type ReviewColumns = (
    BigInt,
    Binary,
    Text,
    diesel::sql_types::Nullable<BigInt>,
    BigInt,
    diesel::sql_types::Nullable<BigInt>,
    diesel::sql_types::Nullable<Text>,
    diesel::sql_types::Bool,
);

/// The learners' progress in the database.
#[derive(Clone)]
pub struct SqliteProgress {
    database: SqliteDatabase,
}

impl SqliteProgress {
    /// The progress in this database.
    pub fn new(database: SqliteDatabase) -> Self {
        Self { database }
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> Result<T, NoRefusal> + Send + 'static,
    ) -> Result<T, PortError> {
        self.database
            .read(work)
            .await
            .map_err(|error| error.into_port(PORT))
    }
}

#[async_trait]
impl ProgressStore for SqliteProgress {
    async fn append(&self, user: UserId, submission: &Submission) -> Result<Appended, AppendError> {
        let submission = Arc::new(submission.clone());
        let appended = if submission.dry_run {
            let work = move |connection: &mut SqliteConnection| append::append(connection, user, &submission);
            self.database.read(work).await
        } else {
            let work = move |connection: &mut SqliteConnection| append::append(connection, user, &submission);
            self.database.write(work).await
        };
        appended.map_err(|error| match error {
            Fail::Refused(refusal) => refusal.into(),
            Fail::Store(error) => error.into_port(PORT).into(),
        })
    }

    async fn by_word(&self, user: UserId, word: &WordId) -> Result<Option<ProgressRow>, PortError> {
        let word = word.clone();
        self.read(move |connection| {
            let statement = ByWord::new(user.0.as_bytes(), word.as_str());
            let found: Option<(Row,)> = statement.get_result(connection).optional()?;
            Ok(found.map(|(row,)| row.try_into()).transpose()?)
        })
        .await
    }

    async fn list(
        &self,
        user: UserId,
        before: Option<u64>,
        limit: Option<u32>,
    ) -> Result<Vec<ProgressEntry>, PortError> {
        let before = before.map_or(i64::MAX, to_i64);
        self.read(move |connection| {
            let statement = List::new(user.0.as_bytes(), before, limit_to_i64(limit));
            entries(statement.load(connection)?)
        })
        .await
    }

    async fn changes(&self, user: UserId, after: u64, limit: u32) -> Result<Vec<ProgressRow>, PortError> {
        self.read(move |connection| {
            let statement = ChangesAfter::new(user.0.as_bytes(), to_i64(after), i64::from(limit));
            let found: Vec<(Row,)> = statement.load(connection)?;
            let rows = found.into_iter().map(|(row,)| row.try_into());
            Ok(rows.collect::<Result<_, CorruptRow>>()?)
        })
        .await
    }

    async fn due(
        &self,
        user: UserId,
        now: Timestamp,
        list: Option<&ListId>,
        limit: Option<u32>,
    ) -> Result<Vec<ProgressEntry>, PortError> {
        let list = list.cloned();
        let (now, limit) = (now.timestamp_millis(), limit_to_i64(limit));
        self.read(move |connection| {
            let user = user.0.as_bytes();
            let found = match &list {
                None => Due::new(user, now, limit).load(connection)?,
                Some(list) => DueOfList::new(user, now, list.as_str(), limit).load(connection)?,
            };
            entries(found)
        })
        .await
    }

    async fn unseen(&self, user: UserId, list: &ListId, limit: u32) -> Result<Vec<WordId>, PortError> {
        let list = list.clone();
        self.read(move |connection| {
            let statement = Unseen::new(list.as_str(), user.0.as_bytes(), i64::from(limit));
            let found: Vec<(String,)> = statement.load(connection)?;
            let of = RowOf {
                table: "list_words",
                id: &list,
            };
            let ids = found.iter().map(|(id,)| of.parse(id, "word_id"));
            Ok(ids.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn totals(&self, user: UserId, now: Timestamp) -> Result<Totals, PortError> {
        self.read(move |connection| {
            let sums: (i64, i64, i64, i64, f64, i64) = SumUp::new(
                MASTERED_CONFIDENCE,
                i64::from(MASTERED_CORRECT_COUNT),
                now.timestamp_millis(),
                user.0.as_bytes(),
            )
            .get_result(connection)?;
            let (words, studied, mastered, study_count, average_confidence, due) = sums;
            Ok(Totals {
                words: to_u32(words),
                studied: to_u32(studied),
                mastered: to_u32(mastered),
                study_count: study_count.unsigned_abs(),
                average_confidence,
                due: to_u32(due),
            })
        })
        .await
    }

    async fn list_summary(&self, user: UserId, list: &ListId) -> Result<ListSummary, PortError> {
        let list = list.clone();
        self.read(move |connection| {
            let (living, mastered): (i64, i64) = SumUpList::new(
                MASTERED_CONFIDENCE,
                i64::from(MASTERED_CORRECT_COUNT),
                list.as_str(),
                user.0.as_bytes(),
            )
            .get_result(connection)?;
            Ok(ListSummary {
                mastered: to_u32(mastered),
                learning: to_u32(living - mastered),
            })
        })
        .await
    }

    async fn activity(
        &self,
        user: UserId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<ActivityBucket>, PortError> {
        let (from, to) = (from.timestamp_millis(), to.timestamp_millis());
        self.read(move |connection| {
            let (bucket, id) = (BUCKET_MILLIS, user.0.as_bytes());
            let statement = Activity::new(bucket, bucket, bucket, id, from, to, id, from, to);
            let found: Vec<(i64, i64, i64, i64)> = statement.load(connection)?;
            let of = RowOf {
                table: "progress_events",
                id: &user,
            };
            let buckets = found.into_iter().map(|(start, reviews, correct, new_words)| {
                Ok(ActivityBucket {
                    start: of.time(start, "at")?,
                    reviews: to_u32(reviews),
                    correct: to_u32(correct),
                    new_words: to_u32(new_words),
                })
            });
            Ok(buckets.collect::<Result<_, CorruptRow>>()?)
        })
        .await
    }

    async fn reviews(
        &self,
        user: UserId,
        word: Option<&WordId>,
        after: u64,
        limit: u32,
    ) -> Result<Vec<LoggedReview>, PortError> {
        let word = word.cloned();
        let (after, limit) = (to_i64(after), i64::from(limit));
        self.read(move |connection| {
            let user = user.0.as_bytes();
            let found: Vec<(ReviewRow,)> = match &word {
                None => Reviews::new(user, after, limit).load(connection)?,
                Some(word) => ReviewsOfWord::new(user, word.as_str(), after, limit).load(connection)?,
            };
            let reviews = found.into_iter().map(|(row,)| row.try_into());
            Ok(reviews.collect::<Result<_, CorruptRow>>()?)
        })
        .await
    }
}

fn entries(found: Vec<(EntryRow,)>) -> Result<Vec<ProgressEntry>, NoRefusal> {
    let entries = found.into_iter().map(|(row,)| row.try_into());
    Ok(entries.collect::<Result<_, CorruptRow>>()?)
}

/// A count of rows; what does not fit is more than there can be.
fn to_u32(count: i64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
