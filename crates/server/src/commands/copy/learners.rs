//! The learners: copied one by one, compared, and looked over for what others did to them.

use anyhow::{Context, bail};
use futures_util::{StreamExt, TryStreamExt, stream};
use parlance_domain::ids::UserId;
use parlance_domain::port::PortError;
use parlance_domain::transfer::{LearnerMark, LearnerRecord, TransferStore};
use parlance_postgres::Hold;

use super::page_of;
use crate::logs::say;

/// How many learners are asked for at a time.
const PAGE: u32 = 200;
/// Of how many learners the marks are read at once.
const AT_ONCE: usize = 16;

/// The learners of both databases.
pub(super) struct Learners<'a> {
    /// Where they come from.
    pub(super) source: &'a dyn TransferStore,
    /// Where they go.
    pub(super) target: &'a dyn TransferStore,
    /// Keeps the source as it is.
    pub(super) hold: Option<&'a Hold>,
}

/// What was moved.
#[derive(Default)]
pub(super) struct Moved {
    /// How many are there now.
    pub(super) learners: u64,
    /// How many of them were there before.
    pub(super) there_before: u64,
    /// How many events they have.
    pub(super) events: u64,
}

/// How the learners of both databases differ, by their marks.
#[derive(Default)]
pub(super) struct Survey {
    /// How many are in the source alone.
    missing: u64,
    /// How many are in the target alone.
    strangers: u64,
    /// How many are in both and are not the same; and one of them.
    changed: u64,
    one_changed: Option<UserId>,
}

impl Survey {
    /// Fails at any difference.
    pub(super) fn allow_nothing(self) -> anyhow::Result<()> {
        if self.missing > 0 {
            bail!(
                "{} learner(s) of --from are not in --to: a server was running on one of the two; run this again",
                self.missing
            );
        }
        self.allow_missing()
    }

    /// Fails at any difference but that learners are yet to be copied.
    pub(super) fn allow_missing(self) -> anyhow::Result<()> {
        if self.strangers > 0 {
            bail!(
                "--to has {} learner(s) whom --from has not: it was used; copy into an empty database",
                self.strangers
            );
        }
        if let Some(one) = self.one_changed {
            bail!(
                "{} learner(s), such as {one}, are not the same in --from and --to: one of the two was used since \
                 they were copied; stop every server on them, empty --to and run this again",
                self.changed
            );
        }
        Ok(())
    }
}

impl Learners<'_> {
    /// Looks every learner over, in both databases.
    pub(super) async fn survey(&self) -> anyhow::Result<Survey> {
        let mut survey = Survey::default();
        let mut in_both = 0;
        let mut after = None;
        while let Some((page, last)) = page(self.source, after).await? {
            let (here, there) = (marks(self.source, &page).await?, marks(self.target, &page).await?);
            for ((learner, here), there) in page.iter().zip(here).zip(there) {
                match there {
                    None => survey.missing += 1,
                    Some(there) => {
                        in_both += 1;
                        if here.as_ref() != Some(&there) {
                            survey.changed += 1;
                            survey.one_changed.get_or_insert(*learner);
                        }
                    }
                }
            }
            after = Some(last);
        }
        self.check_hold().await?;
        survey.strangers = count(self.target).await?.saturating_sub(in_both);
        Ok(survey)
    }

    /// Copies and compares every learner who is not there; the others as well are compared where that is wanted.
    pub(super) async fn copy(&self, compare_all: bool) -> anyhow::Result<Moved> {
        let mut moved = Moved::default();
        let mut after = None;
        while let Some((page, last)) = page(self.source, after).await? {
            let there = marks(self.target, &page).await?;
            for (learner, there) in page.into_iter().zip(there) {
                moved.learners += 1;
                moved.there_before += u64::from(there.is_some());
                moved.events += match there {
                    Some(there) if !compare_all => there.position,
                    there => self
                        .copy_one(learner, there.is_none())
                        .await
                        .with_context(|| format!("learner {learner}"))?,
                };
            }
            self.check_hold().await?;
            after = Some(last);
            say(&format!("{} learners so far", moved.learners));
        }
        Ok(moved)
    }

    /// The number of their events.
    async fn copy_one(&self, learner: UserId, is_new: bool) -> anyhow::Result<u64> {
        let record = self.source.export(learner).await?;
        let record = record.context("it is gone from --from")?;
        if is_new {
            self.target.import(&record).await?;
        }
        let there = self.target.export(learner).await?.context("it did not arrive")?;
        compare(&record, &there)?;
        Ok(record.events.len() as u64)
    }

    async fn check_hold(&self) -> anyhow::Result<()> {
        let Some(hold) = self.hold else {
            return Ok(());
        };
        let lost = "--from is no longer kept from changing; run this again, which goes on where it was";
        hold.check().await.context(lost)
    }
}

/// The next learners, and the last of them.
async fn page(
    store: &dyn TransferStore,
    after: Option<UserId>,
) -> Result<Option<(Vec<UserId>, UserId)>, PortError> {
    Ok(page_of(store.learners(after, PAGE).await?, |learner| *learner))
}

async fn count(store: &dyn TransferStore) -> Result<u64, PortError> {
    let (mut count, mut after) = (0, None);
    while let Some((page, last)) = page(store, after).await? {
        count += page.len() as u64;
        after = Some(last);
    }
    Ok(count)
}

async fn marks(
    store: &dyn TransferStore,
    learners: &[UserId],
) -> Result<Vec<Option<LearnerMark>>, PortError> {
    let marks = stream::iter(learners).map(|learner| store.mark(*learner));
    marks.buffered(AT_ONCE).try_collect().await
}

/// Whether what arrived is what was sent: counts first, since they say more.
fn compare(sent: &LearnerRecord, there: &LearnerRecord) -> anyhow::Result<()> {
    let (holds, arrived) = (&sent.holdings, &there.holdings);
    for (what, sent, there) in [
        ("sessions", holds.sessions.len(), arrived.sessions.len()),
        ("keys for programs", holds.api_keys.len(), arrived.api_keys.len()),
        ("events", sent.events.len(), there.events.len()),
        ("rows", sent.rows.len(), there.rows.len()),
    ] {
        if sent != there {
            bail!("{there} {what} are there instead of {sent}: has the account been used in --to already?");
        }
    }
    if sent.projection_digest() != there.projection_digest() {
        bail!("the progress that is there differs");
    }
    if sent != there {
        bail!("the account, what hangs on it, or its log that is there differs");
    }
    Ok(())
}
