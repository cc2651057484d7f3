-- Cards by assignee and column, kept by triggers as the column counts are. Nobody is the empty name.
CREATE TABLE kanban_assignee_count (
    board_id BLOB    NOT NULL REFERENCES kanban_board (id),
    assignee TEXT    NOT NULL,
    state    TEXT    NOT NULL,
    cards    INTEGER NOT NULL,
    PRIMARY KEY (board_id, assignee, state)
) STRICT, WITHOUT ROWID;
INSERT INTO kanban_assignee_count (board_id, assignee, state, cards)
    SELECT board_id, COALESCE(assignee, ''), state, count(*) FROM kanban_card
     WHERE deleted_at IS NULL GROUP BY 1, 2, 3;

CREATE TRIGGER kanban_assignee_counted_insert AFTER INSERT ON kanban_card WHEN NEW.deleted_at IS NULL BEGIN
    INSERT INTO kanban_assignee_count (board_id, assignee, state, cards)
        VALUES (NEW.board_id, COALESCE(NEW.assignee, ''), NEW.state, 1)
        ON CONFLICT (board_id, assignee, state) DO UPDATE SET cards = cards + 1;
END;
CREATE TRIGGER kanban_assignee_counted_delete AFTER DELETE ON kanban_card WHEN OLD.deleted_at IS NULL BEGIN
    UPDATE kanban_assignee_count SET cards = cards - 1
        WHERE board_id = OLD.board_id AND assignee = COALESCE(OLD.assignee, '') AND state = OLD.state;
END;
CREATE TRIGGER kanban_assignee_counted_update AFTER UPDATE OF state, assignee, board_id, deleted_at ON kanban_card
    WHEN NEW.state IS NOT OLD.state OR NEW.assignee IS NOT OLD.assignee OR NEW.board_id IS NOT OLD.board_id
      OR NEW.deleted_at IS NOT OLD.deleted_at BEGIN
    UPDATE kanban_assignee_count SET cards = cards - 1
        WHERE OLD.deleted_at IS NULL AND board_id = OLD.board_id AND assignee = COALESCE(OLD.assignee, '')
          AND state = OLD.state;
    INSERT INTO kanban_assignee_count (board_id, assignee, state, cards)
        SELECT NEW.board_id, COALESCE(NEW.assignee, ''), NEW.state, 1 WHERE NEW.deleted_at IS NULL
        ON CONFLICT (board_id, assignee, state) DO UPDATE SET cards = cards + 1;
END;
