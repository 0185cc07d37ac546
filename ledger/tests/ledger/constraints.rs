//! What Postgres itself refuses, whoever writes.

use schemas::{Case, Outcome, State, Verdict};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgPool;

use crate::support::Fixture;

/// The name of the constraint that refuses a statement, `None` if it is accepted.
async fn refusal(pool: &PgPool, sql: &str) -> Option<String> {
    let mut transaction = pool.begin().await.unwrap();
    let result = sqlx::query(AssertSqlSafe(sql))
        .execute(&mut *transaction)
        .await;
    transaction.rollback().await.unwrap();
    match result {
        Ok(done) => {
            assert!(done.rows_affected() > 0, "concerned no row: {sql}");
            None
        }
        Err(error) => {
            let error = error.into_database_error().unwrap();
            Some(
                error
                    .constraint()
                    .unwrap_or_else(|| panic!("{error}"))
                    .to_owned(),
            )
        }
    }
}

async fn refuses(fixture: &Fixture, constraint: &str, sql: &str) {
    let refused_by = refusal(&fixture.pool, sql).await;
    assert_eq!(refused_by.as_deref(), Some(constraint), "{sql}");
}

async fn accepts(fixture: &Fixture, sql: &str) {
    assert_eq!(refusal(&fixture.pool, sql).await, None, "{sql}");
}

const FINISH: &str = "UPDATE executions SET state = 'workflow-finished', wake_at = NULL, \
                      finished_at = now()";

#[tokio::test]
async fn executions_hold_the_rules_of_the_workflow() {
    let fixture = Fixture::with_devices(1).await;
    fixture.start(0).await;
    accepts(&fixture, &format!("{FINISH}, verdict = 'succeeded'")).await;
    accepts(&fixture, &format!("{FINISH}, verdict = 'cancelled'")).await;
    accepts(
        &fixture,
        &format!("{FINISH}, verdict = 'failed', failed_state = 'tpvm-upgrade'"),
    )
    .await;
    for (constraint, change) in [
        ("executions_seq_check", "seq = 0"),
        ("executions_state_check", "state = 'nowhere'"),
        ("executions_state_check", "state = 'workflow-started'"),
        ("executions_upgrade_case_check", "upgrade_case = 'other'"),
        ("executions_facts_check", "facts = '[]'"),
        (
            "executions_failed_state_check",
            "failed_state = 'workflow-finished'",
        ),
        ("executions_attempts_check", "attempts = -1"),
        ("executions_copies_check", "copies = -1"),
        ("executions_tpvm_image_check", "tpvm_image = 'relative'"),
        ("executions_requested_by_check", "requested_by = ''"),
        ("executions_ip_address_check", "ip_address = '10.0.0.0/24'"),
        (
            "executions_firmware_host_check",
            "firmware_host = '2001:db8::/64'",
        ),
        ("executions_deployment_fkey", "deployment = 'nowhere'"),
        ("finished_with_verdict", "verdict = 'succeeded'"),
        ("finished_in_last_state", "state = 'workflow-finished'"),
        ("unfinished_with_wake_at", "wake_at = NULL"),
        ("claim_whole", "claim_token = gen_random_uuid()"),
        ("claim_whole", "claim_until = now(), claimed_by = 'w'"),
        ("failure_whole", "failure_cause = 'c'"),
        ("announced_when_finished", "end_announced_at = now()"),
    ] {
        refuses(
            &fixture,
            constraint,
            &format!("UPDATE executions SET {change}"),
        )
        .await;
    }
    let claim = "claim_token = gen_random_uuid(), claimed_by = 'w', claim_until = now()";
    for (constraint, change) in [
        ("executions_verdict_check", "verdict = 'other'".to_owned()),
        ("finished_with_verdict", "verdict = NULL".to_owned()),
        (
            "finished_unclaimed",
            format!("verdict = 'cancelled', {claim}"),
        ),
        ("failure_with_failed_state", "verdict = 'failed'".to_owned()),
        (
            "failure_with_failed_state",
            "verdict = 'reverted'".to_owned(),
        ),
        (
            "failure_with_failed_state",
            "verdict = 'revert-failed'".to_owned(),
        ),
        (
            "success_without_failed_state",
            "verdict = 'succeeded', failed_state = 'tpvm-upgrade'".to_owned(),
        ),
    ] {
        refuses(&fixture, constraint, &format!("{FINISH}, {change}")).await;
    }
    refuses(
        &fixture,
        "unfinished_with_wake_at",
        "UPDATE executions SET state = 'workflow-finished', finished_at = now(), verdict = 'cancelled'",
    )
    .await;
    fixture.close().await;
}

#[tokio::test]
async fn one_unfinished_execution_for_each_deployment() {
    let fixture = Fixture::with_devices(2).await;
    fixture.start(0).await;
    let second = |deployment: &str| {
        format!(
            "INSERT INTO executions (id, request_id, ip_address, firmware_host, tpvm_image,
                                     requested_by, force, clean_redeploy, deployment, seq, state, wake_at)
             VALUES (gen_random_uuid(), gen_random_uuid(), '10.0.0.1', '10.0.0.2', '/i', 'a',
                     false, false, {deployment}, 1, 'device-validation', now())"
        )
    };
    refuses(
        &fixture,
        "one_unfinished_per_deployment",
        &second("'fabric-0000'"),
    )
    .await;
    accepts(&fixture, &second("'fabric-0001'")).await;
    accepts(&fixture, &second("NULL")).await;
    let same_request = second("NULL").replacen(
        "gen_random_uuid(), gen_random_uuid()",
        "gen_random_uuid(), (SELECT request_id FROM executions)",
        1,
    );
    refuses(&fixture, "executions_request_id_key", &same_request).await;
    fixture.close().await;
}

#[tokio::test]
async fn history_has_each_move_once() {
    let fixture = Fixture::with_devices(1).await;
    fixture.start(0).await;
    let row = |seq: i32, from: &str, to: &str, rest: &str| {
        let (columns, values) = rest.split_once('=').unwrap_or(("detail", "NULL"));
        format!(
            "INSERT INTO history (execution_id, seq, from_state, to_state, outcome, worker, started_at, {columns})
             SELECT id, {seq}, '{from}', '{to}', 'success', 'w', now(), {values} FROM executions"
        )
    };
    let (a, b, end) = (
        "device-validation",
        "tpvm-config-validation",
        "workflow-finished",
    );
    accepts(&fixture, &row(2, a, b, "")).await;
    accepts(&fixture, &row(2, a, end, "verdict='cancelled'")).await;
    for (constraint, sql) in [
        ("history_pkey", row(1, "workflow-started", a, "")),
        ("first_row_starts", row(1, a, b, "")),
        ("first_row_starts", row(2, "workflow-started", b, "")),
        ("history_seq_check", row(0, a, b, "")),
        ("history_from_state_check", row(2, end, b, "")),
        ("history_to_state_check", row(2, a, "workflow-started", "")),
        ("history_to_state_check", row(2, a, "nowhere", "")),
        ("moves", row(2, a, a, "")),
        ("finished_with_verdict", row(2, a, end, "")),
        ("finished_with_verdict", row(2, a, b, "verdict='failed'")),
        ("history_verdict_check", row(2, a, end, "verdict='other'")),
        (
            "history_upgrade_case_check",
            row(2, a, b, "upgrade_case='other'"),
        ),
        (
            "history_failed_state_check",
            row(2, a, b, "failed_state='workflow-started'"),
        ),
        ("history_facts_check", row(2, a, b, "facts='1'")),
        ("history_attempts_check", row(2, a, b, "attempts=-1")),
        ("failure_whole", row(2, a, b, "failure_remedy='r'")),
        (
            "history_outcome_check",
            row(2, a, b, "").replace("'success'", "'other'"),
        ),
        (
            "success_without_failed_state",
            row(
                2,
                a,
                end,
                "verdict, failed_state='succeeded', 'tpvm-upgrade'",
            ),
        ),
        (
            "history_execution_id_fkey",
            row(2, a, b, "").replace("SELECT id", "SELECT gen_random_uuid()"),
        ),
    ] {
        refuses(&fixture, constraint, &sql).await;
    }
    fixture.close().await;
}

#[tokio::test]
async fn the_efa_db_tables_refuse_what_cannot_be() {
    let fixture = Fixture::with_devices(1).await;
    let config = "INSERT INTO tpvm_configs (device_ip, auto_boot, deploy) \
                  VALUES ('10.20.0.1', true, true)";
    sqlx::query(config).execute(&fixture.pool).await.unwrap();
    for (constraint, sql) in [
        ("devices_ssh_port_check", "UPDATE devices SET ssh_port = 0"),
        (
            "devices_ssh_port_check",
            "UPDATE devices SET ssh_port = 65536",
        ),
        (
            "devices_ip_address_check",
            "UPDATE devices SET ip_address = '10.0.0.0/8'",
        ),
        (
            "devices_deployment_fkey",
            "UPDATE devices SET deployment = 'nowhere'",
        ),
        ("devices_login_check", "UPDATE devices SET login = ''"),
        (
            "efa_deployments_api_url_check",
            "UPDATE efa_deployments SET api_url = 'http://h/v1'",
        ),
        (
            "efa_deployments_api_url_check",
            "UPDATE efa_deployments SET api_url = 'https://h /v1'",
        ),
        (
            "efa_deployments_trusted_peer_secrets_check",
            "UPDATE efa_deployments SET trusted_peer_secrets = '{a,\"\"}'",
        ),
        (
            "efa_deployments_trusted_peer_secrets_check",
            "UPDATE efa_deployments SET trusted_peer_secrets = '{a,NULL}'",
        ),
        (
            "efa_nodes_ip_address_check",
            "UPDATE efa_nodes SET ip_address = '192.0.2.0/24'",
        ),
        (
            "firmware_hosts_protocol_check",
            "INSERT INTO firmware_hosts VALUES ('10.0.0.1', 'ftp', 'u', 's')",
        ),
        (
            "tpvm_operational_device_ip_fkey",
            "INSERT INTO tpvm_operational (device_ip) VALUES ('10.99.0.1')",
        ),
        (
            "tpvm_configs_management_ip_check",
            "UPDATE tpvm_configs SET management_ip = '10.0.0.1'",
        ),
        (
            "management_whole",
            "UPDATE tpvm_configs SET management_gateway = '10.0.0.1'",
        ),
        (
            "insight_whole",
            "UPDATE tpvm_configs SET insight_gateway = '10.0.0.1'",
        ),
        (
            "tpvm_configs_insight_gateway_check",
            "UPDATE tpvm_configs SET insight_ip = 'dhcp', insight_gateway = '2001:db8::1'",
        ),
        (
            "dns_whole",
            "UPDATE tpvm_configs SET dns_domain_name = 'example.com'",
        ),
        (
            "tpvm_configs_ldap_port_check",
            "UPDATE tpvm_configs SET ldap_host = 'h', ldap_port = 65536, ldap_secure = true, \
              ldap_basedn = 'dc=a'",
        ),
        ("ldap_whole", "UPDATE tpvm_configs SET ldap_port = 1"),
        ("ldap_whole", "UPDATE tpvm_configs SET ldap_password = 'x'"),
        (
            "ldap_ca_cert_whole",
            "UPDATE tpvm_configs SET ldap_ca_cert_host = 'h'",
        ),
        (
            "tpvm_configs_ldap_ca_cert_protocol_check",
            "UPDATE tpvm_configs SET (ldap_ca_cert_protocol, ldap_ca_cert_user,
             ldap_ca_cert_password, ldap_ca_cert_host, ldap_ca_cert_directory,
             ldap_ca_cert_filename) = ('ftp', 'u', 'p', 'h', 'd', 'f')",
        ),
        (
            "trusted_peer_whole",
            "UPDATE tpvm_configs SET trusted_peer_sudo_user = 'u'",
        ),
    ] {
        refuses(&fixture, constraint, sql).await;
    }
    fixture.close().await;
}

/// The lists in the migrations are those of the contract.
#[tokio::test]
async fn the_schema_knows_every_word_of_the_contract() {
    let fixture = Fixture::with_devices(1).await;
    fixture.start(0).await;
    for state in State::ALL {
        let known: bool = sqlx::query_scalar("SELECT is_workflow_state($1)")
            .bind(state.slug())
            .fetch_one(&fixture.pool)
            .await
            .unwrap();
        let acting: bool = sqlx::query_scalar("SELECT is_acting_state($1)")
            .bind(state.slug())
            .fetch_one(&fixture.pool)
            .await
            .unwrap();
        assert!(known, "{state}");
        assert_eq!(acting, State::ACTING.contains(&state), "{state}");
    }
    for case in Case::ALL {
        accepts(
            &fixture,
            &format!("UPDATE executions SET upgrade_case = '{case}'"),
        )
        .await;
    }
    for verdict in Verdict::ALL {
        let failed = match verdict {
            Verdict::Succeeded | Verdict::Cancelled => "NULL",
            _ => "'tpvm-upgrade'",
        };
        let sql = format!("{FINISH}, verdict = '{verdict}', failed_state = {failed}");
        accepts(&fixture, &sql).await;
    }
    for outcome in Outcome::ALL {
        let sql = format!("UPDATE history SET outcome = '{}'", outcome.slug());
        accepts(&fixture, &sql).await;
    }
    // Every column and every table says what it is for.
    let silent: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname || '.' || a.attname FROM pg_class c
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum >= 0 AND NOT a.attisdropped
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
           AND c.relname <> '_sqlx_migrations' AND a.attnum > 0
           AND col_description(c.oid, a.attnum) IS NULL",
    )
    .fetch_all(&fixture.pool)
    .await
    .unwrap();
    assert_eq!(silent, Vec::<String>::new());
    fixture.close().await;
}
