//! Tests of the threads and the file.
