DROP TABLE provider_keys;
DROP TABLE user_settings;
