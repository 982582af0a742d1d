//! The use-cases of progress: study, review, look, import.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{NaiveDate, TimeDelta};

use super::{
    ActivityError, AppendError, Appended, Change, ChangePage, Changes, DayActivity, DeleteError, ImportItem,
    ImportReport, ListError, ListProgress, MergeOutcome, NewReview, ParsedImport, Precondition,
    ProgressEntry, ProgressPage, ProgressRow, ProgressStore, Refusal, ReviewPage, ReviewReport, Reviewed,
    SetError, SetProgress, Stats, StudyItem, StudyQuery, Submission, UndoError, WordChange, by_day, streak,
};
use crate::accounts::AccountStore;
use crate::ids::{EventId, IdGenerator, ListId, ProgressId, UserId, WordId};
use crate::port::PortError;
use crate::settings::SettingsStore;
use crate::time::{Clock, TimeZone, Timestamp, to_millis};
use crate::words::{Word, WordStore};

/// How far ahead of the server's a client's clock may be.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::minutes(5);
/// The most days that activity is told for at once.
pub const MAX_ACTIVITY_DAYS: i64 = 366;
const DEFAULT_ACTIVITY_DAYS: i64 = 30;

/// The use-cases of progress.
pub struct Progress {
    store: Arc<dyn ProgressStore>,
    accounts: Arc<dyn AccountStore>,
    words: Arc<dyn WordStore>,
    settings: Arc<dyn SettingsStore>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

impl Progress {
    /// The use-cases over these ports.
    pub fn new(
        store: Arc<dyn ProgressStore>,
        accounts: Arc<dyn AccountStore>,
        words: Arc<dyn WordStore>,
        settings: Arc<dyn SettingsStore>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGenerator>,
    ) -> Self {
        Self {
            store,
            accounts,
            words,
            settings,
            clock,
            ids,
        }
    }

    /// Fixes members of words' states, in the order given, all or nothing; one entry back per command.
    pub async fn set(
        &self,
        user: UserId,
        commands: Vec<SetProgress>,
    ) -> Result<Vec<ProgressEntry>, SetError> {
        let sets = commands
            .into_iter()
            .map(|command| self.change(command.word_id, command.set))
            .collect();
        let appended = self
            .append(user, Changes::Sets(sets))
            .await
            .map_err(|error| match error {
                AppendError::Refused(refusal) => match refusal {
                    Refusal::PreconditionFailed => SetError::PreconditionFailed,
                    Refusal::ProgressNotFound | Refusal::ReviewNotFound => unexpected(refusal).into(),
                },
                AppendError::Port(error) => error.into(),
            })?;
        Ok(entries(appended.rows))
    }

    /// Records reviews, each once, whatever the order in which they arrive; each with the retention that the learner wants
    /// now, by which it is folded ever after.
    pub async fn review(&self, user: UserId, reviews: Vec<Reviewed>) -> Result<ReviewReport, PortError> {
        let wanted = self.settings.desired_retention(user).await?;
        let retention = wanted.unwrap_or_default().get();
        // What is taken as the time of arrival is the time of the change too.
        let now = self.clock.now();
        let reviews = reviews
            .into_iter()
            .map(|review| self.new_review(review, retention, now))
            .collect();
        let appended = self.append_at(now, user, Changes::Reviews(reviews)).await;
        let appended = appended.map_err(port_error)?;
        Ok(ReviewReport {
            accepted: appended.accepted,
            duplicates: appended.duplicates,
            rows: entries(appended.rows),
            revision: appended.revision,
        })
    }

    /// Takes a review back; repeated, nothing further changes.
    pub async fn undo(&self, user: UserId, review: EventId) -> Result<ProgressEntry, UndoError> {
        let event_id = EventId(self.ids.next());
        let changes = Changes::Undo { review, event_id };
        let appended = self.append(user, changes).await.map_err(|error| match error {
            AppendError::Refused(refusal) => match refusal {
                Refusal::ReviewNotFound => UndoError::ReviewNotFound,
                Refusal::ProgressNotFound => UndoError::ProgressNotFound,
                Refusal::PreconditionFailed => unexpected(refusal).into(),
            },
            AppendError::Port(error) => error.into(),
        })?;
        entries(appended.rows).pop().ok_or(UndoError::ProgressNotFound)
    }

    /// Forgets a word: what is older no longer counts. A word that was not begun is not found, whatever the caller
    /// insists on.
    pub async fn delete(
        &self,
        user: UserId,
        word: WordId,
        precondition: Precondition,
    ) -> Result<(), DeleteError> {
        let changes = Changes::Forget(self.change(word, precondition));
        let appended = self.append(user, changes).await;
        appended.map(drop).map_err(|error| match error {
            AppendError::Refused(refusal) => match refusal {
                Refusal::ProgressNotFound => DeleteError::NotFound,
                Refusal::PreconditionFailed => DeleteError::PreconditionFailed,
                Refusal::ReviewNotFound => unexpected(refusal).into(),
            },
            AppendError::Port(error) => error.into(),
        })
    }

    /// Merges what a browser held into the learner's progress; a dry run only reports.
    pub async fn import(
        &self,
        user: UserId,
        import: ParsedImport,
        dry_run: bool,
    ) -> Result<ImportReport, PortError> {
        let items = import
            .items
            .into_iter()
            .map(|ImportItem { word_id, members }| self.change(word_id, members))
            .collect();
        let submission = Submission {
            changes: Changes::Merge(items),
            now: self.clock.now(),
            dry_run,
        };
        let appended = self.store.append(user, &submission).await.map_err(port_error)?;
        let count = |wanted| {
            let found = appended
                .merged
                .iter()
                .filter(|outcome| **outcome == wanted)
                .count();
            u32::try_from(found).unwrap_or(u32::MAX)
        };
        Ok(ImportReport {
            imported: count(MergeOutcome::Imported),
            merged: count(MergeOutcome::Merged),
            unchanged: count(MergeOutcome::Unchanged),
            skipped: import.skipped,
        })
    }

    /// The state of one word, if it was begun.
    pub async fn by_word(&self, user: UserId, word: &WordId) -> Result<Option<ProgressEntry>, PortError> {
        Ok(self.store.by_word(user, word).await?.and_then(entry))
    }

    /// All words begun, newest change first; at most `limit` from behind a revision.
    pub async fn list(
        &self,
        user: UserId,
        before: Option<u64>,
        limit: Option<u32>,
    ) -> Result<ProgressPage, PortError> {
        let one_more = limit.map(|limit| limit.saturating_add(1));
        let mut entries = self.store.list(user, before, one_more).await?;
        let has_more = limit.is_some_and(|limit| cut(&mut entries, limit));
        let next = entries.last().filter(|_| has_more).map(|entry| entry.revision);
        Ok(ProgressPage { entries, next })
    }

    /// What changed behind a revision, tombstones included.
    pub async fn changes(&self, user: UserId, after: u64, limit: u32) -> Result<ChangePage, PortError> {
        let mut rows = self.store.changes(user, after, limit.saturating_add(1)).await?;
        let has_more = cut(&mut rows, limit);
        let cursor = rows.last().map_or(after, |row| row.revision);
        Ok(ChangePage {
            changes: rows.into_iter().map(WordChange::from).collect(),
            cursor,
            has_more,
        })
    }

    /// The reviews in the log, behind a place in it.
    pub async fn reviews(
        &self,
        user: UserId,
        word: Option<&WordId>,
        after: u64,
        limit: u32,
    ) -> Result<ReviewPage, PortError> {
        let mut reviews = self
            .store
            .reviews(user, word, after, limit.saturating_add(1))
            .await?;
        let has_more = cut(&mut reviews, limit);
        let cursor = reviews.last().map_or(after, |review| review.position);
        Ok(ReviewPage {
            reviews,
            cursor,
            has_more,
        })
    }

    /// The words that are due, most overdue first.
    pub async fn due(
        &self,
        user: UserId,
        list: Option<&ListId>,
        limit: Option<u32>,
    ) -> Result<Vec<ProgressEntry>, ListError> {
        self.find_list(list).await?;
        Ok(self.store.due(user, self.clock.now(), list, limit).await?)
    }

    /// What to study now: what is due, most overdue first, then new words of the list.
    pub async fn study(&self, user: UserId, query: &StudyQuery) -> Result<Vec<StudyItem>, ListError> {
        let due = self.due(user, query.list.as_ref(), Some(query.limit)).await?;
        let room = query
            .limit
            .saturating_sub(u32::try_from(due.len()).unwrap_or(u32::MAX));
        let new = match &query.list {
            Some(list) if room > 0 && query.new_limit > 0 => {
                self.store.unseen(user, list, room.min(query.new_limit)).await?
            }
            _ => Vec::new(),
        };
        let ids: Vec<WordId> = due
            .iter()
            .map(|entry| entry.word_id.clone())
            .chain(new.iter().cloned())
            .collect();
        let words = self.words.words(&ids).await?;
        let mut words: HashMap<WordId, Word> =
            words.into_iter().map(|word| (word.id.clone(), word)).collect();
        let due = due.into_iter().map(|entry| (entry.word_id.clone(), Some(entry)));
        let new = new.into_iter().map(|word| (word, None));
        Ok(due
            .chain(new)
            .map(|(word, progress)| StudyItem {
                word: words.remove(&word),
                progress,
            })
            .collect())
    }

    /// A learner's statistics, with days in their own time zone.
    pub async fn stats(&self, user: UserId) -> Result<Stats, PortError> {
        let now = self.clock.now();
        let zone = self.zone(user).await?;
        let totals = self.store.totals(user, now).await?;
        let buckets = self
            .store
            .activity(user, Timestamp::UNIX_EPOCH, far_future())
            .await?;
        let today = zone.day_of(now);
        let streak = streak(buckets.iter().map(|bucket| zone.day_of(bucket.start)), today);
        let of_today = buckets.iter().filter(|bucket| zone.day_of(bucket.start) == today);
        Ok(Stats {
            total_words: totals.words,
            studied_words: totals.studied,
            mastered_words: totals.mastered,
            total_study_count: totals.study_count,
            average_confidence: totals.average_confidence,
            words_to_review: totals.due,
            current_streak_days: streak.current,
            longest_streak_days: streak.longest,
            reviews_today: of_today.map(|bucket| bucket.reviews).sum(),
        })
    }

    /// What was studied on each day from `from` to `to`, both included, in the learner's time zone; days
    /// without a review are left out. Without bounds, the last 30 days.
    pub async fn activity(
        &self,
        user: UserId,
        from: Option<NaiveDate>,
        to: Option<NaiveDate>,
    ) -> Result<Vec<DayActivity>, ActivityError> {
        let zone = self.zone(user).await?;
        let to = to.unwrap_or_else(|| zone.day_of(self.clock.now()));
        let default_from = || to.checked_sub_signed(TimeDelta::days(DEFAULT_ACTIVITY_DAYS - 1));
        let from = from.or_else(default_from).unwrap_or(to);
        if from > to {
            return Err(ActivityError::Reversed);
        }
        if (to - from).num_days() >= MAX_ACTIVITY_DAYS {
            return Err(ActivityError::TooLong);
        }
        // A day in any time zone lies within a day of the same date in UTC; what is too much is cut below.
        let midnight = |date: NaiveDate| date.and_time(chrono::NaiveTime::MIN).and_utc();
        let (start, end) = (
            midnight(from) - TimeDelta::days(1),
            midnight(to) + TimeDelta::days(2),
        );
        let buckets = self.store.activity(user, start, end).await?;
        let mut days = by_day(&buckets, zone);
        days.retain(|day| (from..=to).contains(&day.date) && day.reviews > 0);
        Ok(days)
    }

    /// How far a learner is with a list.
    pub async fn list_progress(&self, user: UserId, list: &ListId) -> Result<ListProgress, ListError> {
        let list = self.words.list(list).await?.ok_or(ListError::NotFound)?;
        let summary = self.store.list_summary(user, &list.id).await?;
        let total = list.word_count;
        let percent = match total {
            0 => 0,
            _ => (200 * summary.mastered + total) / (2 * total),
        };
        Ok(ListProgress {
            mastered: summary.mastered,
            learning: summary.learning,
            new: total.saturating_sub(summary.mastered + summary.learning),
            percent,
            list,
        })
    }

    async fn find_list(&self, list: Option<&ListId>) -> Result<(), ListError> {
        match list {
            Some(id) if self.words.list(id).await?.is_none() => Err(ListError::NotFound),
            _ => Ok(()),
        }
    }

    async fn zone(&self, user: UserId) -> Result<TimeZone, PortError> {
        let account = self.accounts.by_id(user).await?;
        Ok(account.map_or(TimeZone::UTC, |account| account.time_zone))
    }

    async fn append(&self, user: UserId, changes: Changes) -> Result<Appended, AppendError> {
        self.append_at(self.clock.now(), user, changes).await
    }

    async fn append_at(
        &self,
        now: Timestamp,
        user: UserId,
        changes: Changes,
    ) -> Result<Appended, AppendError> {
        let submission = Submission {
            changes,
            now,
            dry_run: false,
        };
        self.store.append(user, &submission).await
    }

    fn change<T>(&self, word_id: WordId, what: T) -> Change<T> {
        Change {
            word_id,
            event_id: EventId(self.ids.next()),
            progress_id: ProgressId(self.ids.next()),
            what,
        }
    }

    fn new_review(&self, review: Reviewed, retention: f64, now: Timestamp) -> Change<NewReview> {
        let clamped = review.reviewed_at > now + CLOCK_TOLERANCE;
        let at = if clamped {
            now
        } else {
            to_millis(review.reviewed_at)
        };
        Change {
            word_id: review.word_id,
            event_id: review.id,
            progress_id: ProgressId(self.ids.next()),
            what: NewReview {
                rating: review.rating,
                at,
                clamped,
                duration_ms: review.duration_ms,
                device_id: review.device_id,
                retention,
            },
        }
    }
}

fn entry(row: ProgressRow) -> Option<ProgressEntry> {
    WordChange::from(row).entry()
}

fn entries(rows: Vec<ProgressRow>) -> Vec<ProgressEntry> {
    rows.into_iter().filter_map(entry).collect()
}

/// Cuts what was read with one more than `limit`; whether there was more.
fn cut<T>(items: &mut Vec<T>, limit: u32) -> bool {
    let has_more = items.len() > limit as usize;
    items.truncate(limit as usize);
    has_more
}

fn far_future() -> Timestamp {
    // 9999-12-31T23:59:59Z, the last second that RFC 3339 can write.
    Timestamp::UNIX_EPOCH + TimeDelta::seconds(253_402_300_799)
}

fn port_error(error: AppendError) -> PortError {
    match error {
        AppendError::Refused(refusal) => unexpected(refusal),
        AppendError::Port(error) => error,
    }
}

/// A refusal that the rules rule out for what was asked: a defect of the store.
fn unexpected(refusal: Refusal) -> PortError {
    PortError::corrupt("ProgressStore", refusal)
}
