//! What the machine and its cryptography provide: clock, ids, randomness, password hashing, signed tokens.
