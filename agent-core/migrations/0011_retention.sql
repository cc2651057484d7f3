-- What is kept of cards that were finished long ago, and what is told about cards.

-- How many days after its card was finished a run's activity and logs were tidied up; 0 when it had none, NULL while
-- they are kept.
ALTER TABLE kanban_run ADD COLUMN tidied_days INTEGER;
-- When that was done for a card's runs, and for its history, Unix ms. A card that is finished anew comes up again.
ALTER TABLE kanban_card ADD COLUMN runs_tidied_at INTEGER;
ALTER TABLE kanban_card ADD COLUMN history_tidied_at INTEGER;
-- How many days after the card was finished its history was shortened; NULL while all of it is there.
ALTER TABLE kanban_card ADD COLUMN history_tidied_days INTEGER;
-- Only what is still to be tidied up, so that each round costs what it does.
CREATE INDEX kanban_card_runs_kept ON kanban_card (state_at, id)
    WHERE state IN ('done', 'archived') AND deleted_at IS NULL AND COALESCE(runs_tidied_at < state_at, 1);
CREATE INDEX kanban_card_history_kept ON kanban_card (state_at, id)
    WHERE state IN ('done', 'archived') AND deleted_at IS NULL AND COALESCE(history_tidied_at < state_at, 1);

-- Events that say that something is wrong with a card in whatever column it is, the newest of a board first.
CREATE INDEX kanban_event_warning ON kanban_event (board_id, seq)
    WHERE kind IN ('completion_refused', 'proposal_failed', 'unknown_references');
