//! Every invariant, on a history made by hand: nothing is wrong with it until a test alters one thing.

mod cursor;
mod merge;
mod others;
mod sessions;
mod set;

use parlance_soak::checker::{Kind, Violation, check, check_history};
use parlance_soak::history::{
    Call, Change, DayActivity, Evidence, FeedPage, LoggedReview, Op, Outcome, ReviewReport, ReviewSent, Row,
    RowList, Setup, SignedIn, StatsSeen, UserFinal, WordState,
};
use uuid::Uuid;

/// 2027-01-15T08:00:00Z, when the history begins, in milliseconds.
pub(crate) const BEGAN: i64 = 1_800_000_000_000;
pub(crate) const DAY: i64 = 86_400_000;
pub(crate) const KEPT: &str = "u0000.w000";
pub(crate) const FORGOTTEN: &str = "u0000.w001";
const OWNER: &str = "owner";

/// A history, and what was read in the end.
pub(crate) struct Story(pub(crate) Evidence);

impl Story {
    /// Three devices of a learner: one reviews a word that stays, one a word that it resets, all is read.
    pub(crate) fn new() -> Self {
        let mut story = Self(Evidence {
            setup: Setup {
                seed: 1,
                devices: 3,
                began_at: BEGAN.unsigned_abs() * 1000,
                revocation_grace: 1_000_000,
                access_lifetime: 900_000_000,
                patience: 10_000_000,
                faults: Vec::new(),
            },
            ops: Vec::new(),
            finals: vec![ending()],
        });
        for device in 0..3 {
            let signed_in = SignedIn {
                user_id: OWNER.into(),
                session: session(device),
                token: u64::from(device) * 100,
            };
            story.add(device, "ann@example.com", Call::Login(Some(signed_in)));
        }
        story.add(0, "", reviewing(vec![sent(1, KEPT)], vec![row(KEPT, 10)], 1));
        story.add(
            1,
            "",
            reviewing(vec![sent(2, FORGOTTEN)], vec![row(FORGOTTEN, 20)], 2),
        );
        story.add(1, FORGOTTEN, Call::Delete);
        story.add(2, "", looking(0, page(3)));
        story.add(0, KEPT, reading(10, 1));
        story
    }

    /// Adds an acknowledged operation, 10 ms long, behind all others.
    pub(crate) fn add(&mut self, device: u32, key: &str, call: Call) -> &mut Op {
        let op_id = self.0.ops.len() as u64;
        self.0.ops.push(Op {
            proc: device,
            op_id,
            call,
            key: key.into(),
            t_invoke: op_id * 20_000,
            t_return: Some(op_id * 20_000 + 10_000),
            outcome: Outcome::Ok,
            user: 0,
            device,
            base: 0,
            status: Some(200),
            session: Some(session(device)),
        });
        self.0.ops.last_mut().unwrap()
    }

    pub(crate) fn ending(&mut self) -> &mut UserFinal {
        &mut self.0.finals[0]
    }

    /// What is wrong, without the oracle.
    pub(crate) fn violations(&self) -> Vec<Violation> {
        check_history(&self.0)
    }

    /// Asserts that exactly this kind of promise is broken, and that the evidence says so.
    pub(crate) fn breaks(&self, kind: Kind, evidence: &str) {
        let found = self.violations();
        assert!(found.iter().all(|one| one.kind == kind), "{found:#?}");
        assert!(
            found.iter().any(|one| one.evidence.contains(evidence)),
            "{found:#?}"
        );
    }

    /// Asserts that the oracle disagrees with a state, for this reason.
    pub(crate) fn breaks_the_fold(&self, reason: &str) {
        let found = check(&self.0).unwrap();
        let merge: Vec<_> = found.iter().filter(|one| one.kind == Kind::Merge).collect();
        assert!(
            merge.iter().any(|one| one.evidence.contains(reason)),
            "{found:#?}"
        );
    }

    /// Asserts that nothing is wrong, by the oracle too.
    pub(crate) fn is_clean(&self) {
        let found = check(&self.0).unwrap();
        assert!(found.is_empty(), "{found:#?}");
    }
}

pub(crate) fn session(device: u32) -> String {
    format!("session-{device}")
}

pub(crate) fn sent(number: u128, word: &str) -> ReviewSent {
    ReviewSent {
        id: Uuid::from_u128(number),
        word: word.into(),
        rating: "good".into(),
        at: BEGAN,
        duration_ms: 900,
        device_id: "u0000.d0".into(),
    }
}

pub(crate) fn reviewing(reviews: Vec<ReviewSent>, rows: Vec<Row>, cursor: u64) -> Call {
    let answer = ReviewReport {
        accepted: u32::try_from(reviews.len()).unwrap(),
        duplicates: 0,
        rows,
        cursor,
    };
    Call::Review {
        reviews,
        answer: Some(answer),
    }
}

pub(crate) fn looking(after: u64, page: FeedPage) -> Call {
    Call::Changes {
        after,
        limit: 100,
        page: Some(page),
    }
}

pub(crate) fn reading(digest: u64, revision: u64) -> Call {
    Call::Get {
        row: Some(row(KEPT, digest)),
        revision: Some(revision),
    }
}

pub(crate) fn row(word: &str, digest: u64) -> Row {
    Row {
        word: word.into(),
        user_id: OWNER.into(),
        next_review: BEGAN + 2 * DAY,
        updated_at: BEGAN + 60,
        digest,
    }
}

/// The feed as it is in the end, up to this cursor.
pub(crate) fn page(cursor: u64) -> FeedPage {
    let kept = Change {
        word: KEPT.into(),
        digest: Some(10),
        user_id: Some(OWNER.into()),
    };
    let forgotten = Change {
        word: FORGOTTEN.into(),
        digest: None,
        user_id: None,
    };
    FeedPage {
        changes: vec![kept, forgotten],
        cursor,
        has_more: false,
    }
}

pub(crate) fn logged(sent: &ReviewSent) -> LoggedReview {
    LoggedReview {
        id: sent.id,
        word: sent.word.clone(),
        rating: sent.rating.clone(),
        at: sent.at,
        duration_ms: Some(sent.duration_ms),
        device_id: Some(sent.device_id.clone()),
        undone: false,
    }
}

/// What a good first review leads to.
pub(crate) fn state() -> WordState {
    WordState {
        word: KEPT.into(),
        user_id: OWNER.into(),
        study_count: 1,
        correct_count: 1,
        confidence: 0.8 * 2.3065 / 21.0,
        next_review: BEGAN + 2 * DAY,
        mastered: false,
        memory: Some((2.3065, 2.1181, BEGAN, 0)),
        digest: 10,
    }
}

fn ending() -> UserFinal {
    let lists = (0..3).map(|device| RowList {
        device,
        digest: 1,
        rows: vec![state()],
    });
    UserFinal {
        user: 0,
        user_id: OWNER.into(),
        zone_minutes: 0,
        reviews: vec![logged(&sent(1, KEPT)), logged(&sent(2, FORGOTTEN))],
        lists: lists.collect(),
        words: Vec::new(),
        feed: vec![page(3)],
        stats: StatsSeen {
            from: BEGAN + 1_000,
            to: BEGAN + 1_010,
            total_words: 1,
            studied_words: 1,
            mastered_words: 0,
            total_study_count: 1,
            average_confidence: 0.8 * 2.3065 / 21.0,
            words_to_review_today: 0,
            current_streak_days: 1,
            longest_streak_days: 1,
            reviews_today: 2,
        },
        activity: vec![DayActivity {
            date: "2027-01-15".into(),
            reviews: 2,
            correct: 2,
            new_words: 2,
        }],
    }
}

#[test]
fn nothing_is_wrong_with_a_history_that_keeps_every_promise() {
    Story::new().is_clean();
}
