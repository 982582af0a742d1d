//! Progress: an append-only log of what a learner did, and the state that its fold gives.

mod activity;
mod command;
mod decide;
mod event;
mod fold;
mod import;
mod ports;
mod report;
mod schedule;
mod service;
mod state;
mod submission;

pub use activity::{ActivityBucket, BUCKET_MILLIS, DayActivity, Streak, by_day, streak};
pub use command::{
    ActivityError, DeleteError, ListError, Reviewed, SetError, SetProgress, StudyQuery, UndoError,
};
pub use decide::{Decision, Facts, decide, words_to_refold};
pub use event::{Event, EventKey, EventKind, Rating, UnknownRating};
pub use fold::{FOLD_VERSION, Fold, fold};
pub use import::{ImportError, ImportItem, MAX_COUNT, MAX_ITEMS, ParsedImport, Skipped, parse_import};
pub use ports::{AppendError, Appended, ListSummary, LoggedReview, ProgressStore, Totals};
pub use report::{
    ChangePage, ImportReport, ListProgress, ProgressEntry, ProgressPage, ReviewPage, ReviewReport, Stats,
    StudyItem, WordChange,
};
pub use schedule::{DEFAULT_RETENTION, Memory};
pub use service::{MAX_ACTIVITY_DAYS, Progress};
pub use state::{MASTERED_CONFIDENCE, MASTERED_CORRECT_COUNT, ProgressRow, WordState};
pub use submission::{
    Change, Changes, MergeItem, MergeOutcome, NewReview, NewSet, Precondition, Refusal, Revisions, Submission,
};
