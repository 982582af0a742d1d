//! The stores of accounts, words and progress on PostgreSQL.
