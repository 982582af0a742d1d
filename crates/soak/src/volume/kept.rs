//! What the server kept of a learner, as it tells it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::Value;
use uuid::Uuid;

use super::{Event, Session};
use crate::cluster::{Client, Request};

/// The most reviews of a page.
const PAGE: usize = 1000;

/// What the server kept of a learner.
#[derive(Debug, Clone)]
pub struct Kept {
    pub(super) log: Vec<Logged>,
    /// By word, how often it was studied and remembered.
    pub(super) rows: BTreeMap<String, (u64, u64)>,
    pub(super) owners: BTreeSet<String>,
    pub(super) total: u64,
}

/// A review in the log.
#[derive(Debug, Clone)]
pub(super) struct Logged {
    pub(super) id: Uuid,
    pub(super) word: String,
    pub(super) rating: String,
    pub(super) undone: bool,
}

impl Logged {
    /// Whether the word was remembered.
    pub(super) fn is_remembered(&self) -> bool {
        self.rating != "again"
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

    /// Out of these reviews, how many the log holds.
    pub fn holds(&self, events: &[Event]) -> usize {
        let ids: BTreeSet<Uuid> = events.iter().map(|event| event.id).collect();
        self.log.iter().filter(|review| ids.contains(&review.id)).count()
    }

    /// How many words have progress.
    pub fn words(&self) -> usize {
        self.rows.len()
    }
}

fn text(value: &Value, member: &str) -> Result<String> {
    let text = value[member].as_str();
    Ok(text.with_context(|| format!("no {member}"))?.to_owned())
}
