-- What kind of step an entry takes back: a write, or a step through the history itself. Undo walks over writes and what
-- was done again, redo over what was taken back since the last write.
ALTER TABLE kanban_undo ADD COLUMN kind INTEGER NOT NULL DEFAULT 0; -- 0 write, 1 taken back, 2 done again
