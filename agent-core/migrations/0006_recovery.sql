-- Cards that somebody may have to look at, the longest waiting first: what is wrong on a board is found without
-- reading the board.
CREATE INDEX kanban_card_waiting ON kanban_card (board_id, state_at)
    WHERE state IN ('ready', 'blocked', 'review') AND deleted_at IS NULL AND demo = 0;
