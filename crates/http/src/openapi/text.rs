//! The prose of the description: what the whole and its parts are about.

/// What the description says at its beginning.
pub(super) const DESCRIPTION: &str = "\
The backend of language-learning apps: accounts, vocabulary, progress that follows a learner across devices, speech, and \
generated conversations.

**Begin**: `POST /api/v1/auth/register` answers with an access token; press *Authorize* and paste it. It is good \
for 15 minutes; `POST /api/v1/auth/refresh` exchanges the cookie for a new one.

**Errors** are `application/problem+json` with a `code` for programs, a sentence for people, and every bad field \
under `details.fields`. Each carries the id of its request, also in `X-Request-Id`.

**Times** are RFC 3339 in UTC with milliseconds. **Lists** that come in pages say where the next one is in `Link`. \
**Limits** are told in `RateLimit` and `RateLimit-Policy`.";

/// The groups of routes, in the order in which they are shown.
pub(super) const TAGS: [(&str, &str); 9] = [
    (
        "accounts",
        "Who a learner is, and on which devices they are signed in.",
    ),
    (
        "settings",
        "What a learner wants: language, retention, reminders, and what apps keep for them.",
    ),
    ("words", "The vocabulary and the lists that teach it; public."),
    (
        "progress",
        "What a learner knows of each word, the same on every device.",
    ),
    ("reviews", "What happened: the log that progress is folded from."),
    ("study", "What to study now."),
    (
        "speech",
        "What is written is spoken, what is said is written down; what was made before costs nothing.",
    ),
    ("conversations", "Short dialogues around a word, and their sound."),
    ("system", "How the server is."),
];
