//! How a service behaves, call by call.

use std::collections::VecDeque;
use std::time::Duration;

/// What can be asked of Google here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GoogleService {
    /// Cloud Text-to-Speech, `text:synthesize`.
    Synthesis,
    /// Cloud Text-to-Speech, `voices`.
    Voices,
    /// Speech-to-Text, `speech:recognize`.
    Recognition,
    /// Gemini, `generateContent` and `streamGenerateContent`.
    Writing,
    /// The tokens of service accounts.
    Tokens,
}

/// How a call is answered.
#[derive(Debug, Clone, PartialEq)]
pub enum GoogleBehaviour {
    /// As it should be.
    Right,
    /// With this status and an error as Google writes it.
    Status(u16),
    /// The same, with this `Retry-After`.
    StatusRetryAfter(u16, String),
    /// With this status and text as the error's message.
    Message(u16, String),
    /// With a redirection to this place.
    Redirect(String),
    /// As it should be, after this time.
    Slow(Duration),
    /// Never.
    Hang,
    /// It begins, and never goes on.
    HangInside,
    /// It is cut off in the middle of the body.
    Cut,
    /// With 200 and a page of HTML.
    NotJson,
    /// With 200 and nothing in it: no sound, no text.
    Empty,
    /// With sound that is none, or with text that is no JSON.
    Garbage,
    /// With 200 and more than anybody wants: this many bytes.
    Huge(usize),
    /// With a dialogue of two turns.
    TwoTurns,
    /// With a dialogue with markup inside.
    Markup,
    /// With a dialogue in another language.
    WrongLanguage,
    /// The question is blocked for safety.
    Blocked,
    /// The answer is withheld for safety.
    Withheld,
    /// The answer ends in the middle, since it has as many tokens as it may.
    TooLong,
}

/// What a service does next, and what it does when nothing is next.
#[derive(Debug, Default)]
pub(super) struct Script {
    next: VecDeque<(u32, GoogleBehaviour)>,
    /// In turn; as it should be, when there is none.
    otherwise: VecDeque<GoogleBehaviour>,
}

impl Script {
    pub(super) fn next(&mut self, calls: u32, behaviour: GoogleBehaviour) {
        self.next.push_back((calls, behaviour));
    }

    pub(super) fn in_turn(&mut self, behaviours: &[GoogleBehaviour]) {
        self.next.clear();
        self.otherwise = behaviours.iter().cloned().collect();
    }

    /// The behaviour of one more call.
    pub(super) fn take(&mut self) -> GoogleBehaviour {
        while let Some((calls, behaviour)) = self.next.front_mut() {
            if *calls > 0 {
                *calls -= 1;
                return behaviour.clone();
            }
            self.next.pop_front();
        }
        self.otherwise
            .rotate_left(usize::from(!self.otherwise.is_empty()));
        self.otherwise.back().cloned().unwrap_or(GoogleBehaviour::Right)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_next_comes_before_what_is_always() {
        let mut script = Script::default();
        script.in_turn(&[GoogleBehaviour::Empty]);
        script.next(2, GoogleBehaviour::Status(500));
        script.next(1, GoogleBehaviour::Right);
        let taken: Vec<_> = (0..5).map(|_| script.take()).collect();
        let failure = GoogleBehaviour::Status(500);
        assert_eq!(taken[..2], [failure.clone(), failure]);
        assert_eq!(taken[2], GoogleBehaviour::Right);
        assert_eq!(taken[3..], [GoogleBehaviour::Empty, GoogleBehaviour::Empty]);
    }

    #[test]
    fn what_is_in_turn_begins_with_the_first() {
        let mut script = Script::default();
        assert_eq!(script.take(), GoogleBehaviour::Right);
        script.in_turn(&[GoogleBehaviour::Cut, GoogleBehaviour::Right]);
        let taken: Vec<_> = (0..3).map(|_| script.take()).collect();
        assert_eq!(
            taken,
            [GoogleBehaviour::Cut, GoogleBehaviour::Right, GoogleBehaviour::Cut]
        );
    }
}
