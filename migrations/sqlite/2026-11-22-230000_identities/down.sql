DROP TABLE provider_authorizations;
DROP TABLE linked_identities;
