//! Audio in a directory or an object store.
