-- Worktrees and files: the last commit of a card's branch, files that were taken away, and who works inside whose directory.

-- The newest commit of the branch when its worktree was removed, so that what was merged can still be read.
ALTER TABLE kanban_card ADD COLUMN head_commit TEXT;
CREATE INDEX kanban_card_dir ON kanban_card (workspace_path) WHERE workspace_kind = 'dir' AND deleted_at IS NULL;

-- A file that was taken away is kept for a while, so that Undo brings it back.
ALTER TABLE kanban_attachment ADD COLUMN removed_at INTEGER;
CREATE INDEX kanban_attachment_removed ON kanban_attachment (removed_at) WHERE removed_at IS NOT NULL;
