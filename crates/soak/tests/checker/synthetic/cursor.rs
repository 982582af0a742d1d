//! Devices that follow the change feed, and the feed in the end.

use parlance_soak::checker::Kind;
use parlance_soak::history::{Call, WordSeen};

use super::{FORGOTTEN, KEPT, Story, looking, page, reading, reviewing, row, sent};

#[test]
fn a_page_without_an_acknowledged_change_is_found() {
    let mut story = Story::new();
    let mut gap = page(3);
    gap.changes.remove(0);
    story.0.ops[6].call = looking(0, gap);
    story.breaks(Kind::Cursor, "u0000.w000 is held as None");
}

#[test]
fn a_page_that_leaves_out_a_tombstone_is_found() {
    let mut story = Story::new();
    let mut gap = page(3);
    gap.changes.pop();
    story.0.ops[6].call = looking(0, gap);
    story.breaks(Kind::Cursor, "u0000.w001 is held as None");
}

#[test]
fn a_change_while_a_device_looks_may_be_on_the_page_or_not() {
    let mut story = Story::new();
    let (from, to) = (story.0.ops[3].t_invoke, story.0.ops[7].t_return);
    let mut early = page(1);
    early.changes.clear();
    story.0.ops[6].call = looking(0, early);
    story.0.ops[6].t_invoke = from;
    story.0.ops[6].t_return = to;
    // It looked before anything was acknowledged; what it holds in the end is another matter.
    let found = story.violations();
    assert!(
        found.iter().all(|one| one.evidence.starts_with("in the end")),
        "{found:#?}"
    );
}

#[test]
fn a_feed_that_ends_before_what_was_told_is_found() {
    let mut story = Story::new();
    let mut behind = page(1);
    behind.changes.truncate(1);
    story.0.ops[6].call = looking(0, behind);
    story.breaks(
        Kind::Cursor,
        "the feed ends at 1, operation 4 had been told of revision 2",
    );
}

#[test]
fn a_cursor_that_falls_and_a_word_twice_on_a_page_are_found() {
    let mut story = Story::new();
    story.add(2, "", looking(5, page(3)));
    story.breaks(Kind::Cursor, "the cursor fell from 5 to 3");
    let mut story = Story::new();
    let mut twice = page(3);
    let first = twice.changes[0].clone();
    twice.changes.push(first);
    story.0.ops[6].call = looking(0, twice);
    story.breaks(Kind::Cursor, "a word comes twice on a page");
}

#[test]
fn a_feed_that_is_not_its_rows_is_found() {
    let mut story = Story::new();
    story.ending().feed[0].changes[0].digest = Some(99);
    story.breaks(Kind::Cursor, "is another in the feed than in the rows");
    let mut story = Story::new();
    story.ending().feed[0].changes.pop();
    story.breaks(Kind::Cursor, "neither row nor tombstone");
}

#[test]
fn a_revision_given_to_two_words_is_found() {
    let mut story = Story::new();
    let other = Call::Put {
        sets: Vec::new(),
        rows: vec![row(FORGOTTEN, 20)],
        revision: Some(1),
    };
    story.0.ops.insert(5, story.0.ops[4].clone());
    story.0.ops[5].call = other;
    story.0.ops[5].key = FORGOTTEN.into();
    story.breaks(Kind::Cursor, "revision 1 was given to");
}

#[test]
fn revisions_that_no_operation_accounts_for_are_found() {
    let mut story = Story::new();
    story.ending().feed[0].cursor = 9;
    story.breaks(Kind::Cursor, "there are gaps");
}

#[test]
fn a_revision_beyond_the_end_of_the_feed_is_found() {
    let mut story = Story::new();
    story.ending().words = vec![WordSeen {
        device: 0,
        word: KEPT.into(),
        digest: Some(10),
        revision: Some(7),
    }];
    story.breaks(Kind::Cursor, "the feed ends at 3, revision 7 was told of");
}

#[test]
fn a_read_older_than_an_acknowledged_write_is_found() {
    let mut story = Story::new();
    story.0.ops[7].call = Call::Get {
        row: None,
        revision: None,
    };
    story.breaks(Kind::Session, "read None, which none of the last writes [3] left");
}

#[test]
fn a_revision_that_falls_for_a_device_is_found() {
    let mut story = Story::new();
    story.add(0, "", reviewing(vec![sent(1, KEPT)], vec![row(KEPT, 10)], 3));
    story.add(0, KEPT, reading(10, 3));
    story.add(0, KEPT, reading(10, 1));
    let found = story.violations();
    let fell = "saw revision 3 in operation 9, then 1 in operation 10";
    assert!(
        found
            .iter()
            .any(|one| one.kind == Kind::Session && one.evidence.contains(fell)),
        "{found:#?}"
    );
}
