-- Identities at providers, each of which opens one account.
CREATE TABLE linked_identities (
    user_id   UUID             NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    id        UUID             NOT NULL,
    -- The name of the provider in the settings.
    provider  TEXT COLLATE "C" NOT NULL,
    -- `iss` and `sub` of its tokens.
    issuer    TEXT COLLATE "C" NOT NULL,
    subject   TEXT COLLATE "C" NOT NULL,
    -- The address that it had when it was linked.
    email     TEXT,
    linked_at TIMESTAMPTZ      NOT NULL,
    PRIMARY KEY (user_id, id)
);

-- Whoever comes from a provider names no account.
CREATE UNIQUE INDEX linked_identities_subject ON linked_identities (issuer, subject);
CREATE UNIQUE INDEX linked_identities_provider ON linked_identities (user_id, provider);

-- Sign-ins at providers that are under way; a row is gone with its use. State, nonce and verifier come of the id.
CREATE TABLE provider_authorizations (
    id         UUID             NOT NULL PRIMARY KEY,
    provider   TEXT COLLATE "C" NOT NULL,
    -- Null where somebody signs in; else whose account the identity is linked to, on behalf of which session.
    account_id UUID             REFERENCES accounts (id) ON DELETE CASCADE,
    session_id UUID,
    return_to  TEXT             NOT NULL,
    -- SHA-256 of what the browser holds.
    browser    BYTEA            NOT NULL CHECK (octet_length(browser) = 32),
    expires_at TIMESTAMPTZ      NOT NULL,
    CHECK ((account_id IS NULL) = (session_id IS NULL))
);

CREATE INDEX provider_authorizations_account_id ON provider_authorizations (account_id);
CREATE INDEX provider_authorizations_expires_at ON provider_authorizations (expires_at);
