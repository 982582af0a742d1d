//! Progress: an append-only log of what a learner did, and the state that its fold gives.

mod activity;
mod decide;
mod event;
mod fold;
mod import;
mod ports;
mod schedule;
mod service;
mod state;

pub use activity::{ActivityBucket, BUCKET_MILLIS, DayActivity, Streak, by_day, streak};
pub use decide::{
    Change, Changes, Decision, Facts, IfMatch, MergeItem, MergeOutcome, NewReview, NewSet, Refusal,
    Submission, decide, words_to_refold,
};
pub use event::{Event, EventKey, EventKind, Rating, UnknownRating};
pub use fold::{FOLD_VERSION, Fold, fold};
pub use import::{ImportError, ImportItem, MAX_COUNT, MAX_ITEMS, ParsedImport, Skipped, parse_import};
pub use ports::{AppendError, Appended, ChangedWord, ListSummary, LoggedReview, ProgressStore, Totals};
pub use schedule::{DEFAULT_RETENTION, Memory};
pub use service::{
    ActivityError, ChangePage, DeleteError, ImportReport, ListError, ListProgress, MAX_ACTIVITY_DAYS,
    Progress, ProgressEntry, ProgressPage, ReviewPage, ReviewReport, Reviewed, SetError, SetProgress, Stats,
    StudyItem, StudyQuery, UndoError,
};
pub use state::{MASTERED_CONFIDENCE, MASTERED_CORRECT_COUNT, ProgressRow, WordState};
