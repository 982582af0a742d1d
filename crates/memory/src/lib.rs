//! Rate limits, revoked sessions and publish-subscribe within the process.
