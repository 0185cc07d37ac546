-- Events that a listener's queue refused, or that the broker did not confirm: they are published again
-- by the ledger's loop, while the upgrade goes on.

ALTER TABLE executions
    ADD COLUMN event_backlog_from  integer CHECK (event_backlog_from >= 1),
    ADD COLUMN event_backlog_since timestamptz,
    ADD COLUMN event_retry_at      timestamptz,
    ADD COLUMN event_sent_to       integer,
    ADD CONSTRAINT event_backlog_whole CHECK (
        num_nonnulls(event_backlog_from, event_backlog_since, event_retry_at, event_sent_to) IN (0, 4));

-- Nearly empty: for the loop that publishes them.
CREATE INDEX executions_by_event_retry_at ON executions (event_retry_at) WHERE event_retry_at IS NOT NULL;

COMMENT ON COLUMN executions.event_backlog_from IS 'The first event that not every listener is known to have; null: all have been confirmed, or are about to be published.';
COMMENT ON COLUMN executions.event_backlog_since IS 'Since when that event could not be published; spaces out the next attempts.';
COMMENT ON COLUMN executions.event_retry_at IS 'When it is published again.';
COMMENT ON COLUMN executions.event_sent_to IS 'The last event that was sent at least once, whoever refused it.';
