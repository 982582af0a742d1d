//! Private PostgreSQL and Redis instances for tests: found, started on free ports, stopped again.
