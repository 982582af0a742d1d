//! Drives real processes with load and faults, and checks what they kept.
