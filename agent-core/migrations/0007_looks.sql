-- Ready cards by board and assignee: the dispatcher asks only for cards whose board has room and whose profile can run,
-- and never reads the others.
DROP INDEX kanban_card_claim;
CREATE INDEX kanban_card_claim ON kanban_card (board_id, assignee, priority DESC, created_at, id)
    WHERE state = 'ready' AND deleted_at IS NULL AND demo = 0;

-- Slots in use, kept by triggers as the column counts are: whether there is a free one is asked before every claim.
CREATE TABLE kanban_slot_count (
    board_id BLOB    NOT NULL REFERENCES kanban_board (id),
    profile  TEXT    NOT NULL,
    runs     INTEGER NOT NULL,
    PRIMARY KEY (board_id, profile)
) STRICT, WITHOUT ROWID;
-- Sample cards hold no slot.
INSERT INTO kanban_slot_count (board_id, profile, runs)
    SELECT c.board_id, r.profile, count(*) FROM kanban_run r JOIN kanban_card c ON c.id = r.card_id
     WHERE r.ended_at IS NULL AND c.demo = 0 GROUP BY c.board_id, r.profile;

CREATE TRIGGER kanban_run_counted_insert AFTER INSERT ON kanban_run WHEN NEW.ended_at IS NULL BEGIN
    INSERT INTO kanban_slot_count (board_id, profile, runs)
        SELECT board_id, NEW.profile, 1 FROM kanban_card WHERE id = NEW.card_id AND demo = 0
        ON CONFLICT (board_id, profile) DO UPDATE SET runs = runs + 1;
END;
CREATE TRIGGER kanban_run_counted_end AFTER UPDATE OF ended_at ON kanban_run
    WHEN OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL BEGIN
    UPDATE kanban_slot_count SET runs = runs - 1
        WHERE profile = OLD.profile
          AND board_id = (SELECT board_id FROM kanban_card WHERE id = OLD.card_id AND demo = 0);
END;
CREATE TRIGGER kanban_run_counted_delete AFTER DELETE ON kanban_run WHEN OLD.ended_at IS NULL BEGIN
    UPDATE kanban_slot_count SET runs = runs - 1
        WHERE profile = OLD.profile
          AND board_id = (SELECT board_id FROM kanban_card WHERE id = OLD.card_id AND demo = 0);
END;
