//! The real binary: how it starts, what it refuses, how it stops, what a crash leaves.
