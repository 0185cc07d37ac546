#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;

fn bytes(value: Value) -> Vec<u8> {
    serde_json::to_vec(&value).unwrap()
}

#[test]
fn nodes_are_read_with_or_without_their_wrapper() {
    let list = json!([
        {"name": "tpvm1", "status": "up", "role": "active", "IP": "10.20.61.91", "reason": "",
         "galera_size": "2", "pod_count_running": 20, "pod_count_failed": 0, "pod_count_stopped": 0},
        {"name": "tpvm2", "status": "down", "role": "standby", "IP": "10.20.61.92", "reason": "not reachable"},
        {"status": "Up", "IP": "fd00::5", "reason": null},
        {"name": "x", "status": "recovering", "role": "waiting", "IP": "fd00::6"},
    ]);
    let expected = [
        ("tpvm1", Role::Active, NodeState::Up, ""),
        ("tpvm2", Role::Standby, NodeState::Down, "not reachable"),
        ("", Role::Other(String::new()), NodeState::Up, ""),
        (
            "x",
            Role::Other("waiting".to_owned()),
            NodeState::Other("recovering".to_owned()),
            "",
        ),
    ];
    for body in [json!({ "nodes": list }), list] {
        let found = nodes(&bytes(body)).unwrap();
        let found = found.iter().map(|node| {
            (
                node.name.as_str(),
                node.role.clone(),
                node.state.clone(),
                node.reason.as_str(),
            )
        });
        assert!(found.eq(expected.clone()));
    }
}

#[test]
fn nodes_without_meaning_are_refused() {
    for body in [
        json!({}),
        json!({"nodes": [{"name": "a", "role": "active", "IP": "10.0.0.1"}]}),
        json!({"nodes": [{"name": "a", "role": "active", "status": "up"}]}),
        json!({"nodes": [{"status": "up", "IP": "tpvm1"}]}),
        json!({"nodes": [{"status": null, "role": "standby", "IP": "10.0.0.1"}]}),
        json!({"nodes": [{"status": "up", "role": null, "IP": "10.0.0.1"}]}),
        json!({"nodes": null}),
        json!("nodes"),
    ] {
        assert!(nodes(&bytes(body.clone())).is_err(), "{body}");
    }
    for body in [
        &b""[..],
        b"{\"nodes\": [",
        b"{\"nodes\": []} and more",
        b"{\"nodes\": []}{\"nodes\": []}",
        b"<html><body>502 Bad Gateway</body></html>",
    ] {
        assert!(nodes(body).is_err(), "{body:?}");
    }
}

#[test]
fn a_deployment_is_read() {
    let full = json!({
        "version": "3.1.0", "type": "multi-node", "nodeCount": "2", "hostIP": "10.20.246.101",
        "PeerIPs": "10.20.246.102", "NodeIPs": "10.20.246.101,10.20.246.102",
        "timestamp": "22-10-25:12:45:44", "build": "109",
    });
    let found = deployment(&bytes(json!({"setupconfig": [full, full], "nodes": {}}))).unwrap();
    assert_eq!(found.version, "3.1.0");
    assert_eq!(found.node_ips.len(), 2);
    assert_eq!(found.timestamp.as_deref(), Some("22-10-25:12:45:44"));
    assert!(found.multi_node);

    for (setup, multi_node) in [
        (
            json!({"version": "3", "nodeCount": 1, "hostIP": "10.0.0.1"}),
            false,
        ),
        (
            json!({"version": "3", "nodeCount": 2, "NodeIPs": "10.0.0.1 10.0.0.2"}),
            true,
        ),
        (
            json!({"version": "3", "type": "single-node", "NodeIPs": "10.0.0.1"}),
            false,
        ),
        (
            json!({"version": "3", "type": "Multi-Node", "hostIP": "10.0.0.1", "PeerIPs": "10.0.0.2"}),
            true,
        ),
        (
            json!({"version": "3", "NodeIPs": "[10.0.0.1, 10.0.0.2]"}),
            true,
        ),
    ] {
        let found = deployment(&bytes(json!({"setupconfig": [setup]}))).unwrap();
        assert_eq!(found.multi_node, multi_node, "{setup}");
        assert_eq!(found.timestamp, None);
    }
}

#[test]
fn a_deployment_without_meaning_is_refused() {
    let one = json!({"version": "3.1.0", "NodeIPs": "10.0.0.1"});
    let other = json!({"version": "3.1.1", "NodeIPs": "10.0.0.1"});
    for setups in [
        json!([]),
        json!([{"NodeIPs": "10.0.0.1"}]),
        json!([{"version": "", "NodeIPs": "10.0.0.1"}]),
        json!([{"version": "3.1.0"}]),
        json!([{"version": "3.1.0", "NodeIPs": "tpvm1"}]),
        json!([one, other]),
    ] {
        assert!(
            deployment(&bytes(json!({"setupconfig": setups}))).is_err(),
            "{setups}"
        );
    }
}

#[test]
fn redeploys_are_read() {
    let read = |status: &str| redeploy(&bytes(json!({"status": status, "message": "why"})));
    assert_eq!(read("initiated"), Ok(RedeployStatus::Initiated));
    assert_eq!(read("processing"), Ok(RedeployStatus::Processing));
    assert_eq!(read("completed"), Ok(RedeployStatus::Completed));
    assert_eq!(read("failed"), Ok(RedeployStatus::Failed("why".to_owned())));
    for message in [json!(null), json!("")] {
        let failed = redeploy(&bytes(json!({"status": "failed", "message": message})));
        assert!(
            matches!(failed, Ok(RedeployStatus::Failed(_))),
            "{failed:?}"
        );
    }
    for status in [
        json!("done"),
        json!(""),
        json!("completed, but degraded"),
        json!(null),
        json!(["completed"]),
    ] {
        assert!(
            redeploy(&bytes(json!({ "status": status }))).is_err(),
            "{status}"
        );
    }
    assert_eq!(
        accepted(&bytes(json!({"id": "ade23a74-4ead-11eb"}))).as_deref(),
        Ok("ade23a74-4ead-11eb")
    );
    for id in ["", "../x", "a b", "a?b"] {
        assert!(accepted(&bytes(json!({ "id": id }))).is_err(), "{id}");
    }
}

#[test]
fn messages_are_bounded_and_on_one_line() {
    let long = format!("line\n{}", "é".repeat(400));
    let text = message(&bytes(json!({"code": 500, "message": long})));
    assert!(text.starts_with("line é") && text.len() <= 512);
    let page = b"<html>\r\n <h1>502 Bad\tGateway</h1>";
    assert_eq!(message(page), "<html> <h1>502 Bad Gateway</h1>");
    assert_eq!(
        (message(b""), message(b" \n")),
        ("nothing".into(), "nothing".into())
    );
    let long = vec![b'<'; 5_000];
    assert!(message(&long).len() <= 512);
}
