-- A request names the secret of a trusted peer's password. Only secrets that stand here may be named,
-- so that nobody has the workers write another password of theirs to a device.

ALTER TABLE efa_deployments
    ADD COLUMN trusted_peer_secrets text[] NOT NULL DEFAULT '{}' CHECK (
        array_position(trusted_peer_secrets, NULL) IS NULL AND '' <> ALL (trusted_peer_secrets));
COMMENT ON COLUMN efa_deployments.trusted_peer_secrets IS 'Names of the secrets that a request may name as a trusted peer''s password. Empty: none.';
