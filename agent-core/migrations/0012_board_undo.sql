-- What is taken back may be a write to a board, too: an entry belongs to a card or to a board. A column cannot lose its
-- NOT NULL in place: the table is made anew.
CREATE TABLE kanban_undo_new (
    id         BLOB    NOT NULL PRIMARY KEY,
    actor      TEXT    NOT NULL,
    card_id    BLOB    REFERENCES kanban_card (id) ON DELETE CASCADE,
    board_id   BLOB    REFERENCES kanban_board (id) ON DELETE CASCADE,
    -- The inverse operation as JSON, and the card's revision it may be applied to.
    inverse    TEXT    NOT NULL,
    revision   INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    used_at    INTEGER,
    batch      BLOB,
    kind       INTEGER NOT NULL DEFAULT 0, -- 0 write, 1 taken back, 2 done again
    CHECK ((card_id IS NULL) <> (board_id IS NULL))
) STRICT;
INSERT INTO kanban_undo_new (id, actor, card_id, inverse, revision, created_at, used_at, batch, kind)
    SELECT id, actor, card_id, inverse, revision, created_at, used_at, batch, kind FROM kanban_undo;
DROP TABLE kanban_undo;
ALTER TABLE kanban_undo_new RENAME TO kanban_undo;
CREATE INDEX kanban_undo_card ON kanban_undo (card_id) WHERE card_id IS NOT NULL;
CREATE INDEX kanban_undo_board ON kanban_undo (board_id) WHERE board_id IS NOT NULL;
CREATE INDEX kanban_undo_age ON kanban_undo (created_at);
CREATE INDEX kanban_undo_batch ON kanban_undo (batch) WHERE batch IS NOT NULL;
