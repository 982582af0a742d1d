-- Identities at providers, each of which opens one account.
CREATE TABLE linked_identities (
    user_id   BLOB    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    id        BLOB    NOT NULL,
    -- The name of the provider in the settings.
    provider  TEXT    NOT NULL,
    -- `iss` and `sub` of its tokens.
    issuer    TEXT    NOT NULL,
    subject   TEXT    NOT NULL,
    -- The address that it had when it was linked.
    email     TEXT,
    linked_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, id)
) STRICT, WITHOUT ROWID;

-- Whoever comes from a provider names no account.
CREATE UNIQUE INDEX linked_identities_subject ON linked_identities (issuer, subject);
CREATE UNIQUE INDEX linked_identities_provider ON linked_identities (user_id, provider);

-- Sign-ins at providers that are under way; a row is gone with its use. State, nonce and verifier come of the id.
CREATE TABLE provider_authorizations (
    id         BLOB    NOT NULL PRIMARY KEY,
    provider   TEXT    NOT NULL,
    -- Null where somebody signs in; else whose account the identity is linked to, on behalf of which session.
    account_id BLOB    REFERENCES accounts (id) ON DELETE CASCADE,
    session_id BLOB,
    return_to  TEXT    NOT NULL,
    -- SHA-256 of what the browser holds.
    browser    BLOB    NOT NULL CHECK (length(browser) = 32),
    expires_at INTEGER NOT NULL,
    CHECK ((account_id IS NULL) = (session_id IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX provider_authorizations_account_id ON provider_authorizations (account_id);
CREATE INDEX provider_authorizations_expires_at ON provider_authorizations (expires_at);
