//! What is asked of providers, and what comes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use reqwest::header::RETRY_AFTER;
use serde_json::{Value, json};

use crate::cluster::{Answer, Lost, Request};
use crate::report::{Figures, millis, quantile};

/// What dialogues are about.
pub(super) const WORDS: [&str; 8] = ["学习", "朋友", "工作", "天气", "老师", "学校", "时间", "电话"];
/// How many examples of wrong answers are told.
const EXAMPLES: usize = 3;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wish {
    /// This text, spoken.
    Sound(String),
    /// A dialogue for a word of this id, which is one of [`WORDS`].
    Dialogue(String, usize),
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    /// It was granted: where the sound is, or the turns of the dialogue.
    Granted {
        content: String,
        /// Whether it was there already.
        kept: bool,
    },
    /// It is not to be had now; how many seconds to wait before asking again.
    Unavailable(u64),
    /// The provider did not answer in time.
    TooLate,
    /// The provider does not do this.
    Refused,
    /// What must not be, whatever is broken.
    Wrong(String),
}

/// A wish and what came of it.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) at: Instant,
    pub(super) took: Duration,
    pub(super) wish: Wish,
    /// Whether nobody had asked for it before.
    pub(super) new: bool,
    pub(super) reply: Reply,
}

/// Wishes and what came of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Account(pub(super) Vec<Asked>);

impl Wish {
    /// The request that asks for it.
    pub(super) fn request(&self) -> Request {
        match self {
            Self::Sound(text) => Request::post("/tts", json!({ "text": text })),
            Self::Dialogue(id, word) => {
                let body = json!({ "type": "text", "wordId": id, "word": WORDS[*word] });
                Request::post("/conversations", body)
            }
        }
    }

    pub(super) fn is_sound(&self) -> bool {
        matches!(self, Self::Sound(_))
    }

    fn content(&self, body: &Value) -> Result<String> {
        let content = match self {
            Self::Sound(_) => body["audioUrl"].as_str().map(str::to_owned),
            Self::Dialogue(..) => body["turns"].as_array().map(|_| body["turns"].to_string()),
        };
        content.with_context(|| format!("nothing of what was asked for is in {body}"))
    }
}

impl Reply {
    /// What an answer to a wish says.
    pub(super) fn of(wish: &Wish, answer: &Result<Answer, Lost>) -> Self {
        let answer = match answer {
            Ok(answer) => answer,
            Err(lost) => return Self::Wrong(format!("{} was not answered: {lost:?}", wish.request())),
        };
        match answer.status {
            200 => Self::granted(wish, answer).unwrap_or_else(|error| Self::Wrong(error.to_string())),
            400 => Self::Refused,
            503 if answer.is_shed() => Self::Unavailable(seconds(answer).unwrap_or_default()),
            504 => Self::TooLate,
            _ => Self::Wrong(format!("{} answered {}", wish.request(), answer.told())),
        }
    }

    fn granted(wish: &Wish, answer: &Answer) -> Result<Self> {
        let body = answer.json()?;
        Ok(Self::Granted {
            content: wish.content(&body)?,
            kept: body["cached"] == true,
        })
    }

    pub(super) fn is_granted(&self) -> bool {
        matches!(self, Self::Granted { .. })
    }
}

/// After how many seconds to ask again.
fn seconds(answer: &Answer) -> Option<u64> {
    answer.headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()
}

impl Account {
    /// Those of which this is so.
    pub(super) fn only(&self, is_so: impl Fn(&Asked) -> bool) -> Self {
        Self(self.0.iter().filter(|asked| is_so(asked)).cloned().collect())
    }

    /// Those that were asked and answered within these times.
    pub(super) fn within(&self, (from, to): (Instant, Instant)) -> Self {
        self.only(|asked| asked.at >= from && asked.at + asked.took < to)
    }

    /// Those that were asked within these times.
    pub(super) fn sent(&self, (from, to): (Instant, Instant)) -> Self {
        self.only(|asked| asked.at >= from && asked.at < to)
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// The share that came to this, 0 to 1.
    pub(super) fn share(&self, is_so: impl Fn(&Reply) -> bool) -> f64 {
        let count = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        let so = self.only(|asked| is_so(&asked.reply)).count();
        count(so) / count(self.count().max(1))
    }

    /// The different wishes, each with what it came to when it was granted.
    pub(super) fn wishes(&self) -> BTreeMap<&Wish, BTreeSet<&str>> {
        let mut wishes = BTreeMap::<_, BTreeSet<&str>>::new();
        for asked in &self.0 {
            let contents = wishes.entry(&asked.wish).or_default();
            if let Reply::Granted { content, .. } = &asked.reply {
                contents.insert(content);
            }
        }
        wishes
    }

    /// The longest that an answer took.
    pub(super) fn longest(&self) -> Duration {
        self.0.iter().map(|asked| asked.took).max().unwrap_or_default()
    }

    /// Fails when there is an answer that must not be.
    pub(super) fn ensure_nothing_wrong(&self) -> Result<()> {
        self.ensure_none("wrong", |reply| matches!(reply, Reply::Wrong(_)))
    }

    /// Fails when a wish was not granted.
    pub(super) fn ensure_granted(&self) -> Result<()> {
        self.ensure_none("not granted", |reply| !reply.is_granted())
    }

    /// Fails when a wish came to what none may come to.
    pub(super) fn ensure_none(&self, what: &str, is_so: impl Fn(&Reply) -> bool) -> Result<()> {
        let found = self.only(|asked| is_so(&asked.reply)).0;
        ensure!(
            found.is_empty(),
            "{} of {} wishes were {what}: {:?}",
            found.len(),
            self.count(),
            &found[..found.len().min(EXAMPLES)]
        );
        Ok(())
    }

    /// The figures under this name, those of sounds and of dialogues apart.
    pub(super) fn figures(&self, name: &str) -> Figures {
        let of = |sounds: bool| self.only(|asked| asked.wish.is_sound() == sounds).told();
        Figures::default().with(name, json!({ "sounds": of(true), "dialogues": of(false) }))
    }

    fn told(&self) -> Value {
        let took = |share| {
            let times = self.0.iter().map(|asked| asked.took);
            millis(quantile(times.collect(), share))
        };
        let count = |is_so: fn(&Reply) -> bool| self.only(|asked| is_so(&asked.reply)).count();
        json!({
            "asked": self.count(),
            "granted": count(Reply::is_granted),
            "kept": count(|reply| matches!(reply, Reply::Granted { kept: true, .. })),
            "unavailable": count(|reply| matches!(reply, Reply::Unavailable(_))),
            "tooLate": count(|reply| *reply == Reply::TooLate),
            "refused": count(|reply| *reply == Reply::Refused),
            "p95Ms": took(0.95),
            "longestMs": took(1.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;

    fn answer(status: u16, after: Option<&'static str>, body: &Value) -> Answer {
        let mut headers = HeaderMap::new();
        if let Some(after) = after {
            headers.insert(RETRY_AFTER, after.parse().unwrap());
        }
        Answer {
            status,
            headers,
            body: body.to_string().into_bytes(),
            took: Duration::ZERO,
        }
    }

    #[test]
    fn every_answer_comes_to_something() {
        let wish = Wish::Sound("hello".to_owned());
        let reply = |answer| Reply::of(&wish, &Ok(answer));
        let granted = Reply::Granted {
            content: "/x".to_owned(),
            kept: true,
        };
        let body = json!({ "audioUrl": "/x", "cached": true });
        assert_eq!(reply(answer(200, None, &body)), granted);
        assert_eq!(reply(answer(503, Some("7"), &json!({}))), Reply::Unavailable(7));
        assert_eq!(reply(answer(504, None, &json!({}))), Reply::TooLate);
        assert_eq!(reply(answer(400, None, &json!({}))), Reply::Refused);
        for wrong in [
            answer(200, None, &json!({})),
            answer(503, None, &json!({})),
            answer(500, None, &json!({})),
        ] {
            assert!(matches!(reply(wrong), Reply::Wrong(_)));
        }
        assert!(matches!(Reply::of(&wish, &Err(Lost::TimedOut)), Reply::Wrong(_)));
    }

    #[test]
    fn an_account_tells_what_was_not_granted() {
        let asked = |reply| Asked {
            at: Instant::now(),
            took: Duration::from_millis(5),
            wish: Wish::Dialogue("w".to_owned(), 0),
            new: true,
            reply,
        };
        let account = Account(vec![asked(Reply::TooLate), asked(Reply::Unavailable(3))]);
        assert!(account.ensure_nothing_wrong().is_ok());
        assert!(account.ensure_granted().is_err());
        assert_eq!((account.count(), account.wishes().len()), (2, 1));
        assert!((account.share(|reply| *reply == Reply::TooLate) - 0.5).abs() < 1e-9);
    }
}
