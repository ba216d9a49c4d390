-- An idempotency key is unique for a credential and a kind: a debit and the usage that follows it may have the same one.
ALTER TABLE usage_postings
    DROP CONSTRAINT usage_postings_credential_idempotency_key_key,
    ADD UNIQUE (credential, kind, idempotency_key);
