//! Audio in a directory, at S3 and at Google Cloud Storage keeps to the contract of its port, and one that fails is
//! never taken for one that has nothing.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod amazon;
mod contracts;
mod crash;
mod directory;
mod exports;
mod faults;
mod google;
mod proxy;
mod settings;
mod support;
