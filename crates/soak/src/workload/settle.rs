//! Brings a run to rest, and reads what the server kept.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::choices::word_of;
use super::player::Player;
use crate::clients::{
    Ask, Device, Page, Reply, read_activity, read_feed, read_list, read_reviews, read_stats,
};
use crate::history::{
    DayActivity, FeedPage, LoggedReview, RowList, StatsSeen, UserFinal, WordSeen, digest_of, token_of,
};

/// The most entries of a page.
const LIMIT: u32 = 1000;

/// What is read of a learner at the end, and by when.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    /// How many words are read alone, besides the list.
    pub(super) words: u32,
    pub(super) zone_minutes: i32,
    pub(super) until: Instant,
}

/// Sends what is not acknowledged until it is, then reads the change feed to its end.
pub(super) async fn drain(player: &mut Player, until: Instant) -> Result<()> {
    while !player.flush().await? {
        pause(until, "what was sent was not acknowledged in time").await?;
    }
    Ok(())
}

/// Reads the change feed to its end.
pub(super) async fn catch_up(player: &mut Player, until: Instant) -> Result<()> {
    while !player.pull(7).await? {
        pause(until, "the change feed could not be read in time").await?;
    }
    Ok(())
}

/// Reads all that the server kept of a learner.
pub(super) async fn read(players: &mut [Player], reading: Reading) -> Result<UserFinal> {
    let (mut lists, mut words) = (Vec::new(), Vec::new());
    for player in &mut *players {
        let device = &mut player.device;
        lists.push(list(device, reading).await?);
        for number in 0..reading.words {
            words.push(word(device, &word_of(device.user, number), reading).await?);
        }
    }
    let first = players.first_mut().context("a learner has no device")?;
    let device = &mut first.device;
    let reviews = reviews(device, reading).await?;
    Ok(UserFinal {
        user: device.user,
        user_id: user_id(device, reading).await?,
        zone_minutes: reading.zone_minutes,
        activity: activity(device, &reviews, reading).await?,
        reviews,
        lists,
        words,
        feed: feed(device, reading).await?,
        stats: stats(device, reading).await?,
    })
}

async fn list(device: &mut Device, reading: Reading) -> Result<RowList> {
    let reply = acknowledged(device, &Ask::get("/progress"), reading).await?;
    let rows = reply.json().as_ref().and_then(read_list);
    Ok(RowList {
        device: device.index,
        digest: token_of(&String::from_utf8_lossy(&reply.body)),
        rows: rows.context("cannot read the list of progress")?,
    })
}

async fn word(device: &mut Device, word: &str, reading: Reading) -> Result<WordSeen> {
    loop {
        let reply = device.get(word).await?;
        if reply.is_ok() {
            let row = reply.json().filter(|_| reply.status == Some(200));
            return Ok(WordSeen {
                device: device.index,
                word: word.to_owned(),
                digest: row.as_ref().map(digest_of),
                revision: reply.revision,
            });
        }
        pause(reading.until, "a word could not be read in time").await?;
    }
}

async fn reviews(device: &mut Device, reading: Reading) -> Result<Vec<LoggedReview>> {
    let (mut after, mut all) = (0, Vec::new());
    loop {
        let ask = Ask::get(format!("/reviews?after={after}&limit={LIMIT}"));
        let body = json(device, &ask, reading).await?;
        let Page {
            items,
            cursor,
            has_more,
        } = read_reviews(&body).context("cannot read the log of reviews")?;
        all.extend(items);
        if !has_more || cursor <= after {
            return Ok(all);
        }
        after = cursor;
    }
}

async fn feed(device: &mut Device, reading: Reading) -> Result<Vec<FeedPage>> {
    let (mut after, mut pages) = (0, Vec::new());
    loop {
        let ask = Ask::get(format!("/progress/changes?after={after}&limit=5"));
        let page = read_feed(&json(device, &ask, reading).await?);
        let page = page.context("cannot read the change feed")?;
        let (cursor, has_more) = (page.cursor, page.has_more);
        pages.push(page);
        if !has_more || cursor <= after {
            return Ok(pages);
        }
        after = cursor;
    }
}

async fn stats(device: &mut Device, reading: Reading) -> Result<StatsSeen> {
    let reply = acknowledged(device, &Ask::get("/progress/stats"), reading).await?;
    let millis = |micros: u64| {
        let timeline = device.wire().recorder().timeline();
        i64::try_from((timeline.began_at() + micros) / 1000).unwrap_or(i64::MAX)
    };
    let seen = reply.json().and_then(read_stats);
    let seen = seen.context("cannot read the statistics")?;
    Ok(StatsSeen {
        from: millis(reply.t_invoke),
        to: millis(reply.t_return.unwrap_or(reply.t_invoke)) + 1,
        ..seen
    })
}

/// The days from the first review to the last.
async fn activity(
    device: &mut Device,
    reviews: &[LoggedReview],
    reading: Reading,
) -> Result<Vec<DayActivity>> {
    let Some(first) = reviews.iter().map(|review| review.at).min() else {
        return Ok(Vec::new());
    };
    let last = reviews.iter().map(|review| review.at).max().unwrap_or(first);
    let day = |at: i64| {
        let local = at + i64::from(reading.zone_minutes) * 60_000;
        let time = chrono::DateTime::from_timestamp_millis(local).unwrap_or_default();
        time.format("%Y-%m-%d").to_string()
    };
    let ask = Ask::get(format!("/progress/activity?from={}&to={}", day(first), day(last)));
    let body = json(device, &ask, reading).await?;
    read_activity(body).context("cannot read the activity")
}

async fn user_id(device: &mut Device, reading: Reading) -> Result<String> {
    let body = json(device, &Ask::get("/auth/me"), reading).await?;
    let id = body["data"]["user"]["id"].as_str().map(str::to_owned);
    id.context("cannot read who is asking")
}

async fn json(device: &mut Device, ask: &Ask, reading: Reading) -> Result<Value> {
    let reply = acknowledged(device, ask, reading).await?;
    reply.json().context("an answer is not JSON")
}

async fn acknowledged(device: &mut Device, ask: &Ask, reading: Reading) -> Result<Reply> {
    loop {
        let reply = device.read(ask).await?;
        if reply.is_ok() {
            return Ok(reply);
        }
        pause(reading.until, "what was kept could not be read in time").await?;
    }
}

/// Waits a little before another attempt, or gives up.
async fn pause(until: Instant, failure: &str) -> Result<()> {
    if Instant::now() >= until {
        bail!("{failure}");
    }
    sleep(Duration::from_millis(100)).await;
    Ok(())
}
