//! Everything that the use-cases need, counted and made to fail as a test wants.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::NaiveDate;
use parking_lot::Mutex;
use parlance_domain::caching::{Answer, Answers, CacheKey, Freshness, Make, MakeError, Question, Tally};
use parlance_domain::consequences::Consequences;
use parlance_domain::conversations::{Brief, ConversationPorts, ConversationWriter, Conversations, Draft};
use parlance_domain::ids::{IdGenerator, ListId, UserId, WordId};
use parlance_domain::limits::{Limit, RateLimiter, Taken};
use parlance_domain::port::PortError;
use parlance_domain::providers::{OwnKeys, OwnProviders, ProviderError, ProviderErrorKind};
use parlance_domain::sealing::{KeyId, Label, OpenError, SealError, Sealed, Sealer};
use parlance_domain::settings::{
    KeyProvider, KeylessLearners, KeysSet, ProviderKey, ProviderKeyStore, ProviderKeys,
};
use parlance_domain::speech::{
    Audio, AudioFormat, AudioId, AudioStore, Gender, Recognition, Speech, SpeechPorts, SpeechRecognizer,
    SpeechSynthesizer, Synthesis, TimedWord, Transcript, Voice,
};
use parlance_domain::spending::{
    Allowance, AllowancePolicy, Caps, Meter, ReserveError, Spending, SpendingStore,
};
use parlance_domain::time::{Clock, Timestamp};
use parlance_domain::words::{
    ImportSummary, Vocabulary, Word, WordCursor, WordHit, WordList, WordQuery, WordStore,
};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde_json::json;
use uuid::Uuid;

/// Two learners.
pub(crate) const ADA: UserId = UserId(Uuid::from_u128(1));
pub(crate) const BOB: UserId = UserId(Uuid::from_u128(2));

/// How often a user may have a provider asked.
pub(crate) const QUOTA: u32 = 10;

/// The use-cases and what is behind them.
pub(crate) struct House {
    pub(crate) speech: Speech,
    pub(crate) conversations: Conversations,
    pub(crate) provider: Arc<Provider>,
    pub(crate) kept: Arc<KeptAnswers>,
    pub(crate) audio: Arc<KeptAudio>,
    pub(crate) spent: Arc<Spent>,
    pub(crate) keys: Arc<KeptKeys>,
    /// Who is asked with users' own keys.
    pub(crate) own: Arc<Provider>,
}

impl House {
    pub(crate) fn new() -> Self {
        Self::with_caps(Caps::default())
    }

    /// With these caps of characters and tokens alike.
    pub(crate) fn with_caps(caps: Caps) -> Self {
        let (provider, kept) = (Arc::new(Provider::default()), Arc::new(KeptAnswers::default()));
        let (audio, spent) = (Arc::new(KeptAudio::default()), Arc::new(Spent::default()));
        let clock: Arc<dyn Clock> = Arc::new(Noon);
        let allowance = Arc::new(Allowance::new(
            Arc::clone(&spent) as Arc<dyn SpendingStore>,
            Arc::new(Counting::default()),
            Arc::clone(&clock),
            AllowancePolicy {
                limit: Limit::per_minute("ai", QUOTA),
                characters: caps,
                tokens: caps,
            },
        ));
        let keys = Arc::new(KeptKeys::default());
        let own_provider = Arc::new(Provider::default());
        let own = Arc::new(OwnKeys::new(
            Arc::new(ProviderKeys::new(
                Arc::clone(&keys) as Arc<dyn ProviderKeyStore>,
                Arc::new(Forgetful),
                Arc::new(Envelope),
                Arc::clone(&clock),
                Arc::new(Counted),
            )),
            Arc::new(WithKey(Arc::clone(&own_provider))),
        ));
        let speech = Speech::new(SpeechPorts {
            synthesizer: Arc::clone(&provider) as Arc<dyn SpeechSynthesizer>,
            recognizer: Arc::clone(&provider) as Arc<dyn SpeechRecognizer>,
            audio: Arc::clone(&audio) as Arc<dyn AudioStore>,
            answers: Arc::clone(&kept) as Arc<dyn Answers>,
            allowance: Arc::clone(&allowance),
            own: Arc::clone(&own),
            clock: Arc::clone(&clock),
        });
        let ports = ConversationPorts {
            writer: Arc::clone(&provider) as Arc<dyn ConversationWriter>,
            words: Arc::new(OneWord),
            answers: Arc::clone(&kept) as Arc<dyn Answers>,
            allowance,
            own,
            clock,
        };
        Self {
            conversations: Conversations::new(ports, speech.clone()),
            speech,
            provider,
            kept,
            audio,
            spent,
            keys,
            own: own_provider,
        }
    }
}

/// A key of which the text is what it is sealed as.
pub(crate) const KEY: &str = "sk-canary-0123456789";

/// Keeps users' own keys.
#[derive(Default)]
pub(crate) struct KeptKeys(Mutex<HashMap<UserId, Vec<ProviderKey>>>);

impl KeptKeys {
    /// Gives a user a key, sealed with `seal`, in the place of the one before.
    pub(crate) fn set(&self, user: UserId, provider: KeyProvider, seal: &str, set_at: &str) {
        let key = ProviderKey {
            provider,
            sealed: Sealed {
                key_id: seal.parse().unwrap(),
                nonce: [0; Sealed::NONCE_BYTES],
                ciphertext: [
                    KEY.as_bytes(),
                    &ProviderKey::label(user, provider).associated_data(),
                ]
                .concat(),
            },
            last_four: "6789".parse().unwrap(),
            set_at: set_at.parse().unwrap(),
        };
        self.take_away(user, provider);
        self.0.lock().entry(user).or_default().push(key);
    }

    pub(crate) fn take_away(&self, user: UserId, provider: KeyProvider) {
        let mut keys = self.0.lock();
        keys.entry(user)
            .or_default()
            .retain(|key| key.provider != provider);
    }
}

#[async_trait]
impl ProviderKeyStore for KeptKeys {
    async fn list(&self, user: UserId) -> Result<Vec<ProviderKey>, PortError> {
        Ok(self.0.lock().get(&user).cloned().unwrap_or_default())
    }

    async fn keep(&self, _: UserId, _: &ProviderKey, _: &Consequences) -> Result<(), PortError> {
        Ok(())
    }

    async fn remove(&self, _: UserId, _: KeyProvider, _: &Consequences) -> Result<bool, PortError> {
        Ok(false)
    }
}

/// Remembers nobody, so that the keys are read each time.
struct Forgetful;

#[async_trait]
impl KeylessLearners for Forgetful {
    async fn contains(&self, _: UserId) -> bool {
        false
    }

    fn keys_set(&self) -> KeysSet {
        KeysSet(0)
    }

    async fn insert(&self, _: UserId, _: KeysSet) {}

    async fn key_set(&self, _: UserId) {}
}

/// Opens what is sealed with `good` for the label that is behind it.
struct Envelope;

impl Sealer for Envelope {
    fn seal(&self, _: &Label, _: &[u8]) -> Result<Sealed, SealError> {
        Err(SealError::NoKey)
    }

    fn open(&self, label: &Label, sealed: &Sealed) -> Result<SecretSlice<u8>, OpenError> {
        let opened = sealed.ciphertext.strip_suffix(&label.associated_data()[..]);
        match opened {
            Some(opened) if sealed.key_id.as_str() == "good" => Ok(opened.to_vec().into()),
            Some(_) => Err(OpenError::UnknownKey(sealed.key_id.clone())),
            None => Err(OpenError::Refused(sealed.key_id.clone())),
        }
    }

    fn newest(&self) -> Option<&KeyId> {
        None
    }
}

struct Counted;

impl IdGenerator for Counted {
    fn next(&self) -> Uuid {
        Uuid::from_u128(7)
    }
}

/// The same provider for every key, which must be the right one.
struct WithKey(Arc<Provider>);

impl WithKey {
    fn with(&self, key: &SecretString) -> Arc<Provider> {
        assert_eq!(key.expose_secret(), KEY);
        Arc::clone(&self.0)
    }
}

impl OwnProviders for WithKey {
    fn synthesizer(
        &self,
        _: KeyProvider,
        key: &SecretString,
    ) -> Result<Arc<dyn SpeechSynthesizer>, ProviderError> {
        Ok(self.with(key))
    }

    fn recognizer(
        &self,
        _: KeyProvider,
        key: &SecretString,
    ) -> Result<Arc<dyn SpeechRecognizer>, ProviderError> {
        Ok(self.with(key))
    }

    fn writer(
        &self,
        _: KeyProvider,
        key: &SecretString,
    ) -> Result<Arc<dyn ConversationWriter>, ProviderError> {
        Ok(self.with(key))
    }
}

struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        "2026-03-01T12:00:00Z".parse().unwrap()
    }
}

/// A provider of everything.
#[derive(Default)]
pub(crate) struct Provider {
    /// How often it was asked.
    pub(crate) calls: AtomicU32,
    /// How it fails, while it does.
    pub(crate) failing: Mutex<Option<ProviderErrorKind>>,
    /// What it writes instead of a dialogue.
    pub(crate) draft: Mutex<Option<String>>,
    /// How many tokens it says that a draft cost; a hundred, unless said otherwise.
    pub(crate) cost: Mutex<Option<u64>>,
    /// What it was told last.
    pub(crate) brief: Mutex<Option<Brief>>,
}

impl Provider {
    pub(crate) fn asked(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }

    pub(crate) fn fail(&self, kind: impl Into<Option<ProviderErrorKind>>) {
        *self.failing.lock() = kind.into();
    }

    fn ask(&self) -> Result<(), ProviderError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let failing = *self.failing.lock();
        failing.map_or(Ok(()), |kind| Err(ProviderError::new("fake", kind)))
    }
}

#[async_trait]
impl SpeechSynthesizer for Provider {
    fn provider(&self) -> &'static str {
        "fake"
    }

    async fn voices(&self) -> Result<Vec<Voice>, ProviderError> {
        let voice = |name: &str, language: &str| Voice {
            name: name.to_owned(),
            language: language.parse().unwrap(),
            gender: Gender::Female,
        };
        Ok(vec![voice("mei", "cmn-CN"), voice("amy", "en-GB")])
    }

    async fn synthesize(&self, synthesis: &Synthesis) -> Result<(Audio, String), ProviderError> {
        self.ask()?;
        let voice = synthesis.voice.clone().unwrap_or_else(|| "mei".to_owned());
        let knows = ["mei", "amy"].contains(&voice.as_str());
        if !knows || synthesis.language.language() == "xx" || synthesis.text.as_str() == "unspeakable" {
            return Err(ProviderError::new("fake", ProviderErrorKind::Refused));
        }
        let content = format!("ID3{}{voice}{}", synthesis.text.as_str(), synthesis.rate);
        let audio = Audio {
            format: AudioFormat::Mp3,
            content: content.into(),
        };
        Ok((audio, voice))
    }
}

#[async_trait]
impl SpeechRecognizer for Provider {
    fn provider(&self) -> &'static str {
        "fake"
    }

    async fn recognize(&self, _: &Recognition) -> Result<Transcript, ProviderError> {
        self.ask()?;
        Ok(Transcript {
            transcript: "你好".to_owned(),
            confidence: 0.9,
            words: vec![TimedWord {
                word: "你好".to_owned(),
                start_ms: 0,
                end_ms: 400,
            }],
        })
    }
}

#[async_trait]
impl ConversationWriter for Provider {
    fn provider(&self) -> &'static str {
        "fake"
    }

    async fn write(&self, brief: &Brief) -> Result<Draft, ProviderError> {
        self.ask()?;
        *self.brief.lock() = Some(brief.clone());
        let turn =
            |chinese: String| json!({ "speaker": "A", "chinese": chinese, "pinyin": "wǒ", "english": "I" });
        let word = brief.word.as_str();
        let turns = ["我", "你", "他"].map(|who| turn(format!("{who}{word}。")));
        let text = self.draft.lock().clone();
        Ok(Draft {
            text: text.unwrap_or_else(|| json!({ "turns": turns }).to_string()),
            tokens: Some(self.cost.lock().unwrap_or(100)),
        })
    }
}

/// Keeps answers for ever; who makes one makes it alone.
#[derive(Default)]
pub(crate) struct KeptAnswers {
    of: Mutex<HashMap<String, (Bytes, Option<String>)>>,
    /// Under what something was kept that was new, one after the other.
    made: Mutex<Vec<String>>,
    /// Which group is forgotten once so many more conversations were read.
    doomed: Mutex<Option<(String, u32)>>,
}

impl KeptAnswers {
    /// How many are kept.
    pub(crate) fn count(&self) -> usize {
        self.of.lock().len()
    }

    /// Under what they are kept, in order.
    pub(crate) fn keys(&self) -> Vec<String> {
        let mut keys: Vec<_> = self.of.lock().keys().cloned().collect();
        keys.sort();
        keys
    }

    pub(crate) fn forget_all(&self) {
        self.of.lock().clear();
    }

    /// Under what something was kept that was new, one after the other.
    pub(crate) fn made(&self) -> Vec<String> {
        self.made.lock().clone()
    }

    /// Forgets a group as soon as so many more conversations were read.
    pub(crate) fn forget_after(&self, group: &str, reads: u32) {
        *self.doomed.lock() = Some((group.to_owned(), reads));
    }

    fn forget(&self, group: &str) {
        self.of.lock().retain(|_, (_, of)| of.as_deref() != Some(group));
    }

    /// Something was read.
    fn note_read(&self, key: &CacheKey) {
        if !key.as_str().starts_with("conversation:") {
            return;
        }
        let mut doomed = self.doomed.lock();
        let Some((group, reads)) = doomed.as_mut() else {
            return;
        };
        *reads -= 1;
        if *reads == 0 {
            self.forget(group);
            *doomed = None;
        }
    }
}

#[async_trait]
impl Answers for KeptAnswers {
    async fn answer(&self, question: Question<'_>, make: Arc<dyn Make>) -> Result<Answer, MakeError> {
        if let Some(value) = self.kept(question.key).await {
            return Ok(Answer {
                value,
                freshness: Freshness::Kept,
            });
        }
        let value = make.make().await?;
        self.keep(question, value.clone()).await;
        Ok(Answer {
            value,
            freshness: Freshness::New,
        })
    }

    async fn kept(&self, key: &CacheKey) -> Option<Bytes> {
        let value = {
            let kept = self.of.lock();
            kept.get(key.as_str()).map(|(value, _)| value.clone())
        };
        self.note_read(key);
        value
    }

    async fn keep(&self, question: Question<'_>, value: Bytes) {
        assert!(value.len() <= question.policy.largest, "it is not too large");
        let group = question.group.map(str::to_owned);
        self.made.lock().push(question.key.to_string());
        self.of.lock().insert(question.key.to_string(), (value, group));
    }

    async fn replace(&self, question: Question<'_>, old: &[u8], new: Bytes) -> bool {
        assert!(new.len() <= question.policy.largest, "it is not too large");
        let mut kept = self.of.lock();
        let there = kept.get_mut(question.key.as_str());
        let there = there.filter(|(value, _)| *value == old);
        there.map(|(value, _)| *value = new).is_some()
    }

    async fn forget_group(&self, group: &str) -> Result<(), PortError> {
        self.forget(group);
        Ok(())
    }

    fn tallies(&self) -> Vec<(&'static str, Tally)> {
        Vec::new()
    }
}

/// Keeps audio, until it is lost, and unless it fails.
#[derive(Default)]
pub(crate) struct KeptAudio {
    audio: Mutex<HashMap<AudioId, Audio>>,
    recipes: Mutex<HashMap<AudioId, Bytes>>,
    failing: AtomicBool,
}

impl KeptAudio {
    /// Loses all audio, but not how it was made.
    pub(crate) fn lose(&self) {
        self.audio.lock().clear();
    }

    pub(crate) fn lose_recipes(&self) {
        self.recipes.lock().clear();
    }

    pub(crate) fn fail(&self, failing: bool) {
        self.failing.store(failing, Ordering::Relaxed);
    }

    fn ask(&self) -> Result<(), PortError> {
        if self.failing.load(Ordering::Relaxed) {
            return Err(PortError::unavailable("AudioStore", "gone"));
        }
        Ok(())
    }
}

#[async_trait]
impl AudioStore for KeptAudio {
    async fn ready(&self) -> Result<(), PortError> {
        self.ask()
    }

    async fn keep(&self, audio: &Audio, recipe: &Bytes) -> Result<AudioId, PortError> {
        self.ask()?;
        let id = audio.id();
        self.audio.lock().insert(id.clone(), audio.clone());
        self.recipes.lock().insert(id.clone(), recipe.clone());
        Ok(id)
    }

    async fn keep_without_recipe(&self, audio: &Audio) -> Result<AudioId, PortError> {
        self.ask()?;
        let id = audio.id();
        self.audio.lock().insert(id.clone(), audio.clone());
        Ok(id)
    }

    async fn read(&self, id: &AudioId) -> Result<Option<Audio>, PortError> {
        self.ask()?;
        Ok(self.audio.lock().get(id).cloned())
    }

    async fn recipe(&self, id: &AudioId) -> Result<Option<Bytes>, PortError> {
        self.ask()?;
        Ok(self.recipes.lock().get(id).cloned())
    }

    fn public_url(&self, _: &AudioId) -> Option<String> {
        None
    }
}

#[derive(Default)]
struct Counting(Mutex<HashMap<String, u32>>);

#[async_trait]
impl RateLimiter for Counting {
    async fn take_up_to(&self, key: &str, limit: &Limit, wanted: u32) -> Result<Taken, PortError> {
        let mut counts = self.0.lock();
        let count = counts.entry(key.to_owned()).or_default();
        let granted = wanted.min(limit.quota - *count);
        *count += granted;
        Ok(Taken {
            granted,
            remaining: limit.quota - *count,
            reset_after: Duration::from_secs(30),
        })
    }
}

/// Sums, by whom and of what.
#[derive(Default)]
pub(crate) struct Spent(Mutex<HashMap<(Option<UserId>, Meter), u64>>);

impl Spent {
    pub(crate) fn of(&self, user: Option<UserId>, meter: Meter) -> u64 {
        self.0.lock().get(&(user, meter)).copied().unwrap_or_default()
    }
}

#[async_trait]
impl SpendingStore for Spent {
    async fn reserve(&self, spending: &Spending, caps: &Caps) -> Result<(), ReserveError> {
        let fits = |spent: u64, cap: u64| cap == 0 || spent + spending.amount <= cap;
        if spending.user.is_some() && !fits(self.of(spending.user, spending.meter), caps.user) {
            return Err(ReserveError::UserSpent);
        }
        if !fits(self.of(None, spending.meter), caps.all) {
            return Err(ReserveError::AllSpent);
        }
        let mut sums = self.0.lock();
        if spending.user.is_some() {
            *sums.entry((spending.user, spending.meter)).or_default() += spending.amount;
        }
        *sums.entry((None, spending.meter)).or_default() += spending.amount;
        Ok(())
    }

    async fn give_back(&self, spending: &Spending) -> Result<(), PortError> {
        let mut sums = self.0.lock();
        for user in [spending.user, None] {
            let sum = sums.entry((user, spending.meter)).or_default();
            *sum = sum.saturating_sub(spending.amount);
        }
        Ok(())
    }

    async fn spent(&self, user: Option<UserId>, _: NaiveDate, meter: Meter) -> Result<u64, PortError> {
        Ok(self.of(user, meter))
    }

    async fn purge(&self, _: NaiveDate, _: u32) -> Result<u32, PortError> {
        Ok(0)
    }
}

/// A vocabulary of one word.
struct OneWord;

#[async_trait]
impl WordStore for OneWord {
    async fn word(&self, id: &WordId) -> Result<Option<Word>, PortError> {
        let word = Word {
            id: id.clone(),
            language: "zh".to_owned(),
            term: "学习".to_owned(),
            reading: Some("xuéxí".to_owned()),
            gloss: "to study".to_owned(),
            alternate_forms: vec!["學習".to_owned()],
            part_of_speech: Vec::new(),
            frequency_rank: None,
            list_ids: Vec::new(),
        };
        Ok((id.as_str() == "zh-1").then_some(word))
    }

    async fn lists(&self) -> Result<Vec<WordList>, PortError> {
        Ok(Vec::new())
    }

    async fn list(&self, _: &ListId) -> Result<Option<WordList>, PortError> {
        Ok(None)
    }

    async fn words_of(
        &self,
        _: &ListId,
        _: Option<u32>,
        _: Option<u32>,
    ) -> Result<Vec<(u32, Word)>, PortError> {
        Ok(Vec::new())
    }

    async fn words(&self, _: &[WordId]) -> Result<Vec<Word>, PortError> {
        Ok(Vec::new())
    }

    async fn search(&self, _: &WordQuery, _: Option<&WordCursor>, _: u32) -> Result<Vec<WordHit>, PortError> {
        Ok(Vec::new())
    }

    async fn import(&self, _: &Vocabulary) -> Result<ImportSummary, PortError> {
        Ok(ImportSummary::default())
    }

    async fn release(&self) -> Result<Option<String>, PortError> {
        Ok(None)
    }

    async fn install(&self, _: &str, _: &[Vocabulary]) -> Result<bool, PortError> {
        Ok(false)
    }
}
