-- What a model proposes for a card in triage; at most one at a time. It changes nothing until it is accepted.
CREATE TABLE kanban_proposal (
    card_id  BLOB    NOT NULL PRIMARY KEY REFERENCES kanban_card (id) ON DELETE CASCADE,
    kind     TEXT    NOT NULL CHECK (kind IN ('specify', 'decompose')),
    -- The card's revision that the model read.
    revision INTEGER NOT NULL,
    state    TEXT    NOT NULL CHECK (state IN ('working', 'ready', 'failed')),
    -- The proposal as JSON, or why there is none.
    detail   TEXT    NOT NULL DEFAULT '',
    asked_at INTEGER NOT NULL,
    -- Which asking it answers: a late answer to an earlier one changes nothing.
    token    BLOB    NOT NULL
) STRICT;

-- A person has the card's form open: a model keeps its hands off.
ALTER TABLE kanban_card ADD COLUMN editing_until INTEGER;

-- How many cards a run made, for its limit.
CREATE INDEX kanban_card_created_run ON kanban_card (created_run) WHERE created_run IS NOT NULL;

-- The same failure of several cards of a profile is one failure: of the profile. It is told by its words without
-- numbers and names.
ALTER TABLE kanban_run ADD COLUMN failure_key TEXT;
CREATE INDEX kanban_run_failure ON kanban_run (profile, failure_key, ended_at) WHERE failure_key IS NOT NULL;
-- Profiles that get no card for a while, because several failed the same way.
CREATE TABLE kanban_profile_pause (
    profile     TEXT    NOT NULL PRIMARY KEY,
    failure_key TEXT    NOT NULL,
    error       TEXT    NOT NULL,
    paused_at   INTEGER NOT NULL,
    until       INTEGER NOT NULL
) STRICT;
