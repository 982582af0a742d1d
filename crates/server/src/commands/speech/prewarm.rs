//! `parlance speech prewarm`: has the words of a list spoken ahead of time.

use anyhow::{Context, anyhow, bail};
use clap::Args;
use futures_util::{StreamExt, stream};
use parlance_domain::caching::{Denial, MakeError};
use parlance_domain::health::CircuitState;
use parlance_domain::ids::ListId;
use parlance_domain::providers::{ProviderError, ProviderErrorKind};
use parlance_domain::speech::{
    LanguageTag, Speak, SpeakError, SpeakingRate, Speech, Spoken, SpokenText, VoiceName,
};
use parlance_domain::words::{Word, WordsError};
use parlance_http::state::HttpServices;

use super::progress::Progress;
use crate::data_dir::DataDir;
use crate::database::Database;
use crate::logs::say;
use crate::providers;
use crate::settings::{Settings, SpeechProvider};
use crate::shared::{REDIS_CACHE, REDIS_LEASES};
use crate::wiring::{Overrides, Secrets, System};

/// After how many failures in a row there is no use in going on.
const FAILURES_IN_A_ROW: u32 = 5;

/// Which words are spoken, and how: as clients will ask for it.
#[derive(Debug, Args)]
pub(in crate::commands) struct Prewarm {
    /// The id of the list
    list_id: String,
    /// The voice that clients ask for; without it, the one that those get who name none
    #[arg(long)]
    voice: Option<VoiceName>,
    /// The language that clients ask for; without it, what the word looks like
    #[arg(long)]
    language: Option<LanguageTag>,
    /// How many times as fast as usual
    #[arg(long, default_value = "1", value_parser = parse_rate)]
    rate: SpeakingRate,
    /// How many words are spoken at the same time
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=32))]
    concurrency: u8,
}

fn parse_rate(text: &str) -> Result<SpeakingRate, String> {
    let factor: f64 = text.parse().map_err(|_| "must be a number".to_owned())?;
    SpeakingRate::try_from(factor).map_err(|error| error.to_string())
}

/// What became of the words so far.
#[derive(Debug, Default)]
struct Count {
    made: u64,
    there: u64,
    refused: u64,
    failed: u64,
    failed_in_a_row: u32,
}

impl Count {
    fn standing(&self) -> String {
        let Self {
            made,
            there,
            refused,
            failed,
            ..
        } = self;
        format!("{made} made, {there} were there, {refused} refused, {failed} failed")
    }

    /// Counts what became of a word; says why there is no use in going on, if there is none.
    fn add(&mut self, spoken: Result<Spoken, SpeakError>) -> anyhow::Result<()> {
        match spoken {
            Ok(spoken) => {
                self.failed_in_a_row = 0;
                *(if spoken.cached {
                    &mut self.there
                } else {
                    &mut self.made
                }) += 1;
            }
            Err(SpeakError::Refused) => self.refused += 1,
            Err(error @ (SpeakError::UnknownVoice | SpeakError::UnknownLanguage)) => return Err(error.into()),
            Err(SpeakError::NotMade(error)) => self.not_made(error)?,
        }
        Ok(())
    }

    fn not_made(&mut self, error: MakeError) -> anyhow::Result<()> {
        match error {
            MakeError::Denied(Denial::Budget { resets_at }) => Err(anyhow!(
                "the budget of today is spent (SPEECH_CHARACTERS_PER_DAY): run it again after {resets_at}, and it goes on \
                 from here"
            )),
            MakeError::Provider(
                error @ ProviderError {
                    kind: ProviderErrorKind::Unauthorized | ProviderErrorKind::Missing,
                    ..
                },
            ) => Err(anyhow!(error).context("there is nobody to speak")),
            error => {
                self.failed += 1;
                self.failed_in_a_row += 1;
                if self.failed_in_a_row < FAILURES_IN_A_ROW {
                    return Ok(());
                }
                let context = format!(
                    "{FAILURES_IN_A_ROW} words in a row could not be spoken: run it again later, and it goes on from here"
                );
                Err(anyhow!(error).context(context))
            }
        }
    }
}

impl Prewarm {
    /// Has the words of the list spoken that were not spoken before.
    pub(super) async fn run(self, settings: &Settings) -> anyhow::Result<()> {
        if settings.redis.is_none() {
            bail!(
                "REDIS_URL must name the Redis of the servers: it is where they look for what was spoken. Without one, each \
                 server remembers that in its own memory, which this command cannot fill"
            );
        }
        if settings.providers.speech == SpeechProvider::Nobody {
            bail!(providers::remedies(settings).speech);
        }
        let data_dir = DataDir::prepare(settings)?;
        let secrets = Secrets::of(settings, &data_dir)?;
        let database = Database::open_current(&settings.database, settings.migrate_on_start).await?;
        let done = match System::wire(settings, &secrets, &database, Overrides::default()).await {
            Ok(system) => self.speak_list(&system.http).await,
            Err(error) => Err(error),
        };
        database.close().await;
        done
    }

    async fn speak_list(&self, services: &HttpServices) -> anyhow::Result<()> {
        if let Some(redis) = &services.shared {
            redis.check().await.context("Redis cannot be reached")?;
        }
        let id: ListId = self.list_id.parse().map_err(|_| no_list(&self.list_id))?;
        let words = match services.words.words_of(&id, None, None).await {
            Ok(page) => page.words,
            Err(WordsError::Port(error)) => return Err(error).context("the list cannot be read"),
            Err(_) => return Err(no_list(&self.list_id)),
        };
        let (mut count, mut progress) = (Count::default(), Progress::of(words.len() as u64));
        let spoken = self
            .speak_words(&words, services, &mut count, &mut progress)
            .await;
        progress.end();
        say(&format!(
            "{}: {} words, {}",
            self.list_id,
            words.len(),
            count.standing()
        ));
        spoken?;
        if count.failed > 0 {
            bail!("{} words could not be spoken: run it again", count.failed);
        }
        Ok(())
    }

    async fn speak_words(
        &self,
        words: &[Word],
        services: &HttpServices,
        count: &mut Count,
        progress: &mut Progress,
    ) -> anyhow::Result<()> {
        let speaks = words.iter().map(|word| self.speak(word, &services.speech));
        let mut spoken = stream::iter(speaks).buffer_unordered(self.concurrency.into());
        while let Some(outcome) = spoken.next().await {
            count.add(outcome)?;
            progress.step(&count.standing());
            if is_lost(services) {
                bail!("Redis cannot be reached any more: run it again later, and it goes on from here");
            }
        }
        Ok(())
    }

    async fn speak(&self, word: &Word, speech: &Speech) -> Result<Spoken, SpeakError> {
        let text: SpokenText = word.term.parse().map_err(|_| SpeakError::Refused)?;
        let speak = Speak {
            text,
            voice: self.voice.clone(),
            language: self.language.clone(),
            rate: self.rate,
        };
        speech.prewarm(speak).await
    }
}

/// Whether what is made is no longer kept where the servers find it.
fn is_lost(services: &HttpServices) -> bool {
    let of_redis = [REDIS_CACHE, REDIS_LEASES];
    let mut circuits = services.circuits.iter();
    circuits.any(|(name, circuit)| of_redis.contains(name) && circuit.state() != CircuitState::Closed)
}

fn no_list(id: &str) -> anyhow::Error {
    anyhow!("there is no list `{id}`: `GET /api/v1/vocabulary/lists` names those that there are")
}
