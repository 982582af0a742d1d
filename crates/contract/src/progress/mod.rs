//! What every [`ProgressStore`](parlance_domain::progress::ProgressStore) must do.

mod isolation;
pub(crate) mod learner;
mod log;
mod order;
mod reading;
mod revisions;

pub use isolation::*;
pub use log::*;
pub use order::*;
pub use reading::*;
pub use revisions::*;

/// Makes a test of each rule of a progress store; the expression makes [`Stores`](crate::stores::Stores).
#[macro_export]
macro_rules! progress_store_contract {
    ($make:expr) => {
        $crate::tests_of_rules!(
            progress,
            $make,
            [
                a_review_is_logged_and_its_row_is_read_back,
                threat_50_a_known_event_id_is_a_duplicate_whatever_it_carries,
                one_review_sent_at_once_many_times_counts_once,
                the_answer_names_each_word_once_in_the_order_of_mention,
                the_answer_to_sets_has_one_row_for_each,
                a_set_fixes_only_the_members_that_it_carries,
                a_set_that_changes_nothing_appends_nothing,
                a_word_named_twice_is_set_in_the_order_sent,
                a_refused_item_changes_nothing,
                a_precondition_is_on_the_living_row,
                of_sets_at_once_on_one_revision_one_is_kept,
                of_sets_at_once_that_begin_a_word_one_is_kept,
                a_word_is_forgotten_only_at_the_revision_that_is_named,
                a_forgotten_word_is_a_tombstone_and_can_begin_again,
                what_is_not_there_cannot_be_forgotten,
                an_undone_review_is_taken_out_once,
                what_is_no_review_cannot_be_undone,
                a_late_review_takes_its_place_in_the_log,
                a_merge_raises_and_never_lowers,
                a_dry_run_decides_and_changes_nothing,
                who_has_no_account_is_refused_as_gone,
                threat_49_any_order_grouping_and_repetition_gives_the_same_states,
                each_changed_word_takes_its_own_next_revision,
                appends_at_once_take_each_revision_once,
                a_batch_of_1000_is_read_back_through_the_change_feed,
                the_change_feed_in_pages_of_7_is_the_full_list_with_tombstones,
                living_rows_are_listed_newest_change_first_and_in_pages,
                what_is_due_comes_most_overdue_first,
                what_is_due_can_be_that_of_a_list,
                words_without_a_row_are_unseen_in_the_order_of_the_list,
                totals_are_sums_over_the_living_rows,
                a_list_is_summed_up,
                activity_counts_reviews_and_words_by_the_quarter_of_an_hour,
                activity_leaves_out_what_was_undone_and_keeps_what_was_forgotten,
                a_set_that_raises_the_count_is_activity_without_a_review,
                a_word_is_new_in_the_bucket_of_its_first_review,
                reviews_are_listed_in_the_order_of_arrival_and_in_pages,
                reviews_of_one_word_are_listed_alone,
                threat_30_another_learner_sees_nothing,
                threat_30_another_learner_changes_nothing,
                threat_30_another_learner_may_use_the_same_ids,
            ]
        );
    };
}
