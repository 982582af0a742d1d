//! The use-cases of conversations: have one written, have one of its turns spoken.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::lock::Mutex;

use super::{
    Brief, Conversation, ConversationWriter, Draft, GeneratorVersion, SubjectWord, Turn, WrittenConversation,
    read_turns, tokens_spent,
};
use crate::caching::{
    Answers, CONVERSATIONS, CacheKey, Freshness, KeyBuilder, Make, MakeError, OWN_CONVERSATIONS, Question,
};
use crate::ids::{UserId, WordId};
use crate::port::PortError;
use crate::providers::{OwnKey, OwnKeys, ProviderError, ProviderErrorKind, Service};
use crate::speech::{
    AudioId, LanguageTag, Speak, SpeakError, SpeakingRate, Speech, Spoken, SpokenText, VoiceName,
};
use crate::spending::{Allowance, Meter};
use crate::time::Clock;
use crate::words::{Word, WordStore};

/// How many characters of a digest the id of a conversation has.
const DIGEST_IN_ID: usize = 16;
/// How often it is tried to note the sound of a turn while other copies note those of others.
const NOTES: u32 = 5;
/// How many conversations can be noted in at the same time in a process, one behind the other each.
const PENS: usize = 16;

/// Which conversation is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generate {
    /// The word's id.
    pub word_id: WordId,
    /// The word.
    pub word: SubjectWord,
    /// By which rules.
    pub version: GeneratorVersion,
}

/// A conversation, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    /// The conversation.
    pub conversation: WrittenConversation,
    /// Whether it was there already.
    pub cached: bool,
}

/// Which turn is to be spoken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpeakTurn {
    /// The word's id.
    pub word_id: WordId,
    /// Its place in the conversation, from 0.
    pub turn_index: usize,
    /// What it says, in Chinese.
    pub text: SpokenText,
    /// By whom; the provider's choice, if nobody is named.
    pub voice: Option<VoiceName>,
}

/// A turn that was spoken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpokenTurn {
    /// The conversation's id.
    pub conversation_id: String,
    /// Its place in the conversation.
    pub turn_index: usize,
    /// What it sounds like.
    pub spoken: Spoken,
}

/// Why no turn was spoken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SpeakTurnError {
    /// There is no conversation of this word, or none any more.
    #[error("there is no conversation of this word")]
    ConversationNotFound,
    /// No conversation of this word has this text in this place.
    #[error("there is no such turn")]
    TurnNotFound,
    /// It was not spoken.
    #[error(transparent)]
    NotSpoken(#[from] SpeakError),
}

/// What conversations need.
pub struct ConversationPorts {
    /// Writes.
    pub writer: Arc<dyn ConversationWriter>,
    /// Knows words.
    pub words: Arc<dyn WordStore>,
    /// Keeps answers.
    pub answers: Arc<dyn Answers>,
    /// Says what may be spent.
    pub allowance: Arc<Allowance>,
    /// Knows users' own keys.
    pub own: Arc<OwnKeys>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

/// The use-cases of conversations.
#[derive(Clone)]
pub struct Conversations {
    ports: Arc<ConversationPorts>,
    speech: Speech,
    /// Whoever notes in a conversation holds its pen: nobody in this process is in the way of another.
    pens: Arc<[Mutex<()>; PENS]>,
}

impl Conversations {
    /// The use-cases over these ports.
    pub fn new(ports: ConversationPorts, speech: Speech) -> Self {
        Self {
            ports: Arc::new(ports),
            speech,
            pens: Arc::default(),
        }
    }

    /// Who writes.
    pub fn provider(&self) -> &'static str {
        self.ports.writer.provider()
    }

    /// A conversation around a word, written unless somebody had it written before.
    ///
    /// With a key of the user's own it is that which pays, and nobody else reads it.
    pub async fn generate(&self, user: UserId, generate: Generate) -> Result<Generated, MakeError> {
        let own = self.ports.own.serving(user, Service::Conversations).await?;
        let key = self.key(&generate, own.as_ref());
        let (group, is_own) = (group(&generate.word_id), own.is_some());
        let make = MakeConversation {
            ports: Arc::clone(&self.ports),
            user,
            own,
            key: key.clone(),
            generate,
        };
        let answers = &self.ports.answers;
        let question = question(&key, &group, is_own);
        let answer = answers.answer(question, Arc::new(make)).await?;
        Ok(Generated {
            conversation: WrittenConversation::kept(answer.value),
            cached: answer.freshness != Freshness::New,
        })
    }

    /// Speaks a turn of a conversation that was written before, and notes in the conversation what it sounds like.
    pub async fn speak_turn(&self, user: UserId, turn: SpeakTurn) -> Result<SpokenTurn, SpeakTurnError> {
        let SpeakTurn {
            word_id,
            turn_index,
            text,
            voice,
        } = turn;
        let Found {
            key,
            conversation,
            owner,
        } = self.conversation_of(user, &word_id, turn_index, &text).await?;
        let speak = Speak {
            text,
            voice,
            language: Some(LanguageTag::usual("cmn-CN")),
            rate: SpeakingRate::USUAL,
        };
        let spoken = self.speech.speak(user, speak).await?;
        // Where everybody reads, nobody is told where to hear what one learner paid for.
        if owner.is_some() || !spoken.own {
            let group = group(&word_id);
            let question = question(&key, &group, owner.is_some());
            self.note(question, turn_index, &spoken.audio).await;
        }
        Ok(SpokenTurn {
            conversation_id: conversation.id,
            turn_index,
            spoken,
        })
    }

    /// Forgets all conversations of a word, on every copy.
    pub async fn forget(&self, word_id: &WordId) -> Result<(), PortError> {
        self.ports.answers.forget_group(&group(word_id)).await
    }

    /// Everything that a conversation follows from, and nothing of who asks, unless it is for them alone.
    fn key(&self, generate: &Generate, own: Option<&OwnKey>) -> CacheKey {
        let Generate {
            word_id,
            word,
            version,
        } = generate;
        let shared = || KeyBuilder::new("conversation").field("provider", self.provider());
        own.map_or_else(shared, |own| own.private("own-conversation"))
            .field("version", version.as_str())
            .field("wordId", word_id.as_str())
            .field("word", word.as_str())
            .finish()
    }

    /// The conversation that says this in this place: one of the user's own if they have a key, else one of everybody's.
    async fn conversation_of(
        &self,
        user: UserId,
        word_id: &WordId,
        turn_index: usize,
        text: &SpokenText,
    ) -> Result<Found, SpeakTurnError> {
        let own = self.ports.own.serving(user, Service::Conversations).await;
        let own = own.map_err(|error| SpeakError::NotMade(error.into()))?;
        let mine = match own {
            Some(_) => Some(
                self.conversation_with(Some(user), word_id, turn_index, text)
                    .await,
            ),
            None => None,
        };
        if let Some(Ok(found)) = mine {
            return Ok(found);
        }
        let shared = self.conversation_with(None, word_id, turn_index, text).await;
        match (shared, mine) {
            (Err(SpeakTurnError::ConversationNotFound), Some(Err(why))) => Err(why),
            (shared, _) => shared,
        }
    }

    /// The conversation of an owner, or of everybody, that says this in this place.
    async fn conversation_with(
        &self,
        owner: Option<UserId>,
        word_id: &WordId,
        turn_index: usize,
        text: &SpokenText,
    ) -> Result<Found, SpeakTurnError> {
        let answers = &self.ports.answers;
        let Some(key) = answers.kept(&turn_key(owner, word_id, turn_index, text)).await else {
            return Err(match answers.kept(&marker_key(owner, word_id)).await {
                Some(_) => SpeakTurnError::TurnNotFound,
                None => SpeakTurnError::ConversationNotFound,
            });
        };
        let key = CacheKey::kept(&key).ok_or(SpeakTurnError::ConversationNotFound)?;
        let kept = answers.kept(&key).await;
        let conversation = kept.and_then(|kept| WrittenConversation::kept(kept).read().ok());
        let conversation = conversation.ok_or(SpeakTurnError::ConversationNotFound)?;
        if conversation
            .turns
            .get(turn_index)
            .is_some_and(|turn| says(turn, text))
        {
            Ok(Found {
                key,
                conversation,
                owner,
            })
        } else {
            Err(SpeakTurnError::TurnNotFound)
        }
    }

    /// Notes the sound of a turn, again if the conversation became another meanwhile.
    ///
    /// It grows no younger by that, and one that was forgotten does not come back.
    async fn note(&self, question: Question<'_>, turn_index: usize, audio: &AudioId) {
        let (answers, key) = (&self.ports.answers, question.key);
        let pen = key.digest().bytes().map(usize::from).sum::<usize>() % PENS;
        let _pen = self.pens[pen].lock().await;
        for _ in 0..NOTES {
            let Some(kept) = answers.kept(key).await else {
                return;
            };
            let Ok(mut conversation) = WrittenConversation::kept(kept.clone()).read() else {
                return;
            };
            let Some(turn) = conversation.turns.get_mut(turn_index) else {
                return;
            };
            if turn.audio.as_ref() == Some(audio) {
                return;
            }
            turn.audio = Some(audio.clone());
            let Ok(written) = WrittenConversation::of(&conversation) else {
                return;
            };
            if answers.replace(question, &kept, written.into_bytes()).await {
                return;
            }
        }
    }
}

/// Under what all conversations of a word are forgotten together.
fn group(word_id: &WordId) -> String {
    format!("conversations:{word_id}")
}

fn question<'a>(key: &'a CacheKey, group: &'a str, is_own: bool) -> Question<'a> {
    Question {
        key,
        policy: if is_own {
            &OWN_CONVERSATIONS
        } else {
            &CONVERSATIONS
        },
        group: Some(group),
    }
}

/// A conversation that was kept.
struct Found {
    key: CacheKey,
    conversation: Conversation,
    /// Whose it is; everybody's, if nobody's.
    owner: Option<UserId>,
}

/// Where it is kept which conversation, an owner's or everybody's, has a turn.
fn turn_key(owner: Option<UserId>, word_id: &WordId, turn_index: usize, text: &SpokenText) -> CacheKey {
    of_owner(owner, "turn", "own-turn")
        .field("wordId", word_id.as_str())
        .field("turn", &turn_index.to_string())
        .field("text", text.as_str())
        .finish()
}

/// Where it is kept that a word has a conversation, an owner's or everybody's.
fn marker_key(owner: Option<UserId>, word_id: &WordId) -> CacheKey {
    of_owner(owner, "conversations-of", "own-conversations-of")
        .field("wordId", word_id.as_str())
        .finish()
}

fn of_owner(owner: Option<UserId>, shared: &'static str, own: &'static str) -> KeyBuilder {
    match owner {
        Some(user) => KeyBuilder::new(own).field("user", &user.to_string()),
        None => KeyBuilder::new(shared),
    }
}

fn says(turn: &Turn, text: &SpokenText) -> bool {
    turn.chinese.parse::<SpokenText>().as_ref() == Ok(text)
}

/// Has a conversation written, checks it and keeps it.
struct MakeConversation {
    ports: Arc<ConversationPorts>,
    user: UserId,
    /// What pays in the place of the installation.
    own: Option<OwnKey>,
    key: CacheKey,
    generate: Generate,
}

impl MakeConversation {
    /// The turns, and who wrote them.
    async fn write(&self, brief: &Brief) -> Result<(Vec<Turn>, &'static str), MakeError> {
        let (draft, provider) = match &self.own {
            Some(own) => self.by_own(own, brief).await?,
            None => (self.by_house(brief).await?, self.ports.writer.provider()),
        };
        let invalid = |error| ProviderError::new(provider, ProviderErrorKind::Invalid).caused_by(error);
        let turns = read_turns(&draft.text, &brief.word).map_err(invalid)?;
        Ok((turns, provider))
    }

    /// At the installation's cost.
    async fn by_house(&self, brief: &Brief) -> Result<Draft, MakeError> {
        let ConversationPorts {
            allowance, writer, ..
        } = &*self.ports;
        let most = writer.reserve(brief);
        let reservation = allowance.reserve(Some(self.user), Meter::Tokens, most).await?;
        let written = writer.write(brief).await;
        allowance.settle(reservation, tokens_spent(&written, most)).await;
        Ok(written?)
    }

    /// At the user's own cost: no budget applies, only the limit.
    async fn by_own(&self, own: &OwnKey, brief: &Brief) -> Result<(Draft, &'static str), MakeError> {
        self.ports.allowance.call(own.user()).await?;
        let writer = self.ports.own.writer(own)?;
        let draft = writer.write(brief).await.map_err(OwnKey::failure)?;
        Ok((draft, writer.provider()))
    }

    /// What is known of the word; a word that is not the vocabulary's is known by itself alone.
    async fn brief(&self) -> Result<Brief, PortError> {
        let Generate { word_id, word, .. } = &self.generate;
        let known = self.ports.words.word(word_id).await?;
        let known = known.filter(|known| is_written(known, word));
        let (reading, gloss) = known.map(|known| (known.reading, known.gloss)).unzip();
        Ok(Brief {
            word: word.clone(),
            reading: reading.flatten(),
            gloss,
        })
    }

    /// Keeps by which of its turns the conversation is found.
    async fn index(&self, turns: &[Turn]) {
        let word_id = &self.generate.word_id;
        let owner = self.own.as_ref().map(OwnKey::user);
        let (answers, group) = (&self.ports.answers, group(word_id));
        let key = Bytes::copy_from_slice(self.key.as_str().as_bytes());
        for (index, turn) in turns.iter().enumerate() {
            if let Ok(text) = turn.chinese.parse() {
                let turn_key = turn_key(owner, word_id, index, &text);
                let question = question(&turn_key, &group, owner.is_some());
                answers.keep(question, key.clone()).await;
            }
        }
        let marker_key = marker_key(owner, word_id);
        let question = question(&marker_key, &group, owner.is_some());
        answers.keep(question, key).await;
    }
}

fn is_written(known: &Word, word: &SubjectWord) -> bool {
    known.term == word.as_str() || known.alternate_forms.iter().any(|form| form == word.as_str())
}

#[async_trait]
impl Make for MakeConversation {
    async fn make(&self) -> Result<Bytes, MakeError> {
        let brief = self.brief().await?;
        let (turns, provider) = self.write(&brief).await?;
        self.index(&turns).await;
        let Generate {
            word_id,
            word,
            version,
        } = &self.generate;
        let digest = self.key.digest().get(..DIGEST_IN_ID).unwrap_or_default();
        let conversation = Conversation {
            id: format!("{word_id}-{digest}"),
            word_id: word_id.clone(),
            word: word.as_str().to_owned(),
            version: *version,
            turns,
            generated_at: self.ports.clock.now(),
            provider: provider.to_owned(),
        };
        Ok(WrittenConversation::of(&conversation)?.into_bytes())
    }
}
