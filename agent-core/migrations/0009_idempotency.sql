-- Answers that were given to writes with an Idempotency-Key: a write that is sent again, because its answer was lost on
-- the way, gets the same answer and is not made twice.
CREATE TABLE idempotent_answer (
    user_id    BLOB NOT NULL REFERENCES account_user (id) ON DELETE CASCADE,
    key        TEXT NOT NULL,
    request    BLOB NOT NULL,    -- SHA-256 of what was asked: a key belongs to one request
    status     INTEGER NOT NULL, -- HTTP
    body       BLOB NOT NULL,
    created_at INTEGER NOT NULL, -- Unix ms
    UNIQUE (user_id, key)
) STRICT;
CREATE INDEX idempotent_answer_created ON idempotent_answer (created_at);
