//! Cache, rate limits and publish-subscribe through Redis, shared by all copies of the program.
