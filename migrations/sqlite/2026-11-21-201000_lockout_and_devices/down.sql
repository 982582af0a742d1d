ALTER TABLE sessions DROP COLUMN device_id;
DROP TABLE known_devices;
DROP TABLE lockouts;
