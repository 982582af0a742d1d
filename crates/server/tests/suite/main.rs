//! Everything that is tested through the running program, in one binary.
