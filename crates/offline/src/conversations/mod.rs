//! Dialogues out of templates.

mod facts;
mod templates;
mod writer;

pub use writer::TemplateWriter;
