//! Mail: what learners are written to about their accounts, and how it reaches them once.

mod deliveries;
mod letter;
mod links;
mod mailer;
mod message;
mod outbox;
mod phrases;

pub use deliveries::{
    Deliveries, DeliveryFailure, DeliveryTally, GIVEN_UP_AFTER, KEPT_FOR, Next, Round, Undelivered,
};
pub use letter::Letters;
pub use links::{InvalidLinkPattern, LinkPattern, Links};
pub use mailer::{Letter, Mailer, MailerError, MailerErrorKind, SEND_DEADLINE};
pub use message::{Message, OutgoingMail, WhichEmail};
pub use outbox::{AttemptId, Backlog, Fate, Lease, Outbox, TakenMail};
