DROP TABLE idempotency_keys;
DROP TABLE spending_total;
DROP TABLE spending;
