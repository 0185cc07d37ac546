-- The part of the EFA DB that an upgrade needs: deployments, their nodes, registered devices,
-- their persisted TPVM configuration and operational data, and firmware hosts.
--
-- Passwords are not here, only the names under which workers find them. What SLX-OS has encoded
-- is kept as it is, since it can be pushed back to a device in that form.

CREATE FUNCTION is_host_address(inet) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN masklen($1) = CASE family($1) WHEN 4 THEN 32 ELSE 128 END;
COMMENT ON FUNCTION is_host_address IS 'Whether an address is that of one host, without a shorter prefix.';

CREATE TABLE efa_deployments (
    name            text PRIMARY KEY CHECK (name <> ''),
    api_url         text NOT NULL CHECK (api_url ~ '^https://[^[:space:]]+$'),
    api_user        text NOT NULL CHECK (api_user <> ''),
    password_secret text NOT NULL CHECK (password_secret <> '')
);
COMMENT ON TABLE  efa_deployments IS 'EFA deployments (clusters). Only one TPVM of a deployment is upgraded at a time.';
COMMENT ON COLUMN efa_deployments.name IS 'The deployment''s name.';
COMMENT ON COLUMN efa_deployments.api_url IS 'Base of its REST API with the version, for example https://10.20.61.10/v1. HTTPS only.';
COMMENT ON COLUMN efa_deployments.api_user IS 'The user who may redeploy a peer.';
COMMENT ON COLUMN efa_deployments.password_secret IS 'Name of the secret that holds that user''s password.';

CREATE TABLE efa_nodes (
    deployment text NOT NULL REFERENCES efa_deployments,
    ip_address inet NOT NULL CHECK (is_host_address(ip_address)),
    name       text NOT NULL CHECK (name <> ''),
    PRIMARY KEY (deployment, ip_address)
);
COMMENT ON TABLE  efa_nodes IS 'EFA peer nodes: the TPVMs that run a deployment.';
COMMENT ON COLUMN efa_nodes.deployment IS 'The deployment that the node belongs to.';
COMMENT ON COLUMN efa_nodes.ip_address IS 'Address of the TPVM. Different deployments may use the same private addresses.';
COMMENT ON COLUMN efa_nodes.name IS 'Host name of the TPVM.';

CREATE TABLE devices (
    ip_address         inet PRIMARY KEY CHECK (is_host_address(ip_address)),
    deployment         text NOT NULL REFERENCES efa_deployments,
    ssh_host           text CHECK (ssh_host <> ''),
    ssh_port           integer NOT NULL CHECK (ssh_port BETWEEN 1 AND 65535),
    name               text NOT NULL CHECK (name <> ''),
    model              text CHECK (model <> ''),
    chassis_name       text CHECK (chassis_name <> ''),
    login              text NOT NULL CHECK (login <> ''),
    password_secret    text CHECK (password_secret <> ''),
    private_key_secret text CHECK (private_key_secret <> '')
);
COMMENT ON TABLE  devices IS 'Registered SLX switches whose TPVMs run an EFA deployment.';
COMMENT ON COLUMN devices.ip_address IS 'Management address of the switch.';
COMMENT ON COLUMN devices.deployment IS 'The deployment that its TPVM belongs to.';
COMMENT ON COLUMN devices.ssh_host IS 'Where SSH reaches it, if not at its management address.';
COMMENT ON COLUMN devices.ssh_port IS 'TCP port of its SSH server.';
COMMENT ON COLUMN devices.name IS 'Host name of the switch.';
COMMENT ON COLUMN devices.model IS 'The vendor''s model number, for example 3012.';
COMMENT ON COLUMN devices.chassis_name IS 'The chassis, for example SLX9250-32C.';
COMMENT ON COLUMN devices.login IS 'The user who logs in to it.';
COMMENT ON COLUMN devices.password_secret IS 'Name of the secret that holds the login''s password.';
COMMENT ON COLUMN devices.private_key_secret IS 'Name of the secret that holds the login''s private key, tried before the password.';

-- Items and their stages: EFA Deployment Guide, topic "TPVM Upgrade Workflow Dependencies".
CREATE TABLE tpvm_configs (
    device_ip                inet PRIMARY KEY REFERENCES devices ON UPDATE CASCADE ON DELETE CASCADE,
    password                 text CHECK (password <> ''),
    management_ip            text CHECK (management_ip ~ '^(dhcp|[0-9]{1,3}([.][0-9]{1,3}){3}/[0-9]{1,2})$'),
    management_gateway       inet CHECK (family(management_gateway) = 4 AND is_host_address(management_gateway)),
    insight_ip               text CHECK (insight_ip ~ '^(dhcp|[0-9]{1,3}([.][0-9]{1,3}){3}/[0-9]{1,2})$'),
    insight_gateway          inet CHECK (family(insight_gateway) = 4 AND is_host_address(insight_gateway)),
    auto_boot                boolean NOT NULL,
    hostname                 text CHECK (hostname <> ''),
    timezone                 text CHECK (timezone <> ''),
    dns_primary_server       text CHECK (dns_primary_server <> ''),
    dns_secondary_server     text CHECK (dns_secondary_server <> ''),
    dns_domain_name          text CHECK (dns_domain_name <> ''),
    ntp_server               text CHECK (ntp_server <> ''),
    ldap_host                text CHECK (ldap_host <> ''),
    ldap_port                integer CHECK (ldap_port BETWEEN 0 AND 65535),
    ldap_secure              boolean,
    ldap_basedn              text CHECK (ldap_basedn <> ''),
    ldap_rootdn              text CHECK (ldap_rootdn <> ''),
    ldap_password            text CHECK (ldap_password <> ''),
    ldap_ca_cert_protocol    text CHECK (ldap_ca_cert_protocol = 'scp'),
    ldap_ca_cert_user        text CHECK (ldap_ca_cert_user <> ''),
    ldap_ca_cert_password    text CHECK (ldap_ca_cert_password <> ''),
    ldap_ca_cert_host        text CHECK (ldap_ca_cert_host <> ''),
    ldap_ca_cert_directory   text CHECK (ldap_ca_cert_directory <> ''),
    ldap_ca_cert_filename    text CHECK (ldap_ca_cert_filename <> ''),
    trusted_peer_ip          inet CHECK (is_host_address(trusted_peer_ip)),
    trusted_peer_password    text CHECK (trusted_peer_password <> ''),
    trusted_peer_sudo_user   text CHECK (trusted_peer_sudo_user <> ''),
    deploy                   boolean NOT NULL,
    saved_at                 timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT management_whole CHECK (management_ip IS NOT NULL OR management_gateway IS NULL),
    CONSTRAINT insight_whole CHECK (insight_ip IS NOT NULL OR insight_gateway IS NULL),
    CONSTRAINT dns_whole CHECK (
        dns_primary_server IS NOT NULL OR num_nonnulls(dns_secondary_server, dns_domain_name) = 0),
    CONSTRAINT ldap_whole CHECK (
        num_nonnulls(ldap_host, ldap_port, ldap_secure, ldap_basedn) = 4
        OR num_nonnulls(ldap_host, ldap_port, ldap_secure, ldap_basedn, ldap_rootdn, ldap_password) = 0),
    CONSTRAINT ldap_ca_cert_whole CHECK (
        num_nonnulls(ldap_ca_cert_protocol, ldap_ca_cert_user, ldap_ca_cert_password,
                     ldap_ca_cert_host, ldap_ca_cert_directory, ldap_ca_cert_filename) IN (0, 6)),
    CONSTRAINT trusted_peer_whole CHECK (
        trusted_peer_ip IS NOT NULL OR num_nonnulls(trusted_peer_password, trusted_peer_sudo_user) = 0)
);
COMMENT ON TABLE  tpvm_configs IS 'The TPVM configuration that a device had when it was registered or last upgraded. No row: it had none.';
COMMENT ON COLUMN tpvm_configs.device_ip IS 'The device.';
COMMENT ON COLUMN tpvm_configs.password IS 'The TPVM''s password as SLX-OS encodes it; absent: the device''s default. Before install.';
COMMENT ON COLUMN tpvm_configs.management_ip IS 'Management interface (eth0): dhcp, or IPv4 address/prefix length. Before install.';
COMMENT ON COLUMN tpvm_configs.management_gateway IS 'Gateway of the management interface. Before install.';
COMMENT ON COLUMN tpvm_configs.insight_ip IS 'Insight interface (eth1): dhcp, or IPv4 address/prefix length. Before install.';
COMMENT ON COLUMN tpvm_configs.insight_gateway IS 'Gateway of the Insight interface. Before install.';
COMMENT ON COLUMN tpvm_configs.auto_boot IS 'The TPVM starts with the device; always needed for an EFA TPVM. At install.';
COMMENT ON COLUMN tpvm_configs.hostname IS 'The TPVM''s host name. After start, like all that follow but deploy.';
COMMENT ON COLUMN tpvm_configs.timezone IS 'The TPVM''s time zone.';
COMMENT ON COLUMN tpvm_configs.dns_primary_server IS 'First name server, by domain name or address.';
COMMENT ON COLUMN tpvm_configs.dns_secondary_server IS 'Second name server.';
COMMENT ON COLUMN tpvm_configs.dns_domain_name IS 'Search domain.';
COMMENT ON COLUMN tpvm_configs.ntp_server IS 'Time server, by domain name or address.';
COMMENT ON COLUMN tpvm_configs.ldap_host IS 'LDAP server, by domain name or address.';
COMMENT ON COLUMN tpvm_configs.ldap_port IS 'Its TCP port; the vendor''s range starts at 0.';
COMMENT ON COLUMN tpvm_configs.ldap_secure IS 'LDAP over TLS.';
COMMENT ON COLUMN tpvm_configs.ldap_basedn IS 'Where searches start.';
COMMENT ON COLUMN tpvm_configs.ldap_rootdn IS 'Who searches.';
COMMENT ON COLUMN tpvm_configs.ldap_password IS 'The searcher''s password as SLX-OS encodes it.';
COMMENT ON COLUMN tpvm_configs.ldap_ca_cert_protocol IS 'How the LDAP CA certificate is fetched: scp.';
COMMENT ON COLUMN tpvm_configs.ldap_ca_cert_user IS 'The user on the certificate''s host.';
COMMENT ON COLUMN tpvm_configs.ldap_ca_cert_password IS 'That user''s password as SLX-OS encodes it.';
COMMENT ON COLUMN tpvm_configs.ldap_ca_cert_host IS 'The certificate''s host: the firmware host, for a node replacement to work.';
COMMENT ON COLUMN tpvm_configs.ldap_ca_cert_directory IS 'The certificate''s folder.';
COMMENT ON COLUMN tpvm_configs.ldap_ca_cert_filename IS 'The certificate''s file name.';
COMMENT ON COLUMN tpvm_configs.trusted_peer_ip IS 'The other node''s TPVM. Exists on one of the two nodes only.';
COMMENT ON COLUMN tpvm_configs.trusted_peer_password IS 'Its password as SLX-OS encodes it; can''t be pushed back.';
COMMENT ON COLUMN tpvm_configs.trusted_peer_sudo_user IS 'The sudo user there; absent: extreme.';
COMMENT ON COLUMN tpvm_configs.deploy IS 'The TPVM is to be installed, started and configured. At install, last.';
COMMENT ON COLUMN tpvm_configs.saved_at IS 'When this copy was taken.';

CREATE TABLE tpvm_operational (
    device_ip inet PRIMARY KEY REFERENCES devices ON UPDATE CASCADE ON DELETE CASCADE,
    version   text CHECK (version <> ''),
    tpvm_ip   inet CHECK (is_host_address(tpvm_ip)),
    seen_at   timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE  tpvm_operational IS 'Operational data of a device''s TPVM, as last seen.';
COMMENT ON COLUMN tpvm_operational.device_ip IS 'The device.';
COMMENT ON COLUMN tpvm_operational.version IS 'Version of the TPVM''s image.';
COMMENT ON COLUMN tpvm_operational.tpvm_ip IS 'The TPVM''s management address; with dhcp the only record of it.';
COMMENT ON COLUMN tpvm_operational.seen_at IS 'When it was seen.';

CREATE TABLE firmware_hosts (
    ip_address      inet PRIMARY KEY CHECK (is_host_address(ip_address)),
    protocol        text NOT NULL CHECK (protocol IN ('scp', 'sftp')),
    login           text NOT NULL CHECK (login <> ''),
    password_secret text NOT NULL CHECK (password_secret <> '')
);
COMMENT ON TABLE  firmware_hosts IS 'Hosts that serve TPVM images.';
COMMENT ON COLUMN firmware_hosts.ip_address IS 'The host''s address.';
COMMENT ON COLUMN firmware_hosts.protocol IS 'How images are fetched from it.';
COMMENT ON COLUMN firmware_hosts.login IS 'The user who logs in to it.';
COMMENT ON COLUMN firmware_hosts.password_secret IS 'Name of the secret that holds the login''s password.';
