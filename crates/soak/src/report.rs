//! What a part of a run comes to, as one line of JSON.

use std::time::Duration;

use anyhow::Result;
use serde::Serialize;
use serde_json::{Map, Value};

/// Named figures, in the order in which they were noted.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Figures(Map<String, Value>);

impl Figures {
    /// With one more figure.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// With a time, in milliseconds.
    pub fn with_millis(self, name: &str, time: Duration) -> Self {
        self.with(name, millis(time))
    }

    /// With all of these.
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }
}

/// A part of a run and what came of it.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// `fault`, `volume`, `checker` and so on.
    pub part: String,
    /// Which of them.
    pub name: String,
    /// What its random choices followed from.
    pub seed: u64,
    /// Whether all that must hold held.
    pub ok: bool,
    /// How long it took.
    pub seconds: f64,
    /// What was measured.
    pub figures: Figures,
    /// What did not hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Line {
    /// The line for what came of a part.
    pub fn of(part: &str, name: &str, seed: u64, took: Duration, outcome: Result<Figures>) -> Self {
        let error = outcome.as_ref().err().map(|error| format!("{error:#}"));
        Self {
            part: part.to_owned(),
            name: name.to_owned(),
            seed,
            ok: error.is_none(),
            seconds: (took.as_secs_f64() * 10.0).round() / 10.0,
            figures: outcome.unwrap_or_default(),
            error,
        }
    }

    /// It as JSON, without a line break.
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// A time in milliseconds, with one decimal.
pub fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}

/// The time within which this share of all lies; zero when there is none.
pub fn quantile(mut times: Vec<Duration>, share: f64) -> Duration {
    times.sort_unstable();
    let last = u32::try_from(times.len().saturating_sub(1)).unwrap_or(u32::MAX);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a place in the list is a place in it"
    )]
    let place = (f64::from(last) * share).ceil() as usize;
    times.get(place).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_figures_or_what_did_not_hold() {
        let figures = Figures::default()
            .with("acked", 3)
            .with_millis("p95Ms", Duration::from_micros(1_250));
        let line = Line::of("fault", "one", 7, Duration::from_millis(1_234), Ok(figures));
        assert_eq!(
            line.json(),
            r#"{"part":"fault","name":"one","seed":7,"ok":true,"seconds":1.2,"figures":{"acked":3,"p95Ms":1.3}}"#
        );
        let failed = Line::of("fault", "one", 7, Duration::ZERO, Err(anyhow::anyhow!("lost 3")));
        assert!(
            failed
                .json()
                .ends_with(r#""ok":false,"seconds":0.0,"figures":{},"error":"lost 3"}"#)
        );
    }
}
