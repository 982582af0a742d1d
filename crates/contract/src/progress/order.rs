//! The rule of convergence: whatever the order, the grouping and the repetition, the same events give the same.

use std::cell::Cell;

use parlance_domain::progress::{
    ActivityBucket, AppendError, Change, Changes, EventKey, NewReview, NewSet, Rating, Refusal, WordState,
};
use parlance_domain::time::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use super::learner::{Learner, confidence, counts, far, forget, review, undo};
use crate::stores::Stores;

const WORDS: [&str; 3] = ["w0", "w1", "w2"];
/// Later than every review, so that what is done by hand has the same time in every order.
const AFTERWARDS: i64 = 1_000_000;

/// What is done between the reviews, to the word of this index.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Confidence(usize),
    Counts(usize, u32),
    Forget(usize),
    UndoFirst(usize),
}

/// A review: its word, rating and time.
type Reviewed = (usize, Rating, i64);

/// When each review is sent: before which deed, in which place there, and how many times.
type Plan = Vec<(usize, u16, usize)>;

#[derive(Debug, Clone)]
struct Story {
    reviews: Vec<Reviewed>,
    deeds: Vec<Deed>,
    plans: [Plan; 2],
    grouping: [usize; 2],
}

/// What a learner ends with, but for what tells the order of arrival.
#[derive(Debug, PartialEq)]
struct End {
    words: Vec<Option<(WordState, EventKey)>>,
    reviews: Vec<(u128, bool)>,
    activity: Vec<ActivityBucket>,
    refusals: Vec<Option<Refusal>>,
}

fn stories() -> impl Strategy<Value = Story> {
    let rating = prop_oneof![
        Just(Rating::Again),
        Just(Rating::Hard),
        Just(Rating::Good),
        Just(Rating::Easy)
    ];
    let word = 0..WORDS.len();
    let reviewed = (word.clone(), rating, 1..AFTERWARDS - 1);
    let deed = prop_oneof![
        word.clone().prop_map(Deed::Confidence),
        (word.clone(), 0..50_u32).prop_map(|(word, count)| Deed::Counts(word, count)),
        word.clone().prop_map(Deed::Forget),
        word.prop_map(Deed::UndoFirst),
    ];
    let parts = (
        prop::collection::vec(reviewed, 1..16),
        prop::collection::vec(deed, 0..5),
    );
    parts.prop_flat_map(|(reviews, deeds)| {
        let sent = (0..=deeds.len(), any::<u16>(), 1..3_usize);
        let plan = prop::collection::vec(sent, reviews.len());
        let plans = [plan.clone(), plan];
        (Just(reviews), Just(deeds), plans, [1..8_usize, 1..8_usize]).prop_map(
            |(reviews, deeds, plans, grouping)| Story {
                reviews,
                deeds,
                plans,
                grouping,
            },
        )
    })
}

/// Two learners who did the same, and whose devices sent it in different orders, end the same.
#[expect(
    clippy::unused_async,
    reason = "a rule is async, and this one waits in its cases"
)]
pub async fn threat_49_any_order_grouping_and_repetition_gives_the_same_states(stores: &Stores) {
    let config = Config {
        cases: 128,
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let learners = Cell::new(0);
    block_in_place(|| {
        let told = runner.run(&stories(), |story| {
            let [one, other] = [0, 1].map(|plan| {
                learners.set(learners.get() + 1);
                Handle::current().block_on(live(stores, learners.get(), &story, plan))
            });
            prop_assert_eq!(one, other);
            Ok(())
        });
        if let Err(error) = told {
            panic!("{error}");
        }
    });
}

/// Lets a learner live a story, with the reviews sent as the plan of this number says.
async fn live(stores: &Stores, number: u128, story: &Story, plan: usize) -> End {
    let learner = Learner::new(stores, number).await;
    let firsts = (0..WORDS.len()).map(|word| sent(word, &(word, Rating::Good, 0)));
    learner.review(firsts.collect(), 1).await;
    let mut refusals = Vec::new();
    for slot in 0..=story.deeds.len() {
        let mut due: Vec<(u16, Change<NewReview>)> = Vec::new();
        for (index, reviewed) in story.reviews.iter().enumerate() {
            let (sent_in, place, times) = story.plans[plan][index];
            // What is sent again comes in the last slot at the latest, out of its place.
            if sent_in == slot {
                due.push((place, sent(WORDS.len() + index, reviewed)));
            }
            if times > 1 && slot == story.deeds.len() {
                due.push((!place, sent(WORDS.len() + index, reviewed)));
            }
        }
        due.sort_by_key(|(place, _)| *place);
        let reviews: Vec<_> = due.into_iter().map(|(_, review)| review).collect();
        for group in reviews.chunks(story.grouping[plan]) {
            learner.review(group.to_vec(), AFTERWARDS).await;
        }
        if let Some(deed) = story.deeds.get(slot) {
            refusals.push(act(&learner, slot, *deed).await);
        }
    }
    end(&learner, refusals).await
}

fn sent(number: usize, (word, rating, seconds): &Reviewed) -> Change<NewReview> {
    review(number as u128, WORDS[*word], *rating, *seconds)
}

/// Does a deed; whether it was refused. Values that no review gives, so that each set is an event.
async fn act(learner: &Learner<'_>, index: usize, deed: Deed) -> Option<Refusal> {
    let now = AFTERWARDS + i64::try_from(index).unwrap();
    let number = 1_000 + index as u128;
    let share = 0.012_345_678 + 0.01 * f64::from(u32::try_from(index).unwrap());
    let with = |set: Change<NewSet>, count: Option<u32>| {
        let mut set = set;
        set.what.confidence = Some(share);
        set.what.study_count = count.or(set.what.study_count);
        Changes::Sets(vec![set])
    };
    let changes = match deed {
        Deed::Confidence(word) => with(confidence(number, WORDS[word], share), None),
        Deed::Counts(word, count) => with(counts(number, WORDS[word], count, count / 2), Some(count)),
        Deed::Forget(word) => forget(number, WORDS[word]),
        Deed::UndoFirst(word) => undo(number, word as u128),
    };
    match learner.try_send(changes, now).await {
        Ok(_) => None,
        Err(AppendError::Refused(refusal)) => Some(refusal),
        Err(AppendError::Port(error)) => panic!("{error:?}"),
    }
}

async fn end(learner: &Learner<'_>, refusals: Vec<Option<Refusal>>) -> End {
    let mut words = Vec::new();
    for word in WORDS {
        let row = learner.row(word).await;
        words.push(row.and_then(|row| Some((row.state?, row.last))));
    }
    let logged = learner.everything().await.reviews;
    let mut reviews: Vec<_> = logged
        .iter()
        .map(|review| (review.id.0.as_u128(), review.undone))
        .collect();
    reviews.sort_unstable();
    let (store, user) = (learner.store, learner.user);
    let mut activity = store.activity(user, Timestamp::UNIX_EPOCH, far()).await.unwrap();
    // Whether a set raised the count depends on what had arrived by then.
    activity.retain(|bucket| bucket.reviews > 0);
    End {
        words,
        reviews,
        activity,
        refusals,
    }
}
