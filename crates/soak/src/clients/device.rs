//! A device of a learner: keeps a session, asks, and notes down each request.

use std::sync::Arc;

use anyhow::Result;
use rand::Rng;
use rand::rngs::StdRng;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::views::{read_feed, read_report, read_row, read_rows};
use super::{Ask, Reply, Session, Wire};
use crate::history::{Call, FeedPage, Op, ReviewSent, Set, token_of};

/// How often a request is sent again because its token was refused.
const RENEWALS: usize = 2;

/// Who a device belongs to.
#[derive(Clone)]
pub struct Account {
    /// The address.
    pub email: String,
    /// The password.
    pub password: String,
}

/// A device.
pub struct Device {
    /// The learner, by number.
    pub user: u32,
    /// Which of the learner's devices.
    pub index: u32,
    account: Account,
    proc: u32,
    wire: Arc<Wire>,
    session: Option<Session>,
    home: usize,
    hops: bool,
    rng: StdRng,
}

impl Device {
    /// A device that is not signed in; `proc` is unique in the run.
    pub fn new(
        wire: Arc<Wire>,
        account: Account,
        (user, index, proc): (u32, u32, u32),
        hops: bool,
        rng: StdRng,
    ) -> Self {
        let home = proc as usize % wire.copies().max(1);
        Self {
            user,
            index,
            account,
            proc,
            wire,
            session: None,
            home,
            hops,
            rng,
        }
    }

    /// The name that reviews carry.
    pub fn name(&self) -> String {
        format!("u{:04}.d{}", self.user, self.index)
    }

    /// The session, if it is signed in.
    pub fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// Where operations are noted.
    pub fn wire(&self) -> &Arc<Wire> {
        &self.wire
    }

    /// Makes the learner's account.
    pub async fn register(&mut self) -> Result<Reply> {
        let account = self.account.clone();
        let (reply, session) = self.sign_in("/auth/register", &account, Call::Register).await?;
        self.session = session.or(self.session.take());
        Ok(reply)
    }

    /// Signs in.
    pub async fn login(&mut self) -> Result<Reply> {
        let account = self.account.clone();
        let (reply, session) = self.sign_in("/auth/login", &account, Call::Login).await?;
        self.session = session.or(self.session.take());
        Ok(reply)
    }

    /// Registers several spellings of one new email at once.
    pub async fn clash(&mut self, email: &str, password: &str) -> Result<()> {
        let spellings = [email.to_owned(), email.to_uppercase(), format!(" {email}")];
        let asks = spellings.map(|email| {
            let ask = Ask::post("/auth/register", json!({ "email": email, "password": password }));
            (self.copy(), ask)
        });
        let wire = Arc::clone(&self.wire);
        let replies = asks.iter().map(|(base, ask)| wire.send(*base, ask));
        for reply in futures_util::future::join_all(replies).await {
            let signed_in = Session::begun_by(&reply).map(|(_, signed_in)| signed_in);
            self.note(Call::Register(signed_in), email, None, &reply)?;
        }
        Ok(())
    }

    /// Exchanges the refresh token once; keeps the successor only if `keep`, as if the answer got lost else.
    pub async fn refresh(&mut self, keep: bool) -> Result<Option<Reply>> {
        let Some(session) = self.session.clone() else {
            return Ok(None);
        };
        let base = self.copy();
        let ask = Self::exchange(&session);
        let reply = self.wire.send(base, &ask).await;
        self.note_refresh(&session, &reply)?;
        if keep && let Some(renewed) = Session::renewed_by(&reply) {
            self.session = Some(renewed);
        }
        Ok(Some(reply))
    }

    /// Exchanges one refresh token twice at the same instant, as two tabs do, and goes on with the first answer.
    pub async fn refresh_twice(&mut self) -> Result<()> {
        let Some(session) = self.session.clone() else {
            return Ok(());
        };
        let ask = Self::exchange(&session);
        let (one, two) = (self.copy(), self.copy());
        let wire = Arc::clone(&self.wire);
        let (first, second) = tokio::join!(wire.send(one, &ask), wire.send(two, &ask));
        self.note_refresh(&session, &first)?;
        self.note_refresh(&session, &second)?;
        let renewed = Session::renewed_by(&first).or_else(|| Session::renewed_by(&second));
        self.session = renewed.or(self.session.take());
        Ok(())
    }

    /// Signs out; what is returned is dead if the answer was an acknowledgement.
    pub async fn logout(&mut self) -> Result<Option<(Session, Reply)>> {
        let Some(session) = self.session.take() else {
            return Ok(None);
        };
        let ask = Ask::new(Method::POST, "/auth/logout").with_cookie(&session.refresh);
        let base = self.copy();
        let reply = self.wire.send(base, &ask).await;
        self.note(Call::Logout, &session.id, Some(&session), &reply)?;
        Ok(Some((session, reply)))
    }

    /// Asks who a session belongs to, with an access token of it, whether it is this device's or not.
    pub async fn probe(&mut self, session: &Session) -> Result<Reply> {
        let ask = Ask::get("/auth/me").with_bearer(&session.access);
        let base = self.copy();
        let reply = self.wire.send(base, &ask).await;
        let user_id = reply
            .json()
            .and_then(|body| body["data"]["user"]["id"].as_str().map(str::to_owned));
        self.note(Call::Me { user_id }, &session.id, Some(session), &reply)?;
        Ok(reply)
    }

    /// Tries to exchange the refresh token of a session that has ended.
    pub async fn probe_refresh(&mut self, session: &Session) -> Result<()> {
        let base = self.copy();
        let reply = self.wire.send(base, &Self::exchange(session)).await;
        self.note_refresh(session, &reply)
    }

    /// Sends reviews.
    pub async fn review(&mut self, reviews: &[ReviewSent]) -> Result<Reply> {
        let bodies: Vec<Value> = reviews.iter().map(review_body).collect();
        let ask = Ask::post("/reviews", json!({ "reviews": bodies }));
        self.ask("", ask, |reply| Call::Review {
            reviews: reviews.to_vec(),
            answer: reply.json().as_ref().and_then(read_report),
        })
        .await
    }

    /// Takes a review of a word back.
    pub async fn undo(&mut self, word: &str, review: Uuid) -> Result<Reply> {
        let ask = Ask::new(Method::POST, format!("/reviews/{review}/undo"));
        self.ask(word, ask, |reply| Call::Undo {
            review,
            row: reply.json().as_ref().and_then(read_row),
            revision: reply.revision,
        })
        .await
    }

    /// Fixes members of a word.
    pub async fn put(&mut self, set: &Set) -> Result<Reply> {
        let ask = Ask::new(Method::PUT, format!("/progress/{}", set.word)).with_body(members(set));
        self.ask(&set.word, ask, |reply| Call::Put {
            sets: vec![set.clone()],
            rows: reply.json().as_ref().and_then(read_row).into_iter().collect(),
            revision: reply.revision,
        })
        .await
    }

    /// Fixes members of several words.
    pub async fn put_all(&mut self, sets: &[Set]) -> Result<Reply> {
        let updates = sets.iter().map(|set| {
            let mut update = members(set);
            update["wordId"] = set.word.clone().into();
            update
        });
        let body = json!({ "updates": updates.collect::<Vec<_>>() });
        self.ask("", Ask::post("/progress/batch", body), |reply| Call::Put {
            sets: sets.to_vec(),
            rows: reply.json().as_ref().and_then(read_rows).unwrap_or_default(),
            revision: None,
        })
        .await
    }

    /// Resets a word.
    pub async fn delete(&mut self, word: &str) -> Result<Reply> {
        let ask = Ask::new(Method::DELETE, format!("/progress/{word}"));
        self.ask(word, ask, |_| Call::Delete).await
    }

    /// Reads a word.
    pub async fn get(&mut self, word: &str) -> Result<Reply> {
        let ask = Ask::get(format!("/progress/{word}"));
        self.ask(word, ask, |reply| Call::Get {
            row: reply.json().as_ref().and_then(read_row),
            revision: reply.revision,
        })
        .await
    }

    /// Reads a page of the change feed.
    pub async fn changes(&mut self, after: u64, limit: u32) -> Result<(Reply, Option<FeedPage>)> {
        let ask = Ask::get(format!("/progress/changes?after={after}&limit={limit}"));
        let reply = self
            .ask("", ask, |reply| Call::Changes {
                after,
                limit,
                page: reply.json().as_ref().and_then(read_feed),
            })
            .await?;
        let page = reply.json().as_ref().and_then(read_feed);
        Ok((reply, page))
    }

    /// Asks something that the history does not keep.
    pub async fn read(&mut self, ask: &Ask) -> Result<Reply> {
        if self.session.is_none() {
            self.login().await?;
        }
        let reply = self.send(ask).await;
        if reply.status == Some(401) {
            self.renew().await?;
        }
        Ok(reply)
    }

    /// Asks, and notes what came of it; a refused token is renewed and the request sent again.
    async fn ask(&mut self, key: &str, ask: Ask, call: impl Fn(&Reply) -> Call) -> Result<Reply> {
        if self.session.is_none() {
            self.login().await?;
        }
        let mut renewals = 0;
        loop {
            let session = self.session.clone();
            let mut reply = self.send(&ask).await;
            let call = call(&reply);
            if matches!(call, Call::Get { .. }) && reply.status == Some(404) {
                // That there is nothing is an answer.
                reply.outcome = crate::history::Outcome::Ok;
            }
            self.note(call, key, session.as_ref(), &reply)?;
            if reply.status != Some(401) || renewals == RENEWALS {
                return Ok(reply);
            }
            renewals += 1;
            self.renew().await?;
        }
    }

    /// Gets a token that works, by the refresh token or else by the password.
    async fn renew(&mut self) -> Result<()> {
        let refused = match self.refresh(true).await? {
            Some(reply) => reply.status == Some(401),
            None => true,
        };
        if refused {
            self.login().await?;
        }
        Ok(())
    }

    async fn send(&mut self, ask: &Ask) -> Reply {
        let access = self.session.as_ref().map(|session| session.access.clone());
        let ask = ask.clone().with_bearer(access.unwrap_or_default());
        let base = self.copy();
        let reply = self.wire.send(base, &ask).await;
        if reply.status.is_none_or(|status| status >= 500) {
            self.home = (self.home + 1) % self.wire.copies().max(1);
        }
        reply
    }

    /// The copy to ask next.
    fn copy(&mut self) -> usize {
        if self.hops {
            self.home = self.rng.random_range(0..self.wire.copies().max(1));
        }
        self.home
    }

    async fn sign_in(
        &mut self,
        path: &str,
        account: &Account,
        call: impl Fn(Option<crate::history::SignedIn>) -> Call,
    ) -> Result<(Reply, Option<Session>)> {
        let body = json!({ "email": account.email, "password": account.password });
        let base = self.copy();
        let reply = self.wire.send(base, &Ask::post(path, body)).await;
        let (session, signed_in) = Session::begun_by(&reply).unzip();
        self.note(call(signed_in), &account.email, None, &reply)?;
        Ok((reply, session))
    }

    fn exchange(session: &Session) -> Ask {
        Ask::new(Method::POST, "/auth/refresh").with_cookie(&session.refresh)
    }

    fn note_refresh(&self, session: &Session, reply: &Reply) -> Result<()> {
        let call = Call::Refresh {
            presented: token_of(&session.refresh),
            successor: reply.cookie.as_deref().filter(|_| reply.is_ok()).map(token_of),
            renewed: Session::renewed_by(reply).map(|renewed| renewed.id),
        };
        self.note(call, &session.id, Some(session), reply)
    }

    fn note(&self, call: Call, key: &str, session: Option<&Session>, reply: &Reply) -> Result<()> {
        let recorder = self.wire.recorder();
        recorder.record(Op {
            proc: self.proc,
            op_id: recorder.next_id(),
            call,
            key: key.to_owned(),
            t_invoke: reply.t_invoke,
            t_return: reply.t_return,
            outcome: reply.outcome,
            user: self.user,
            device: self.index,
            base: reply.base,
            status: reply.status,
            session: session.map(|session| session.id.clone()),
        })
    }
}

fn review_body(review: &ReviewSent) -> Value {
    let at = chrono::DateTime::from_timestamp_millis(review.at).unwrap_or_default();
    json!({
        "id": review.id,
        "wordId": review.word,
        "rating": review.rating,
        "reviewedAt": at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        "durationMs": review.duration_ms,
        "deviceId": review.device_id,
    })
}

fn members(set: &Set) -> Value {
    let mut body = json!({});
    if let Some(count) = set.study_count {
        body["studyCount"] = count.into();
    }
    if let Some(count) = set.correct_count {
        body["correctCount"] = count.into();
    }
    if let Some(confidence) = set.confidence {
        body["confidence"] = confidence.into();
    }
    body
}
