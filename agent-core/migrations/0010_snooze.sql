-- A person puts a decision off: until then it is open all the same, but neither in the inbox nor counted.
ALTER TABLE decision ADD COLUMN snoozed_until INTEGER; -- Unix ms
-- The next one to come back, and the list of them.
CREATE INDEX decision_snoozed ON decision (snoozed_until, id) WHERE state = 'open' AND snoozed_until IS NOT NULL;
