//! The store of progress.

use std::sync::Arc;

use async_trait::async_trait;
use diesel::result::OptionalExtension;
use diesel::sql_types::{BigInt, Double, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use parlance_domain::ids::{ListId, UserId, WordId};
use parlance_domain::port::PortError;
use parlance_domain::progress::{
    ActivityBucket, AppendError, Appended, ListSummary, LoggedReview, MASTERED_CONFIDENCE,
    MASTERED_CORRECT_COUNT, ProgressEntry, ProgressRow, ProgressStore, Submission, Totals,
};
use parlance_domain::time::Timestamp;
use uuid::Uuid;

use super::PORT;
use super::committer::{Committer, WriteStats};
use super::event::{ReviewColumns, ReviewRow};
use super::row::{self, Stored, StoredEntry, entry_columns, progress_columns};
use crate::convert::{CorruptRow, RowOf, to_i64};
use crate::database::{PgDatabase, Repeat, StoreError};
use crate::statement::statement;

statement!(
    ByWord(user: Uuid => SqlUuid, word: &'a str => Text) -> (row::Columns,)
        = concat!(
            "SELECT ", progress_columns!(), " FROM progress p \
             WHERE p.user_id = ? AND p.word_id = ? AND NOT p.deleted"
        )
);
statement!(
    List(user: Uuid => SqlUuid, before: i64 => BigInt, limit: i64 => BigInt) -> (row::EntryColumns,)
        = concat!(
            "SELECT ", entry_columns!(), " FROM progress p WHERE p.user_id = ? AND p.revision < ? \
             AND NOT p.deleted ORDER BY p.revision DESC LIMIT ?"
        )
);
statement!(
    ChangesAfter(user: Uuid => SqlUuid, after: i64 => BigInt, limit: i64 => BigInt) -> (row::Columns,)
        = concat!(
            "SELECT ", progress_columns!(), " FROM progress p WHERE p.user_id = ? AND p.revision > ? \
             ORDER BY p.revision LIMIT ?"
        )
);
statement!(
    Due(user: Uuid => SqlUuid, now: Timestamp => Timestamptz, limit: i64 => BigInt) -> (row::EntryColumns,)
        = concat!(
            "SELECT ", entry_columns!(), " FROM progress p WHERE p.user_id = ? AND NOT p.deleted \
             AND p.next_review <= ? ORDER BY p.next_review, p.word_id LIMIT ?"
        )
);
statement!(
    DueOfList(user: Uuid => SqlUuid, now: Timestamp => Timestamptz, list: &'a str => Text, limit: i64 => BigInt)
        -> (row::EntryColumns,)
        = concat!(
            "SELECT ", entry_columns!(), " FROM progress p WHERE p.user_id = ? AND NOT p.deleted \
             AND p.next_review <= ? AND EXISTS (SELECT FROM list_words place \
             WHERE place.word_id = p.word_id AND place.list_id = ?) ORDER BY p.next_review, p.word_id LIMIT ?"
        )
);
statement!(
    Unseen(list: &'a str => Text, user: Uuid => SqlUuid, limit: i64 => BigInt) -> (Text,)
        = "SELECT place.word_id FROM list_words place WHERE place.list_id = ? AND NOT EXISTS (SELECT \
           FROM progress p WHERE p.user_id = ? AND p.word_id = place.word_id AND NOT p.deleted) \
           ORDER BY place.position LIMIT ?"
);
statement!(
    SumUp(confidence: f64 => Double, correct_count: i64 => BigInt, now: Timestamp => Timestamptz,
        user: Uuid => SqlUuid) -> (BigInt, BigInt, BigInt, BigInt, Double, BigInt)
        = "SELECT count(*), count(*) FILTER (WHERE study_count > 0), \
           count(*) FILTER (WHERE confidence >= ? OR correct_count >= ?), \
           coalesce(sum(study_count), 0)::BIGINT, coalesce(avg(confidence), 0), \
           count(*) FILTER (WHERE next_review <= ?) FROM progress WHERE user_id = ? AND NOT deleted"
);
statement!(
    SumUpList(confidence: f64 => Double, correct_count: i64 => BigInt, list: &'a str => Text,
        user: Uuid => SqlUuid) -> (BigInt, BigInt)
        = "SELECT count(*), count(*) FILTER (WHERE p.confidence >= ? OR p.correct_count >= ?) \
           FROM list_words place JOIN progress p ON p.word_id = place.word_id \
           WHERE place.list_id = ? AND p.user_id = ? AND NOT p.deleted"
);
// One pass over all that counts in the log, word by word in order of time as the index has it: a word is new with
// the first of its reviews, over the whole log. Times are rounded down to a whole quarter of an hour, from so far
// back that none lies before it.
statement!(
    Activity(user: Uuid => SqlUuid, from: Timestamp => Timestamptz, to: Timestamp => Timestamptz)
        -> (Timestamptz, BigInt, BigInt, BigInt)
        = "SELECT date_bin('15 minutes', at, TIMESTAMPTZ '4000-01-01 00:00:00+00 BC') AS start, \
           count(*) FILTER (WHERE is_review), count(*) FILTER (WHERE is_review AND rating > 1), \
           count(*) FILTER (WHERE is_review AND reviews_so_far = 1) \
           FROM (SELECT at, rating, kind = 1 AS is_review, count(*) FILTER (WHERE kind = 1) OVER ( \
             PARTITION BY word_id ORDER BY at ROWS UNBOUNDED PRECEDING) AS reviews_so_far \
             FROM progress_events WHERE user_id = ? \
             AND (kind = 1 AND NOT undone OR kind = 2 AND raised_study_count)) e \
           WHERE at >= ? AND at < ? GROUP BY start ORDER BY start"
);
statement!(
    Reviews(user: Uuid => SqlUuid, after: i64 => BigInt, limit: i64 => BigInt) -> (ReviewColumns,)
        = "SELECT position, id, word_id, rating, at, duration_ms, device_id, undone FROM progress_events \
           WHERE user_id = ? AND position > ? AND kind = 1 ORDER BY position LIMIT ?"
);
// By the index of the word's log, never along the whole log in order of position.
statement!(
    ReviewsOfWord(user: Uuid => SqlUuid, word: &'a str => Text, after: i64 => BigInt, limit: i64 => BigInt)
        -> (ReviewColumns,)
        = "SELECT position, id, word_id, rating, at, duration_ms, device_id, undone FROM progress_events \
           WHERE user_id = ? AND word_id = ? AND position + 0 > ? AND kind = 1 ORDER BY position + 0 LIMIT ?"
);

/// The learners' progress in the database.
///
/// Writes are committed in groups, by connections and a thread that its copies share.
#[derive(Clone)]
pub struct PgProgress {
    database: PgDatabase,
    committer: Arc<Committer>,
}

impl PgProgress {
    /// The progress in this database.
    pub fn new(database: PgDatabase) -> Self {
        let committer = Arc::new(Committer::new(database.clone()));
        Self { database, committer }
    }

    /// What became of the writes so far, and how many wait.
    pub fn stats(&self) -> WriteStats {
        self.committer.stats()
    }

    async fn entries<F>(
        &self,
        statement: impl Fn(Arc<AsyncPgConnection>) -> F + Send + Sync,
    ) -> Result<Vec<ProgressEntry>, PortError>
    where
        F: Future<Output = Result<Vec<StoredEntry>, diesel::result::Error>> + Send,
    {
        let found = self.database.run(Repeat::Safe, statement).await.map_err(failed)?;
        Ok(found.into_iter().map(|stored| stored.entry).collect())
    }

    async fn review_rows<F>(
        &self,
        statement: impl Fn(Arc<AsyncPgConnection>) -> F + Send + Sync,
    ) -> Result<Vec<LoggedReview>, PortError>
    where
        F: Future<Output = Result<Vec<(ReviewRow,)>, diesel::result::Error>> + Send,
    {
        let found = self.database.run(Repeat::Safe, statement).await;
        let reviews = found.map_err(failed)?.into_iter().map(|(row,)| row.try_into());
        reviews.collect::<Result<_, CorruptRow>>().map_err(failed)
    }
}

#[async_trait]
impl ProgressStore for PgProgress {
    async fn append(&self, user: UserId, submission: &Submission) -> Result<Appended, AppendError> {
        self.committer.append(user, submission).await
    }

    async fn by_word(&self, user: UserId, word: &WordId) -> Result<Option<ProgressRow>, PortError> {
        let read = |connection: Arc<AsyncPgConnection>| async move {
            let statement = ByWord::new(user.0, word.as_str());
            statement.get_result(&mut &*connection).await.optional()
        };
        let found: Option<Stored> = self.database.run(Repeat::Safe, read).await.map_err(failed)?;
        Ok(found.map(|stored| stored.row))
    }

    async fn list(
        &self,
        user: UserId,
        before: Option<u64>,
        limit: Option<u32>,
    ) -> Result<Vec<ProgressEntry>, PortError> {
        let (before, limit) = (before.map_or(i64::MAX, to_i64), limit_to_i64(limit));
        self.entries(
            |connection| async move { List::new(user.0, before, limit).load(&mut &*connection).await },
        )
        .await
    }

    async fn changes(&self, user: UserId, after: u64, limit: u32) -> Result<Vec<ProgressRow>, PortError> {
        let read = |connection: Arc<AsyncPgConnection>| async move {
            let statement = ChangesAfter::new(user.0, to_i64(after), i64::from(limit));
            statement.load(&mut &*connection).await
        };
        let found: Vec<Stored> = self.database.run(Repeat::Safe, read).await.map_err(failed)?;
        Ok(found.into_iter().map(|stored| stored.row).collect())
    }

    async fn due(
        &self,
        user: UserId,
        now: Timestamp,
        list: Option<&ListId>,
        limit: Option<u32>,
    ) -> Result<Vec<ProgressEntry>, PortError> {
        let limit = limit_to_i64(limit);
        self.entries(|connection| async move {
            let mut connection = &*connection;
            match list {
                None => Due::new(user.0, now, limit).load(&mut connection).await,
                Some(list) => {
                    let statement = DueOfList::new(user.0, now, list.as_str(), limit);
                    statement.load(&mut connection).await
                }
            }
        })
        .await
    }

    async fn unseen(&self, user: UserId, list: &ListId, limit: u32) -> Result<Vec<WordId>, PortError> {
        let read = |connection: Arc<AsyncPgConnection>| async move {
            let statement = Unseen::new(list.as_str(), user.0, i64::from(limit));
            statement.load(&mut &*connection).await
        };
        let found: Vec<(String,)> = self.database.run(Repeat::Safe, read).await.map_err(failed)?;
        let of = RowOf {
            table: "list_words",
            id: list,
        };
        let ids = found.iter().map(|(id,)| of.parse(id, "word_id"));
        ids.collect::<Result<_, CorruptRow>>().map_err(failed)
    }

    async fn totals(&self, user: UserId, now: Timestamp) -> Result<Totals, PortError> {
        let read = |connection: Arc<AsyncPgConnection>| async move {
            let correct_count = i64::from(MASTERED_CORRECT_COUNT);
            let statement = SumUp::new(MASTERED_CONFIDENCE, correct_count, now, user.0);
            statement.get_result(&mut &*connection).await
        };
        let sums: (i64, i64, i64, i64, f64, i64) =
            self.database.run(Repeat::Safe, read).await.map_err(failed)?;
        let (words, studied, mastered, study_count, average_confidence, due) = sums;
        Ok(Totals {
            words: to_u32(words),
            studied: to_u32(studied),
            mastered: to_u32(mastered),
            study_count: study_count.unsigned_abs(),
            average_confidence,
            due: to_u32(due),
        })
    }

    async fn list_summary(&self, user: UserId, list: &ListId) -> Result<ListSummary, PortError> {
        let read = |connection: Arc<AsyncPgConnection>| async move {
            let correct_count = i64::from(MASTERED_CORRECT_COUNT);
            let statement = SumUpList::new(MASTERED_CONFIDENCE, correct_count, list.as_str(), user.0);
            statement.get_result(&mut &*connection).await
        };
        let (living, mastered): (i64, i64) = self.database.run(Repeat::Safe, read).await.map_err(failed)?;
        Ok(ListSummary {
            mastered: to_u32(mastered),
            learning: to_u32(living - mastered),
        })
    }

    async fn activity(
        &self,
        user: UserId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<ActivityBucket>, PortError> {
        let read = |connection: Arc<AsyncPgConnection>| async move {
            Activity::new(user.0, from, to).load(&mut &*connection).await
        };
        let found: Vec<(Timestamp, i64, i64, i64)> =
            self.database.run(Repeat::Safe, read).await.map_err(failed)?;
        let buckets = found
            .into_iter()
            .map(|(start, reviews, correct, new_words)| ActivityBucket {
                start,
                reviews: to_u32(reviews),
                correct: to_u32(correct),
                new_words: to_u32(new_words),
            });
        Ok(buckets.collect())
    }

    async fn reviews(
        &self,
        user: UserId,
        word: Option<&WordId>,
        after: u64,
        limit: u32,
    ) -> Result<Vec<LoggedReview>, PortError> {
        let (after, limit) = (to_i64(after), i64::from(limit));
        self.review_rows(|connection| async move {
            let mut connection = &*connection;
            match word {
                None => Reviews::new(user.0, after, limit).load(&mut connection).await,
                Some(word) => {
                    let statement = ReviewsOfWord::new(user.0, word.as_str(), after, limit);
                    statement.load(&mut connection).await
                }
            }
        })
        .await
    }
}

fn failed<E: Into<StoreError>>(error: E) -> PortError {
    error.into().into_port(PORT)
}

/// A limit as PostgreSQL takes it: none is more than there can be.
fn limit_to_i64(limit: Option<u32>) -> i64 {
    limit.map_or(i64::MAX, i64::from)
}

/// A count of rows; what does not fit is more than there can be.
fn to_u32(count: i64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{ByWord, List};
    use crate::script::{assert_sends, text};

    #[test]
    fn the_benchmark_reads_progress_as_the_store_does() {
        let word = include_str!("../../../../xtask/bench/pgbench/word.sql");
        assert_sends(word, &[text(&ByWord::new(Uuid::nil(), "word"))]);
        let list = include_str!("../../../../xtask/bench/pgbench/progress.sql");
        assert_sends(list, &[text(&List::new(Uuid::nil(), i64::MAX, i64::MAX))]);
    }
}
