-- Times are Unix milliseconds. Ids are UUIDv7 as 16-byte blobs. Never edit this file after a release: add another.

CREATE TABLE kanban_board (
    id          BLOB    NOT NULL PRIMARY KEY,
    slug        TEXT    NOT NULL UNIQUE,
    name        TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    archived_at INTEGER
) STRICT;

-- The next free card number. One row; numbers are never used twice, not even after a purge.
CREATE TABLE kanban_counter (
    only        INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
    next_number INTEGER NOT NULL
) STRICT;
INSERT INTO kanban_counter (only, next_number) VALUES (1, 1);

CREATE TABLE kanban_card (
    id               BLOB    NOT NULL PRIMARY KEY,
    number           INTEGER NOT NULL UNIQUE,
    board_id         BLOB    NOT NULL REFERENCES kanban_board (id),
    title            TEXT    NOT NULL,
    body             TEXT    NOT NULL DEFAULT '',
    state            TEXT    NOT NULL CHECK (state IN
                       ('triage', 'todo', 'scheduled', 'ready', 'running', 'review', 'blocked', 'done', 'archived')),
    rank             TEXT    NOT NULL,
    priority         INTEGER NOT NULL DEFAULT 0,
    assignee         TEXT,
    created_by       TEXT    NOT NULL,
    workspace_kind   TEXT    NOT NULL DEFAULT 'scratch' CHECK (workspace_kind IN ('scratch', 'dir')),
    workspace_path   TEXT,
    scheduled_at     INTEGER,
    -- Not started before this time: a person's decision can still be taken back, or an attempt backs off.
    hold_until       INTEGER,
    backoff_until    INTEGER,
    max_attempts     INTEGER,
    max_runtime_s    INTEGER,
    idempotency_key  TEXT,
    failures         INTEGER NOT NULL DEFAULT 0,
    last_error       TEXT,
    attempts         INTEGER NOT NULL DEFAULT 0,
    -- The fencing token: one more with every claim, so that a late worker can be told apart.
    fence            INTEGER NOT NULL DEFAULT 0,
    current_run_id   BLOB    REFERENCES kanban_run (id) DEFERRABLE INITIALLY DEFERRED,
    open_decision_id BLOB    REFERENCES decision (id) DEFERRABLE INITIALLY DEFERRED,
    summary          TEXT,
    comment_count    INTEGER NOT NULL DEFAULT 0,
    cost_micros      INTEGER,
    revision         INTEGER NOT NULL DEFAULT 1,
    demo             INTEGER NOT NULL DEFAULT 0,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    state_at         INTEGER NOT NULL,
    deleted_at       INTEGER,
    CHECK ((state = 'running') = (current_run_id IS NOT NULL))
) STRICT;

CREATE INDEX kanban_card_column ON kanban_card (board_id, state, rank, id) WHERE deleted_at IS NULL;
CREATE INDEX kanban_card_claim ON kanban_card (priority DESC, created_at, id) WHERE state = 'ready' AND deleted_at IS NULL;
CREATE INDEX kanban_card_held ON kanban_card (hold_until, backoff_until)
    WHERE state = 'ready' AND deleted_at IS NULL AND (hold_until IS NOT NULL OR backoff_until IS NOT NULL);
CREATE INDEX kanban_card_due ON kanban_card (scheduled_at) WHERE state = 'scheduled' AND deleted_at IS NULL;
-- Rows that others point to are looked up here when they are deleted, or the whole board would be read for each.
CREATE INDEX kanban_card_run ON kanban_card (current_run_id) WHERE current_run_id IS NOT NULL;
CREATE INDEX kanban_card_decision ON kanban_card (open_decision_id) WHERE open_decision_id IS NOT NULL;
CREATE INDEX kanban_card_demo ON kanban_card (demo) WHERE demo = 1;
CREATE UNIQUE INDEX kanban_card_idempotency ON kanban_card (board_id, idempotency_key)
    WHERE idempotency_key IS NOT NULL AND state <> 'archived' AND deleted_at IS NULL;

-- Cards per column, kept by triggers so that a count costs the same at ten cards and at a hundred thousand,
-- whichever process writes.
CREATE TABLE kanban_column_count (
    board_id BLOB    NOT NULL REFERENCES kanban_board (id),
    state    TEXT    NOT NULL,
    cards    INTEGER NOT NULL,
    PRIMARY KEY (board_id, state)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER kanban_card_counted_insert AFTER INSERT ON kanban_card WHEN NEW.deleted_at IS NULL BEGIN
    INSERT INTO kanban_column_count (board_id, state, cards) VALUES (NEW.board_id, NEW.state, 1)
        ON CONFLICT (board_id, state) DO UPDATE SET cards = cards + 1;
END;
CREATE TRIGGER kanban_card_counted_delete AFTER DELETE ON kanban_card WHEN OLD.deleted_at IS NULL BEGIN
    UPDATE kanban_column_count SET cards = cards - 1 WHERE board_id = OLD.board_id AND state = OLD.state;
END;
CREATE TRIGGER kanban_card_counted_update AFTER UPDATE OF state, board_id, deleted_at ON kanban_card
    WHEN NEW.state IS NOT OLD.state OR NEW.board_id IS NOT OLD.board_id OR NEW.deleted_at IS NOT OLD.deleted_at BEGIN
    UPDATE kanban_column_count SET cards = cards - 1
        WHERE OLD.deleted_at IS NULL AND board_id = OLD.board_id AND state = OLD.state;
    INSERT INTO kanban_column_count (board_id, state, cards)
        SELECT NEW.board_id, NEW.state, 1 WHERE NEW.deleted_at IS NULL
        ON CONFLICT (board_id, state) DO UPDATE SET cards = cards + 1;
END;

CREATE TABLE kanban_link (
    parent_id BLOB NOT NULL REFERENCES kanban_card (id) ON DELETE CASCADE,
    child_id  BLOB NOT NULL REFERENCES kanban_card (id) ON DELETE CASCADE,
    PRIMARY KEY (parent_id, child_id),
    CHECK (parent_id <> child_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX kanban_link_child ON kanban_link (child_id, parent_id);

CREATE TABLE kanban_run (
    id           BLOB    NOT NULL PRIMARY KEY,
    card_id      BLOB    NOT NULL REFERENCES kanban_card (id) ON DELETE CASCADE,
    attempt      INTEGER NOT NULL,
    fence        INTEGER NOT NULL,
    profile      TEXT    NOT NULL,
    executor     TEXT    NOT NULL CHECK (executor IN ('agent', 'command')),
    lease_owner  TEXT    NOT NULL,
    lease_until  INTEGER,
    heartbeat_at INTEGER,
    -- A process is its pid and its start time (kernel ticks since boot): pids are used again.
    pid          INTEGER,
    pid_started  INTEGER,
    workspace    TEXT,
    session_id   BLOB,
    claimed_at   INTEGER NOT NULL,
    started_at   INTEGER,
    ended_at     INTEGER,
    outcome      TEXT,
    summary      TEXT,
    metadata     TEXT,
    error        TEXT,
    tokens_in    INTEGER NOT NULL DEFAULT 0,
    tokens_out   INTEGER NOT NULL DEFAULT 0,
    cost_micros  INTEGER,
    events       INTEGER NOT NULL DEFAULT 0,
    CHECK ((outcome IS NULL) = (ended_at IS NULL))
) STRICT;
CREATE INDEX kanban_run_card ON kanban_run (card_id, attempt);
CREATE UNIQUE INDEX kanban_run_open ON kanban_run (card_id) WHERE ended_at IS NULL;
CREATE INDEX kanban_run_lease ON kanban_run (lease_until) WHERE ended_at IS NULL;
-- Processes that must be gone before anything forgets them.
CREATE TABLE kanban_process (
    run_id      BLOB    NOT NULL PRIMARY KEY REFERENCES kanban_run (id) ON DELETE CASCADE,
    card_id     BLOB    NOT NULL REFERENCES kanban_card (id) ON DELETE CASCADE,
    host        TEXT    NOT NULL,
    pid         INTEGER NOT NULL,
    pid_started INTEGER NOT NULL,
    -- When it was first asked to end (SIGTERM); SIGKILL follows 5 s later.
    asked_at    INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX kanban_process_card ON kanban_process (card_id);


-- What a run did: streamed to whoever looks, kept for whoever comes later.
CREATE TABLE kanban_run_event (
    run_id BLOB    NOT NULL REFERENCES kanban_run (id) ON DELETE CASCADE,
    seq    INTEGER NOT NULL,
    kind   TEXT    NOT NULL,
    name   TEXT    NOT NULL DEFAULT '',
    detail TEXT    NOT NULL DEFAULT '',
    ok     INTEGER NOT NULL DEFAULT 1,
    at     INTEGER NOT NULL,
    PRIMARY KEY (run_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE kanban_comment (
    id         BLOB    NOT NULL PRIMARY KEY,
    card_id    BLOB    NOT NULL REFERENCES kanban_card (id) ON DELETE CASCADE,
    author     TEXT    NOT NULL,
    by_worker  INTEGER NOT NULL DEFAULT 0,
    body       TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX kanban_comment_card ON kanban_comment (card_id, id);

-- Everything that happened, in order. The only source of live updates.
CREATE TABLE kanban_event (
    seq      INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    board_id BLOB    NOT NULL,
    card_id  BLOB,
    run_id   BLOB,
    kind     TEXT    NOT NULL,
    actor    TEXT    NOT NULL,
    detail   TEXT    NOT NULL DEFAULT '{}',
    at       INTEGER NOT NULL
) STRICT;
CREATE INDEX kanban_event_card ON kanban_event (card_id, seq);

CREATE TABLE kanban_undo (
    id         BLOB    NOT NULL PRIMARY KEY,
    actor      TEXT    NOT NULL,
    card_id    BLOB    NOT NULL REFERENCES kanban_card (id) ON DELETE CASCADE,
    -- The inverse operation as JSON, and the revision it may be applied to.
    inverse    TEXT    NOT NULL,
    revision   INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    used_at    INTEGER
) STRICT;
CREATE INDEX kanban_undo_card ON kanban_undo (card_id);
CREATE INDEX kanban_undo_age ON kanban_undo (created_at);

CREATE TABLE decision (
    id         BLOB    NOT NULL PRIMARY KEY,
    version    INTEGER NOT NULL DEFAULT 1,
    kind       TEXT    NOT NULL,
    state      TEXT    NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'settled', 'withdrawn', 'expired')),
    card_id    BLOB    NOT NULL REFERENCES kanban_card (id) ON DELETE CASCADE,
    run_id     BLOB    REFERENCES kanban_run (id) ON DELETE SET NULL,
    profile    TEXT    NOT NULL DEFAULT '',
    ask        TEXT    NOT NULL,
    summary    TEXT    NOT NULL DEFAULT '',
    options    TEXT    NOT NULL DEFAULT '[]',
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    verb       TEXT,
    comment    TEXT,
    settled_by TEXT,
    device     TEXT,
    settled_at INTEGER,
    undo_id    BLOB,
    -- The worker asked to go on after an approval instead of finishing.
    then_continue INTEGER NOT NULL DEFAULT 0,
    CHECK ((state = 'settled') = (settled_at IS NOT NULL))
) STRICT;
CREATE INDEX decision_open ON decision (created_at, id) WHERE state = 'open';
CREATE UNIQUE INDEX decision_one_open ON decision (card_id) WHERE state = 'open';
CREATE INDEX decision_run ON decision (run_id);
CREATE INDEX decision_card ON decision (card_id);

CREATE TABLE session (
    id         BLOB    NOT NULL PRIMARY KEY,
    kind       TEXT    NOT NULL CHECK (kind IN ('run', 'chat')),
    card_id    BLOB    REFERENCES kanban_card (id) ON DELETE CASCADE,
    title      TEXT    NOT NULL DEFAULT '',
    -- The turn machine between two steps, as JSON, so that a run can go on where it stopped.
    machine    TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX session_card ON session (card_id);

CREATE TABLE message (
    session_id BLOB    NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    seq        INTEGER NOT NULL,
    role       TEXT    NOT NULL CHECK (role IN ('system', 'user', 'assistant', 'tool')),
    json       TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    PRIMARY KEY (session_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE account_user (
    id            BLOB    NOT NULL PRIMARY KEY,
    name          TEXT    NOT NULL,
    password_hash TEXT    NOT NULL,
    created_at    INTEGER NOT NULL,
    disabled_at   INTEGER
) STRICT;

-- Only the SHA-256 of the token is kept.
CREATE TABLE account_setup_token (
    token_hash BLOB    NOT NULL PRIMARY KEY,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER
) STRICT, WITHOUT ROWID;

-- Browser sessions; the cookie's value is kept as its SHA-256.
CREATE TABLE account_session (
    id_hash    BLOB    NOT NULL PRIMARY KEY,
    user_id    BLOB    REFERENCES account_user (id) ON DELETE CASCADE,
    data       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX account_session_expiry ON account_session (expires_at);

-- Failed sign-ins per key (account or address), for slowing down guesses across restarts.
CREATE TABLE account_attempt (
    key          TEXT    NOT NULL PRIMARY KEY,
    failures     INTEGER NOT NULL,
    last_at      INTEGER NOT NULL,
    locked_until INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE push_subscription (
    id                BLOB    NOT NULL PRIMARY KEY,
    user_id           BLOB    NOT NULL REFERENCES account_user (id) ON DELETE CASCADE,
    endpoint          TEXT    NOT NULL UNIQUE,
    p256dh            BLOB    NOT NULL,
    auth              BLOB    NOT NULL,
    device            TEXT    NOT NULL,
    -- Where the device has the app open, so that a tap leads there; NULL when it did not say.
    origin            TEXT,
    created_at        INTEGER NOT NULL,
    last_sent_at      INTEGER,
    last_displayed_at INTEGER,
    last_error        TEXT
) STRICT;
CREATE INDEX push_subscription_user ON push_subscription (user_id);

-- One row per message and device, written in the transaction that causes it.
CREATE TABLE push_outbox (
    id              INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    subscription_id BLOB    NOT NULL REFERENCES push_subscription (id) ON DELETE CASCADE,
    decision_id     BLOB    REFERENCES decision (id) ON DELETE CASCADE,
    topic           TEXT    NOT NULL,
    payload         TEXT    NOT NULL,
    urgency         TEXT    NOT NULL DEFAULT 'high',
    created_at      INTEGER NOT NULL,
    next_at         INTEGER NOT NULL,
    expires_at      INTEGER NOT NULL,
    attempts        INTEGER NOT NULL DEFAULT 0,
    state           TEXT    NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'failed')),
    last_status     INTEGER,
    sent_at         INTEGER
) STRICT;
CREATE INDEX push_outbox_due ON push_outbox (next_at) WHERE state = 'waiting';
CREATE INDEX push_outbox_decision ON push_outbox (decision_id);
CREATE INDEX push_outbox_subscription ON push_outbox (subscription_id);

-- Append-only, hash-chained: `hash` covers the row and the hash before it.
CREATE TABLE audit_row (
    seq    INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at     INTEGER NOT NULL,
    actor  TEXT    NOT NULL,
    device TEXT    NOT NULL DEFAULT '',
    action TEXT    NOT NULL,
    object TEXT    NOT NULL,
    detail TEXT    NOT NULL DEFAULT '{}',
    hash   BLOB    NOT NULL
) STRICT;
CREATE TRIGGER audit_row_no_update BEFORE UPDATE ON audit_row BEGIN
    SELECT RAISE(ABORT, 'audit rows are append-only');
END;
CREATE TRIGGER audit_row_no_delete BEFORE DELETE ON audit_row BEGIN
    SELECT RAISE(ABORT, 'audit rows are append-only');
END;
