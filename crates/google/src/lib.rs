//! Cloud Text-to-Speech, Speech-to-Text and Gemini.
