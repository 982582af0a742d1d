//! The tests of the platform: the contracts of its ports, and what they must survive.

mod contracts;
mod support;
