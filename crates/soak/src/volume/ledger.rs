//! A learner's own account of what was sent, and its comparison with what the server kept.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use chrono::DateTime;
use rand::Rng;
use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Session;
use crate::cluster::{Client, Request};

const RATINGS: [&str; 4] = ["again", "hard", "good", "easy"];
/// The most reviews of a page.
const PAGE: usize = 1000;
/// How many examples of what is wrong are told.
const EXAMPLES: usize = 5;

/// A review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The id that the device chose.
    pub id: Uuid,
    /// The word.
    pub word: String,
    rating: &'static str,
    at: i64,
}

impl Event {
    /// A review of a word at some time of the last day.
    pub fn random(rng: &mut impl Rng, word: String) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let ago = Duration::from_millis(rng.random_range(0..86_400_000));
        let at = now.saturating_sub(ago).as_millis();
        Self {
            id: uuid::Builder::from_random_bytes(rng.random()).into_uuid(),
            word,
            rating: RATINGS[rng.random_range(0..RATINGS.len())],
            at: i64::try_from(at).unwrap_or(i64::MAX),
        }
    }

    /// The request that sends reviews.
    pub fn submission(events: &[Self]) -> Request {
        let reviews: Vec<Value> = events.iter().map(Self::body).collect();
        Request::post("/reviews", json!({ "reviews": reviews }))
    }

    fn is_logged_as(&self, review: &Logged) -> bool {
        self.word == review.word && self.rating == review.rating
    }

    fn body(&self) -> Value {
        let at = DateTime::from_timestamp_millis(self.at).unwrap_or_default();
        json!({
            "id": self.id,
            "wordId": self.word,
            "rating": self.rating,
            "reviewedAt": at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        })
    }
}

/// What a learner's devices sent.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    sent: BTreeMap<Uuid, Event>,
    acked: BTreeSet<Uuid>,
    fixed: BTreeMap<String, Fixed>,
}

/// What became of the attempts to fix a word's count.
#[derive(Debug, Clone, Default)]
struct Fixed {
    acked: Option<u64>,
    /// May have been applied, and may yet be.
    unknown: BTreeSet<u64>,
}

/// What the server kept of a learner.
#[derive(Debug, Clone)]
pub struct Kept {
    log: Vec<Logged>,
    /// By word, how often it was studied and remembered.
    rows: BTreeMap<String, (u64, u64)>,
    owners: BTreeSet<String>,
    total: u64,
}

/// A review in the log.
#[derive(Debug, Clone)]
struct Logged {
    id: Uuid,
    word: String,
    rating: String,
    undone: bool,
}

/// What is wrong with what was kept; all zero when nothing is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Losses {
    /// Reviews that were acknowledged and are not there.
    pub lost: usize,
    /// Reviews that are there more than once.
    pub doubled: usize,
    /// Reviews that nobody sent.
    pub phantom: usize,
    /// Words and totals that are not the sum of the log, or not what was fixed.
    pub miscounted: usize,
    /// Rows that are somebody else's.
    pub foreign: usize,
    #[serde(skip)]
    examples: Vec<String>,
}

impl Ledger {
    /// Notes reviews that are about to be sent.
    pub fn send(&mut self, events: &[Event]) {
        self.sent
            .extend(events.iter().map(|event| (event.id, event.clone())));
    }

    /// Notes that reviews were acknowledged.
    pub fn acknowledge(&mut self, events: &[Event]) {
        self.acked.extend(events.iter().map(|event| event.id));
    }

    /// Notes an attempt to fix a word's count, and whether it was acknowledged.
    pub fn fix(&mut self, word: &str, count: u64, acked: bool) {
        let fixed = self.fixed.entry(word.to_owned()).or_default();
        if acked {
            fixed.acked = Some(count);
        } else {
            fixed.unknown.insert(count);
        }
    }

    /// How many reviews were sent, each counted once.
    pub fn sent(&self) -> usize {
        self.sent.len()
    }

    /// How many reviews were acknowledged, each counted once.
    pub fn acknowledged(&self) -> usize {
        self.acked.len()
    }

    /// Takes over what another device of the same learner noted.
    pub fn absorb(&mut self, other: Self) {
        self.sent.extend(other.sent);
        self.acked.extend(other.acked);
        self.fixed.extend(other.fixed);
    }

    /// Compares with what was kept for this account.
    pub fn compare(&self, account: &str, kept: &Kept) -> Losses {
        let mut losses = Losses::default();
        let mut times: BTreeMap<Uuid, usize> = BTreeMap::new();
        let mut counts: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for review in &kept.log {
            *times.entry(review.id).or_default() += 1;
            let count = counts.entry(&review.word).or_default();
            count.0 += u64::from(!review.undone);
            count.1 += u64::from(!review.undone && review.rating != "again");
            let sent = self.sent.get(&review.id);
            let is_phantom = !sent.is_some_and(|event| event.is_logged_as(review));
            let example = || format!("nobody sent {}", review.id);
            losses.count(is_phantom, |losses| &mut losses.phantom, example);
        }
        for id in &self.acked {
            let is_lost = !times.contains_key(id);
            losses.count(
                is_lost,
                |losses| &mut losses.lost,
                || format!("{id} was acknowledged"),
            );
        }
        for (id, times) in times {
            losses.count(
                times > 1,
                |losses| &mut losses.doubled,
                || format!("{id} is there {times} times"),
            );
        }
        self.compare_counts(&counts, kept, &mut losses);
        for owner in kept.owners.iter().filter(|owner| *owner != account) {
            losses.count(true, |losses| &mut losses.foreign, || format!("a row of {owner}"));
        }
        losses
    }

    /// Compares what is counted with the log and with what was fixed.
    fn compare_counts(&self, counts: &BTreeMap<&str, (u64, u64)>, kept: &Kept, losses: &mut Losses) {
        for (word, row) in &kept.rows {
            let is_right = match self.fixed.get(word) {
                Some(fixed) => fixed.allows(row.0),
                None => counts.get(word.as_str()).copied().unwrap_or_default() == *row,
            };
            losses.count(
                !is_right,
                |losses| &mut losses.miscounted,
                || format!("{word} is counted {row:?}"),
            );
        }
        // A word all of whose reviews were taken back need not have a row.
        let reviewed = counts.iter().filter(|(_, count)| count.0 > 0);
        let reviewed = reviewed.map(|(word, _)| (*word).to_owned());
        let fixed = self.fixed.iter().filter(|(_, fixed)| fixed.acked.is_some());
        for word in reviewed.chain(fixed.map(|(word, _)| word.clone())) {
            let is_missing = !kept.rows.contains_key(&word);
            losses.count(
                is_missing,
                |losses| &mut losses.miscounted,
                || format!("{word} has no row"),
            );
        }
        let sum: u64 = kept.rows.values().map(|(studied, _)| studied).sum();
        let total = kept.total;
        losses.count(
            sum != total,
            |losses| &mut losses.miscounted,
            || format!("the total is {total}, not {sum}"),
        );
    }

    /// Out of these reviews, how many the log holds.
    pub fn held(events: &[Event], kept: &Kept) -> usize {
        let ids: BTreeSet<Uuid> = events.iter().map(|event| event.id).collect();
        kept.log.iter().filter(|review| ids.contains(&review.id)).count()
    }
}

impl Fixed {
    fn allows(&self, count: u64) -> bool {
        self.acked == Some(count) || self.unknown.contains(&count)
    }
}

impl Losses {
    /// Whether nothing is wrong.
    pub fn is_none(&self) -> bool {
        self.lost + self.doubled + self.phantom + self.miscounted + self.foreign == 0
    }

    /// Takes over what is wrong elsewhere.
    pub fn absorb(&mut self, other: Self) {
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.phantom += other.phantom;
        self.miscounted += other.miscounted;
        self.foreign += other.foreign;
        self.examples.extend(other.examples);
        self.examples.truncate(EXAMPLES);
    }

    /// Fails when anything is wrong, with examples.
    pub fn ensure_none(&self) -> Result<()> {
        anyhow::ensure!(self.is_none(), "{self:?}");
        Ok(())
    }

    fn count(
        &mut self,
        is_wrong: bool,
        which: fn(&mut Self) -> &mut usize,
        example: impl FnOnce() -> String,
    ) {
        if is_wrong {
            *which(self) += 1;
            if self.examples.len() < EXAMPLES {
                self.examples.push(example());
            }
        }
    }
}

impl Kept {
    /// Reads what the server kept of the learner whose session this is.
    pub async fn read(client: &Client, session: &Session) -> Result<Self> {
        let get = async |path: &str| {
            client
                .expect(200, Request::get(path).token(&session.access))
                .await?
                .json()
        };
        let mut kept = Self {
            log: Vec::new(),
            rows: BTreeMap::new(),
            owners: BTreeSet::new(),
            total: get("/progress/stats").await?["totalStudyCount"]
                .as_u64()
                .context("no total")?,
        };
        let mut after = "0".to_owned();
        loop {
            let page = get(&format!("/reviews?after={after}&limit={PAGE}")).await?;
            for review in page["reviews"].as_array().context("no reviews")? {
                kept.log.push(Logged {
                    id: text(review, "id")?.parse()?,
                    word: text(review, "wordId")?,
                    rating: text(review, "rating")?,
                    undone: review["undone"] == true,
                });
            }
            after = text(&page, "cursor")?;
            if page["hasMore"] != true {
                break;
            }
        }
        for row in get("/progress").await?.as_array().context("no rows")? {
            let count = |member: &str| row[member].as_u64().context("no count");
            kept.owners.insert(text(row, "userId")?);
            kept.rows.insert(
                text(row, "wordId")?,
                (count("studyCount")?, count("correctCount")?),
            );
        }
        Ok(kept)
    }

    /// How many words have progress.
    pub fn words(&self) -> usize {
        self.rows.len()
    }
}

/// The request that fixes a word's count.
pub fn fix(word: &str, count: u64) -> Request {
    Request::new(Method::PUT, &format!("/progress/{word}")).body(json!({ "studyCount": count }))
}

fn text(value: &Value, member: &str) -> Result<String> {
    let text = value[member].as_str();
    Ok(text.with_context(|| format!("no {member}"))?.to_owned())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn ledger(words: &[&str]) -> (Ledger, Vec<Event>, Kept) {
        let mut rng = StdRng::seed_from_u64(1);
        let events: Vec<Event> = words
            .iter()
            .map(|word| Event::random(&mut rng, (*word).to_owned()))
            .collect();
        let mut ledger = Ledger::default();
        ledger.send(&events);
        ledger.acknowledge(&events);
        let mut rows: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for event in &events {
            let row = rows.entry(event.word.clone()).or_default();
            row.0 += 1;
            row.1 += u64::from(event.rating != "again");
        }
        let kept = Kept {
            log: events.iter().map(logged).collect(),
            rows,
            owners: BTreeSet::from(["me".to_owned()]),
            total: words.len() as u64,
        };
        (ledger, events, kept)
    }

    fn logged(event: &Event) -> Logged {
        Logged {
            id: event.id,
            word: event.word.clone(),
            rating: event.rating.to_owned(),
            undone: false,
        }
    }

    #[test]
    fn what_was_kept_as_sent_is_no_loss() {
        let (ledger, events, kept) = ledger(&["a", "b", "a"]);
        assert_eq!(ledger.compare("me", &kept), Losses::default());
        assert_eq!(Ledger::held(&events[1..], &kept), 2);
    }

    #[test]
    fn each_kind_of_loss_is_found() {
        let (ledger, _, good) = ledger(&["a", "b", "a"]);
        let mut kept = good.clone();
        let review = kept.log.remove(0);
        let losses = ledger.compare("me", &kept);
        assert_eq!((losses.lost, losses.miscounted), (1, 1));

        kept.log.extend([review.clone(), review.clone()]);
        let losses = ledger.compare("me", &kept);
        assert_eq!((losses.doubled, losses.lost, losses.miscounted), (1, 0, 1));

        let mut kept = good.clone();
        kept.log.push(Logged {
            id: Uuid::nil(),
            ..review
        });
        assert_eq!(ledger.compare("me", &kept).phantom, 1);

        let mut kept = good.clone();
        kept.owners.insert("you".to_owned());
        kept.total += 1;
        let losses = ledger.compare("me", &kept);
        assert_eq!((losses.foreign, losses.miscounted), (1, 1));
        assert!(losses.ensure_none().is_err());
    }

    #[test]
    fn a_review_that_was_taken_back_is_there_and_does_not_count() {
        let (ledger, _, mut kept) = ledger(&["a"]);
        kept.log[0].undone = true;
        assert_eq!(ledger.compare("me", &kept).miscounted, 1);
        kept.rows.clear();
        kept.total = 0;
        assert!(ledger.compare("me", &kept).is_none());
    }

    #[test]
    fn a_fixed_count_is_the_last_acknowledged_or_one_of_which_nobody_knows() {
        let (mut ledger, _, mut kept) = ledger(&[]);
        ledger.fix("c", 1, true);
        ledger.fix("c", 2, false);
        ledger.fix("c", 3, true);
        for (count, is_right) in [(1, false), (2, true), (3, true), (4, false)] {
            kept.rows.insert("c".to_owned(), (count, 0));
            kept.total = count;
            assert_eq!(ledger.compare("me", &kept).is_none(), is_right, "{count}");
        }
        kept.rows.clear();
        kept.total = 0;
        assert_eq!(ledger.compare("me", &kept).miscounted, 1);
    }
}
