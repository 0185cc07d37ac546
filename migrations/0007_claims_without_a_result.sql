-- Steps at which one worker after the other dies must end, too.

ALTER TABLE executions
    ADD COLUMN claims integer NOT NULL DEFAULT 0 CHECK (claims >= 0);
COMMENT ON COLUMN executions.claims IS 'How often in a row the current step was claimed without a result: a move, a wait, or being put off or handed back. Who lost a claim and lives takes it off again; what remains are workers that died.';
