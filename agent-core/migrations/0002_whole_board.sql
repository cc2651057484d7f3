-- The whole board: what boards and cards say beyond the main job, labels, attachments, saved views, templates, search.

ALTER TABLE kanban_board ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE kanban_board ADD COLUMN icon TEXT NOT NULL DEFAULT '';
ALTER TABLE kanban_board ADD COLUMN color TEXT NOT NULL DEFAULT '';
-- Where cards without a directory of their own work, when they ask for one.
ALTER TABLE kanban_board ADD COLUMN default_dir TEXT;
-- Runs at once on this board; NULL leaves it to the machine's limit.
ALTER TABLE kanban_board ADD COLUMN slots INTEGER CHECK (slots IS NULL OR slots >= 0);
-- Soft limits: a fuller column shows it, nothing is refused.
ALTER TABLE kanban_board ADD COLUMN review_limit INTEGER CHECK (review_limit IS NULL OR review_limit > 0);
ALTER TABLE kanban_board ADD COLUMN blocked_limit INTEGER CHECK (blocked_limit IS NULL OR blocked_limit > 0);
-- Cards in triage are taken apart by a model without being asked for each.
ALTER TABLE kanban_board ADD COLUMN auto_decompose INTEGER NOT NULL DEFAULT 0;
-- Who gets the parent of a taken-apart card, when the model names nobody.
ALTER TABLE kanban_board ADD COLUMN orchestrator TEXT;

-- A closed list of words cannot be widened in place: the column is made anew.
ALTER TABLE kanban_card ADD COLUMN workspace TEXT NOT NULL DEFAULT 'scratch'
    CHECK (workspace IN ('scratch', 'dir', 'worktree'));
UPDATE kanban_card SET workspace = workspace_kind WHERE workspace_kind <> 'scratch';
ALTER TABLE kanban_card DROP COLUMN workspace_kind;
ALTER TABLE kanban_card RENAME COLUMN workspace TO workspace_kind;

-- The branch of a worktree card, and the commit it started from.
ALTER TABLE kanban_card ADD COLUMN branch TEXT;
ALTER TABLE kanban_card ADD COLUMN base_commit TEXT;
-- The repository of a worktree card; `workspace_path` is where its worktree lies.
ALTER TABLE kanban_card ADD COLUMN repository TEXT;
-- More than one card may work in its directory at once.
ALTER TABLE kanban_card ADD COLUMN shared_dir INTEGER NOT NULL DEFAULT 0;
ALTER TABLE kanban_card ADD COLUMN tenant TEXT;
-- Names of skills its worker loads, as a JSON array.
ALTER TABLE kanban_card ADD COLUMN skills TEXT NOT NULL DEFAULT '[]';
-- The model to use instead of the profile's.
ALTER TABLE kanban_card ADD COLUMN model TEXT;
ALTER TABLE kanban_card ADD COLUMN max_tokens INTEGER CHECK (max_tokens IS NULL OR max_tokens > 0);
ALTER TABLE kanban_card ADD COLUMN max_cost_micros INTEGER CHECK (max_cost_micros IS NULL OR max_cost_micros > 0);
ALTER TABLE kanban_card ADD COLUMN tokens INTEGER NOT NULL DEFAULT 0;
-- What was spent when a person last allowed more: budgets count from there.
ALTER TABLE kanban_card ADD COLUMN tokens_before INTEGER NOT NULL DEFAULT 0;
ALTER TABLE kanban_card ADD COLUMN cost_micros_before INTEGER NOT NULL DEFAULT 0;
ALTER TABLE kanban_card ADD COLUMN due_at INTEGER;
-- When a finished card comes again: `every 2h`, or five cron fields.
ALTER TABLE kanban_card ADD COLUMN repeat TEXT;
-- Finished, but a parent was brought back since.
ALTER TABLE kanban_card ADD COLUMN stale INTEGER NOT NULL DEFAULT 0;
ALTER TABLE kanban_card ADD COLUMN attachment_count INTEGER NOT NULL DEFAULT 0;
-- The run that created it, when a worker did.
ALTER TABLE kanban_card ADD COLUMN created_run BLOB;
ALTER TABLE kanban_card ADD COLUMN started_at INTEGER;
ALTER TABLE kanban_card ADD COLUMN done_at INTEGER;

UPDATE kanban_card SET
    tokens = (SELECT COALESCE(sum(tokens_in + tokens_out), 0) FROM kanban_run r WHERE r.card_id = kanban_card.id),
    started_at = (SELECT min(claimed_at) FROM kanban_run r WHERE r.card_id = kanban_card.id),
    done_at = CASE WHEN state = 'done' THEN state_at END;

CREATE INDEX kanban_card_assignee ON kanban_card (board_id, assignee, state, rank, id) WHERE deleted_at IS NULL;
CREATE INDEX kanban_card_tenant ON kanban_card (board_id, tenant, state, rank, id)
    WHERE deleted_at IS NULL AND tenant IS NOT NULL;
CREATE INDEX kanban_card_failing ON kanban_card (board_id, state, rank, id) WHERE deleted_at IS NULL AND failures > 0;
CREATE INDEX kanban_card_asking ON kanban_card (board_id, state, rank, id)
    WHERE deleted_at IS NULL AND open_decision_id IS NOT NULL;
CREATE INDEX kanban_card_priority ON kanban_card (board_id, state, priority DESC, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX kanban_card_updated ON kanban_card (board_id, state, updated_at DESC, id) WHERE deleted_at IS NULL;
CREATE INDEX kanban_card_deleted ON kanban_card (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX kanban_card_running_dir ON kanban_card (workspace_path) WHERE state = 'running';

CREATE TABLE kanban_card_label (
    card_id  BLOB NOT NULL REFERENCES kanban_card (id) ON DELETE CASCADE,
    label    TEXT NOT NULL,
    board_id BLOB NOT NULL,
    PRIMARY KEY (card_id, label)
) STRICT, WITHOUT ROWID;
CREATE INDEX kanban_card_label_label ON kanban_card_label (board_id, label, card_id);

-- How many cards of a board carry a label, so that the list of labels costs the same at any size.
CREATE TABLE kanban_label_count (
    board_id BLOB    NOT NULL,
    label    TEXT    NOT NULL,
    cards    INTEGER NOT NULL,
    PRIMARY KEY (board_id, label)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER kanban_label_counted_insert AFTER INSERT ON kanban_card_label BEGIN
    INSERT INTO kanban_label_count (board_id, label, cards) VALUES (NEW.board_id, NEW.label, 1)
        ON CONFLICT (board_id, label) DO UPDATE SET cards = cards + 1;
END;
CREATE TRIGGER kanban_label_counted_delete AFTER DELETE ON kanban_card_label BEGIN
    UPDATE kanban_label_count SET cards = cards - 1 WHERE board_id = OLD.board_id AND label = OLD.label;
    DELETE FROM kanban_label_count WHERE board_id = OLD.board_id AND label = OLD.label AND cards <= 0;
END;

-- A comment on a line of the card's diff.
ALTER TABLE kanban_comment ADD COLUMN path TEXT;
ALTER TABLE kanban_comment ADD COLUMN line INTEGER;

-- The model a run used.
ALTER TABLE kanban_run ADD COLUMN model TEXT;

-- Writes that were made together are taken back together.
ALTER TABLE kanban_undo ADD COLUMN batch BLOB;
CREATE INDEX kanban_undo_batch ON kanban_undo (batch) WHERE batch IS NOT NULL;

-- Files of a card. The bytes lie under `attachments/` in the home, in a file named by the id.
CREATE TABLE kanban_attachment (
    id         BLOB    NOT NULL PRIMARY KEY,
    card_id    BLOB    NOT NULL REFERENCES kanban_card (id) ON DELETE CASCADE,
    run_id     BLOB    REFERENCES kanban_run (id) ON DELETE SET NULL,
    name       TEXT    NOT NULL,
    media_type TEXT    NOT NULL,
    bytes      INTEGER NOT NULL,
    sha256     BLOB    NOT NULL,
    author     TEXT    NOT NULL,
    by_worker  INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX kanban_attachment_card ON kanban_attachment (card_id, id);
CREATE INDEX kanban_attachment_run ON kanban_attachment (run_id) WHERE run_id IS NOT NULL;

-- A saved view: a name for a query string of the board's address.
CREATE TABLE kanban_view (
    id         BLOB    NOT NULL PRIMARY KEY,
    board_id   BLOB    NOT NULL REFERENCES kanban_board (id) ON DELETE CASCADE,
    name       TEXT    NOT NULL,
    query      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (board_id, name)
) STRICT;

-- What a new card starts from: `CreateCardParams` as JSON.
CREATE TABLE kanban_template (
    id         BLOB    NOT NULL PRIMARY KEY,
    board_id   BLOB    NOT NULL REFERENCES kanban_board (id) ON DELETE CASCADE,
    name       TEXT    NOT NULL,
    params     TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (board_id, name)
) STRICT;

-- Full text of cards, by card number. Holds no text of its own; the triggers read what to index from the tables.
CREATE VIRTUAL TABLE kanban_search USING fts5 (
    title, body, talk, content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3'
);
CREATE VIEW kanban_search_text (card_id, number, title, body, talk) AS
    SELECT c.id, c.number, c.title, substr(c.body, 1, 50000) || char(10) || substr(COALESCE(c.summary, ''), 1, 20000),
           COALESCE((SELECT group_concat(text, char(10)) FROM (
               SELECT substr(m.body, 1, 10000) AS text FROM kanban_comment m WHERE m.card_id = c.id
                ORDER BY m.id DESC LIMIT 100)), '')
      FROM kanban_card c;
INSERT INTO kanban_search (rowid, title, body, talk) SELECT number, title, body, talk FROM kanban_search_text;

CREATE TRIGGER kanban_card_searched_insert AFTER INSERT ON kanban_card BEGIN
    INSERT INTO kanban_search (rowid, title, body, talk)
        VALUES (NEW.number, NEW.title,
                substr(NEW.body, 1, 50000) || char(10) || substr(COALESCE(NEW.summary, ''), 1, 20000), '');
END;
CREATE TRIGGER kanban_card_searched_update AFTER UPDATE OF title, body, summary ON kanban_card
    WHEN NEW.title IS NOT OLD.title OR NEW.body IS NOT OLD.body OR NEW.summary IS NOT OLD.summary BEGIN
    DELETE FROM kanban_search WHERE rowid = NEW.number;
    INSERT INTO kanban_search (rowid, title, body, talk)
        SELECT number, title, body, talk FROM kanban_search_text WHERE card_id = NEW.id;
END;
CREATE TRIGGER kanban_card_searched_delete AFTER DELETE ON kanban_card BEGIN
    DELETE FROM kanban_search WHERE rowid = OLD.number;
END;
CREATE TRIGGER kanban_comment_searched_insert AFTER INSERT ON kanban_comment BEGIN
    DELETE FROM kanban_search WHERE rowid = (SELECT number FROM kanban_card WHERE id = NEW.card_id);
    INSERT INTO kanban_search (rowid, title, body, talk)
        SELECT number, title, body, talk FROM kanban_search_text WHERE card_id = NEW.card_id;
END;
CREATE TRIGGER kanban_comment_searched_delete AFTER DELETE ON kanban_comment BEGIN
    DELETE FROM kanban_search WHERE rowid = (SELECT number FROM kanban_card WHERE id = OLD.card_id);
    INSERT INTO kanban_search (rowid, title, body, talk)
        SELECT number, title, body, talk FROM kanban_search_text WHERE card_id = OLD.card_id;
END;

-- The finished card that this one repeats: a card comes again once.
ALTER TABLE kanban_card ADD COLUMN previous BLOB;
CREATE UNIQUE INDEX kanban_card_previous ON kanban_card (previous) WHERE previous IS NOT NULL AND deleted_at IS NULL;
