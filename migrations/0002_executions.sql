-- Upgrades on their way, and what happened to them.

CREATE FUNCTION is_workflow_state(text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN $1 IN ('workflow-started', 'device-validation', 'tpvm-config-validation',
                  'tpvm-configuration', 'tpvm-installation', 'tpvm-upgrade', 'tpvm-revert',
                  'efa-deploy-peer-and-rejoin', 'workflow-finished');
COMMENT ON FUNCTION is_workflow_state IS 'Whether a text is the slug of a state of the TPVM upgrade workflow.';

CREATE FUNCTION is_acting_state(text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN is_workflow_state($1) AND $1 NOT IN ('workflow-started', 'workflow-finished');
COMMENT ON FUNCTION is_acting_state IS 'Whether a worker does something in that state, and so may fail in it.';

CREATE TABLE executions (
    id                           uuid PRIMARY KEY,
    request_id                   uuid NOT NULL UNIQUE,
    ip_address                   inet NOT NULL CHECK (is_host_address(ip_address)),
    firmware_host                inet NOT NULL CHECK (is_host_address(firmware_host)),
    tpvm_image                   text NOT NULL CHECK (tpvm_image LIKE '/%'),
    requested_by                 text NOT NULL CHECK (requested_by <> ''),
    trusted_peer_sudo_user       text CHECK (trusted_peer_sudo_user <> ''),
    trusted_peer_password_secret text CHECK (trusted_peer_password_secret <> ''),
    force                        boolean NOT NULL,
    clean_redeploy               boolean NOT NULL,
    deployment                   text REFERENCES efa_deployments,
    created_at                   timestamptz NOT NULL DEFAULT now(),

    seq            integer NOT NULL CHECK (seq >= 1),
    state          text NOT NULL CHECK (is_workflow_state(state) AND state <> 'workflow-started'),
    started_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    upgrade_case   text CHECK (upgrade_case IN ('normal-upgrade', 'node-replacement')),
    facts          jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(facts) = 'object'),
    detail         text,
    failed_state   text CHECK (is_acting_state(failed_state)),
    failure_cause  text,
    failure_remedy text,
    attempts       integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),

    wake_at     timestamptz,
    copies      integer NOT NULL DEFAULT 0 CHECK (copies >= 0),
    claim_token uuid,
    claimed_by  text,
    claim_until timestamptz,

    verdict          text CHECK (verdict IN ('succeeded', 'failed', 'reverted', 'revert-failed', 'cancelled')),
    finished_at      timestamptz,
    end_announced_at timestamptz,

    CONSTRAINT finished_with_verdict CHECK ((finished_at IS NULL) = (verdict IS NULL)),
    CONSTRAINT finished_in_last_state CHECK ((finished_at IS NOT NULL) = (state = 'workflow-finished')),
    CONSTRAINT unfinished_with_wake_at CHECK ((finished_at IS NULL) = (wake_at IS NOT NULL)),
    CONSTRAINT claim_whole CHECK (num_nonnulls(claim_token, claimed_by, claim_until) IN (0, 3)),
    CONSTRAINT finished_unclaimed CHECK (finished_at IS NULL OR claim_token IS NULL),
    CONSTRAINT failure_whole CHECK ((failure_cause IS NULL) = (failure_remedy IS NULL)),
    CONSTRAINT success_without_failed_state CHECK (verdict <> 'succeeded' OR failed_state IS NULL),
    CONSTRAINT failure_with_failed_state CHECK (
        verdict NOT IN ('failed', 'reverted', 'revert-failed') OR failed_state IS NOT NULL),
    CONSTRAINT announced_when_finished CHECK (end_announced_at IS NULL OR finished_at IS NOT NULL)
)
-- A row is written several times in each step. The room lets new versions stay on their page.
WITH (fillfactor = 60);

-- One unfinished execution for each EFA deployment. Devices that are not registered have none;
-- their executions end in device validation.
CREATE UNIQUE INDEX one_unfinished_per_deployment ON executions (deployment) WHERE finished_at IS NULL;
-- For the loop that announces what is due.
CREATE INDEX executions_by_wake_at ON executions (wake_at) WHERE finished_at IS NULL;
-- For ends whose announcement was lost; nearly empty.
CREATE INDEX executions_with_unannounced_end ON executions (finished_at)
    WHERE finished_at IS NOT NULL AND end_announced_at IS NULL;
-- Executions of one device, newest first (ids are UUIDv7, in the order of time).
CREATE INDEX executions_by_ip_address ON executions (ip_address, id);

COMMENT ON TABLE  executions IS 'Upgrades: what was asked for, where each stands, and who holds it.';
COMMENT ON COLUMN executions.id IS 'UUIDv7, chosen on acceptance.';
COMMENT ON COLUMN executions.request_id IS 'Chosen by the requester; the same id is the same request.';
COMMENT ON COLUMN executions.ip_address IS 'Management address of the switch; need not be registered.';
COMMENT ON COLUMN executions.firmware_host IS 'The host that serves the image; need not be registered.';
COMMENT ON COLUMN executions.tpvm_image IS 'Absolute path of the image on the firmware host.';
COMMENT ON COLUMN executions.requested_by IS 'Who asked for it.';
COMMENT ON COLUMN executions.trusted_peer_sudo_user IS 'The sudo user on the trusted peer.';
COMMENT ON COLUMN executions.trusted_peer_password_secret IS 'Name of the secret that holds the trusted peer''s password.';
COMMENT ON COLUMN executions.force IS 'Upgrade even if the target version is installed, older or unknown.';
COMMENT ON COLUMN executions.clean_redeploy IS 'Have EFA remove its application data on the peer first.';
COMMENT ON COLUMN executions.deployment IS 'The device''s deployment on acceptance; null: the device was not registered.';
COMMENT ON COLUMN executions.created_at IS 'When the request was accepted.';
COMMENT ON COLUMN executions.seq IS 'Number of moves so far, and so of the current step. Every message and every write names it.';
COMMENT ON COLUMN executions.state IS 'The current state.';
COMMENT ON COLUMN executions.started_at IS 'When the current state was entered.';
COMMENT ON COLUMN executions.updated_at IS 'The last write other than a claim, its renewal or an announcement.';
COMMENT ON COLUMN executions.upgrade_case IS 'Which of the two upgrades it is; null until decided.';
COMMENT ON COLUMN executions.facts IS 'What was learnt so far: an object, merged key by key.';
COMMENT ON COLUMN executions.detail IS 'For people: what is waited for, or what the last step did.';
COMMENT ON COLUMN executions.failed_state IS 'The last state that failed; a failed revert replaces the failure that led to it.';
COMMENT ON COLUMN executions.failure_cause IS 'Why that state failed.';
COMMENT ON COLUMN executions.failure_remedy IS 'What to do about it.';
COMMENT ON COLUMN executions.attempts IS 'How often in a row the current step was tried again; a poll starts anew.';
COMMENT ON COLUMN executions.wake_at IS 'When the ledger announces the current step again: the end of a claim, the next poll, or a little after a step was recorded.';
COMMENT ON COLUMN executions.copies IS 'How often the current step was announced in vain; spaces out the next time.';
COMMENT ON COLUMN executions.claim_token IS 'Who writes to the current step must name it. It stays valid after its end until someone else claims the step.';
COMMENT ON COLUMN executions.claimed_by IS 'The worker that holds the step.';
COMMENT ON COLUMN executions.claim_until IS 'When others may claim the step.';
COMMENT ON COLUMN executions.verdict IS 'How it ended.';
COMMENT ON COLUMN executions.finished_at IS 'When it ended.';
COMMENT ON COLUMN executions.end_announced_at IS 'When the event of its end was confirmed by the broker.';

CREATE TABLE history (
    execution_id   uuid NOT NULL REFERENCES executions,
    seq            integer NOT NULL CHECK (seq >= 1),
    from_state     text NOT NULL CHECK (is_workflow_state(from_state) AND from_state <> 'workflow-finished'),
    to_state       text NOT NULL CHECK (is_workflow_state(to_state) AND to_state <> 'workflow-started'),
    outcome        text NOT NULL CHECK (outcome IN ('success', 'failure')),
    upgrade_case   text CHECK (upgrade_case IN ('normal-upgrade', 'node-replacement')),
    detail         text,
    failed_state   text CHECK (is_acting_state(failed_state)),
    failure_cause  text,
    failure_remedy text,
    verdict        text CHECK (verdict IN ('succeeded', 'failed', 'reverted', 'revert-failed', 'cancelled')),
    facts          jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(facts) = 'object'),
    attempts       integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    worker         text NOT NULL,
    started_at     timestamptz NOT NULL,
    ended_at       timestamptz NOT NULL DEFAULT now(),
    -- Each step is recorded once, whoever performs it and however often.
    PRIMARY KEY (execution_id, seq),
    CONSTRAINT first_row_starts CHECK ((seq = 1) = (from_state = 'workflow-started')),
    CONSTRAINT moves CHECK (from_state <> to_state),
    CONSTRAINT finished_with_verdict CHECK ((to_state = 'workflow-finished') = (verdict IS NOT NULL)),
    CONSTRAINT failure_whole CHECK ((failure_cause IS NULL) = (failure_remedy IS NULL)),
    CONSTRAINT success_without_failed_state CHECK (verdict <> 'succeeded' OR failed_state IS NULL)
);
COMMENT ON TABLE  history IS 'Each move of each execution; rows are never changed.';
COMMENT ON COLUMN history.execution_id IS 'The execution.';
COMMENT ON COLUMN history.seq IS 'Number of the move, from 1 without gaps; the execution''s seq after it.';
COMMENT ON COLUMN history.from_state IS 'The state left.';
COMMENT ON COLUMN history.to_state IS 'The state entered.';
COMMENT ON COLUMN history.outcome IS 'How the state left ended.';
COMMENT ON COLUMN history.upgrade_case IS 'Which of the two upgrades it is, as known after the move.';
COMMENT ON COLUMN history.detail IS 'What was done, for people.';
COMMENT ON COLUMN history.failed_state IS 'The last state that failed, as known after the move.';
COMMENT ON COLUMN history.failure_cause IS 'Why the state left failed.';
COMMENT ON COLUMN history.failure_remedy IS 'What to do about it.';
COMMENT ON COLUMN history.verdict IS 'How the execution ended, on its last move.';
COMMENT ON COLUMN history.facts IS 'What was learnt with the move.';
COMMENT ON COLUMN history.attempts IS 'How often in a row the step had been tried again.';
COMMENT ON COLUMN history.worker IS 'The worker that performed the step; in row 1 the requester.';
COMMENT ON COLUMN history.started_at IS 'When the state left was entered.';
COMMENT ON COLUMN history.ended_at IS 'When the move was recorded.';
