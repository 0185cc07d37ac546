//! EFA deployments and their nodes.

use std::collections::HashMap;

use schemas::inventory::{Deployment, EfaNode};
use sqlx::PgConnection;

use crate::error::LedgerError;
use crate::values::{Columns, Subject};

pub(crate) async fn save(
    connection: &mut PgConnection,
    deployment: &Deployment,
) -> Result<(), LedgerError> {
    let trusted_peer_secrets = deployment.trusted_peer_secrets.iter();
    let trusted_peer_secrets: Vec<_> = trusted_peer_secrets.map(ToString::to_string).collect();
    let query = sqlx::query!(
        "
        INSERT INTO efa_deployments
            (name, api_url, api_user, password_secret, trusted_peer_secrets)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (name) DO UPDATE
        SET api_url = excluded.api_url,
            api_user = excluded.api_user,
            password_secret = excluded.password_secret,
            trusted_peer_secrets = excluded.trusted_peer_secrets
        ",
        deployment.name.as_str(),
        deployment.api_url,
        deployment.user.as_str(),
        deployment.password_secret.as_str(),
        &trusted_peer_secrets,
    );
    query.execute(connection).await?;
    Ok(())
}

pub(crate) async fn save_node(
    connection: &mut PgConnection,
    deployment: &str,
    node: &EfaNode,
) -> Result<(), LedgerError> {
    let query = sqlx::query!(
        "
        INSERT INTO efa_nodes (deployment, ip_address, name)
        VALUES ($1, $2::text::inet, $3)
        ON CONFLICT (deployment, ip_address) DO UPDATE SET name = excluded.name
        ",
        deployment,
        node.ip_address.to_string(),
        node.name.as_str(),
    );
    query.execute(connection).await?;
    Ok(())
}

/// One deployment, or all, by name; with their nodes, without devices.
pub(crate) async fn select(
    connection: &mut PgConnection,
    name: Option<&str>,
) -> Result<Vec<Deployment>, LedgerError> {
    let query = sqlx::query!(
        "
        SELECT name, api_url, api_user, password_secret, trusted_peer_secrets
        FROM efa_deployments
        WHERE $1::text IS NULL OR name = $1
        ORDER BY name
        ",
        name,
    );
    let rows = query.fetch_all(&mut *connection).await?;
    let mut nodes = select_nodes(connection, name).await?;
    rows.into_iter()
        .map(|row| {
            let subject = Subject(format!("deployment {}", row.name));
            let peer_secrets = row.trusted_peer_secrets.iter();
            Ok(Deployment {
                name: subject.read("name", &row.name)?,
                api_url: row.api_url,
                user: subject.read("api_user", &row.api_user)?,
                password_secret: subject.read("password_secret", &row.password_secret)?,
                trusted_peer_secrets: peer_secrets
                    .map(|name| subject.read("trusted_peer_secrets", name))
                    .collect::<Result<_, _>>()?,
                nodes: nodes.remove(&row.name).unwrap_or_default(),
                devices: Vec::new(),
            })
        })
        .collect()
}

/// Nodes in the order of their addresses, by deployment.
async fn select_nodes(
    connection: &mut PgConnection,
    deployment: Option<&str>,
) -> Result<HashMap<String, Vec<EfaNode>>, LedgerError> {
    let query = sqlx::query!(
        r#"
        SELECT deployment, host(ip_address) AS "ip_address!", name
        FROM efa_nodes
        WHERE $1::text IS NULL OR deployment = $1
        ORDER BY deployment, ip_address
        "#,
        deployment,
    );
    let mut nodes: HashMap<String, Vec<EfaNode>> = HashMap::new();
    for row in query.fetch_all(connection).await? {
        let subject = Subject(format!("EFA node {} of {}", row.ip_address, row.deployment));
        let node = EfaNode {
            ip_address: subject.read("ip_address", &row.ip_address)?,
            name: subject.read("name", &row.name)?,
        };
        nodes.entry(row.deployment).or_default().push(node);
    }
    Ok(nodes)
}
