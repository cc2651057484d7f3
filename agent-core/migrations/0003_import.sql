-- What was brought over from the Python hermes-agent, so that a second import takes only what is new, and a card's old
-- id (`t_1a2b3c4d`) still leads to it.

-- A board of an old home. `identity` is where it was first seen; boards that moved are known again by their cards.
CREATE TABLE import_source (
    id       INTEGER NOT NULL PRIMARY KEY,
    identity TEXT    NOT NULL UNIQUE,
    board_id BLOB    NOT NULL,
    first_at INTEGER NOT NULL
) STRICT;

-- No foreign key to what `id` names: what a person deleted here stays known, and is not brought over again.
CREATE TABLE import_ref (
    kind   TEXT    NOT NULL CHECK (kind IN ('card', 'run', 'comment', 'link', 'attachment')),
    -- The old card's id; for what belongs to a card, that and its row (`t_1a2b3c4d/17`); for a link, both cards.
    key    TEXT    NOT NULL,
    source INTEGER NOT NULL REFERENCES import_source (id),
    id     BLOB    NOT NULL,
    -- Of a card: the newest of its events that was taken, and whether it would start if it were not held in triage.
    event  INTEGER NOT NULL DEFAULT 0,
    held   INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (kind, key, source)
) STRICT, WITHOUT ROWID;
CREATE INDEX import_ref_held ON import_ref (source) WHERE held = 1;
