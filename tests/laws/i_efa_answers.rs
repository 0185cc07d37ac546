//! Law I at EFA: whatever answers in EFA's place, after a command it is no evidence; and a word that
//! nobody knows, alone or next to a known one, is never healthy.

use schemas::{Case, State};
use serde_json::{Value, json};
use simulator::{Fault, FaultKind};

use crate::scene::{Scene, Upgrade};
use crate::tally::tally;
use crate::timing::{PATIENT, only_short};
use crate::ways::Way;

const READS: [&str; 3] = ["efa-deployment", "efa-status", "efa-redeploy-status"];

/// The statuses that a proxy, a balancer, or an EFA that fails over answers with.
const STATUSES: [u16; 13] = [
    301, 302, 307, 400, 401, 403, 404, 408, 409, 429, 500, 502, 503,
];

/// What comes with status 200 and is no answer.
const BODIES: [&str; 8] = [
    "",
    " \n",
    "null",
    "[]",
    "{}",
    r#"{"message": "no healthy upstream"}"#,
    r#"{"nodes": [{"#,
    "<html><body>Please log in</body></html>",
];

fn answers() -> Vec<FaultKind> {
    let html = STATUSES.map(|status| FaultKind::Page(status, format!("<h1>{status}</h1>")));
    let json = STATUSES.map(|status| {
        let body = json!({"code": status, "message": "no healthy upstream"});
        FaultKind::Page(status, body.to_string())
    });
    let empty = STATUSES.map(|status| FaultKind::Page(status, String::new()));
    let bodies = BODIES.map(|body| FaultKind::Says(body.to_owned()));
    html.into_iter()
        .chain(json)
        .chain(empty)
        .chain(bodies)
        .collect()
}

/// Each answer at each read: before the redeploy, while it runs, and at a new login meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_something_else_answers_after_a_command_then_nothing_changes() {
    let mut upgrades = Vec::new();
    let mut tried = Vec::new();
    for kind in answers() {
        for times in [1, 3] {
            let fault = |read: &str, since: &str| {
                Fault::new(read, kind.clone()).times(times).since(&[since])
            };
            let mut upgrade = Upgrade::smooth(Case::NormalUpgrade);
            for read in READS {
                let since = match read {
                    "efa-redeploy-status" => "efa-redeploy",
                    _ => "tpvm-upgrade",
                };
                upgrade = upgrade.with(fault(read, since));
                tried.push(State::EfaDeployPeerAndRejoin);
            }
            // The token is refused once, its renewal too, and the login is answered like that.
            let renewal = Fault::new("efa-token-refresh", FaultKind::Page(401, String::new()));
            let expired = FaultKind::Page(401, r#"{"code": 401, "message": "expired"}"#.to_owned());
            let expired = Fault::new("efa-status", expired).since(&["efa-redeploy"]);
            upgrade = upgrade
                .with(expired.once())
                .with(renewal.since(&["efa-redeploy"]))
                .with(fault("efa-token", "efa-redeploy"));
            upgrades.push(upgrade);
        }
    }
    let mut scene = Scene::open(upgrades).await;
    let _workers = [
        scene.world.worker_with(PATIENT),
        scene.world.worker_with(PATIENT),
    ];
    scene.run().await;
    tally("I answers in EFA's place", tried);
    scene.close().await;
}

/// Changes what EFA really answers of its nodes.
fn nodes(scene: &Scene, n: usize, change: impl Fn(&mut Value)) -> String {
    let nodes = scene.world.efa(n).state().nodes.into_iter().map(|node| {
        let mut node = json!({
            "IP": node.ip,
            "name": node.name,
            "role": node.role,
            "status": "up",
            "reason": "",
        });
        change(&mut node);
        node
    });
    json!({"nodes": nodes.collect::<Vec<_>>()}).to_string()
}

type Words = (&'static str, fn(&Scene, usize) -> String, &'static str);

/// Where it says so, what it says instead of the truth, and what the cause names of it.
const WORDS: [Words; 11] = [
    (
        "show-tpvm-status",
        |_, _| "TPVM is running\n[disk-1] alarm: it is full".to_owned(),
        "it is full",
    ),
    (
        "show-tpvm-status",
        |_, _| "TPVM is running (degraded)".to_owned(),
        "(degraded)",
    ),
    (
        "show-tpvm-status",
        |_, _| "TPVM is running\nHA state: split".to_owned(),
        "HA state: split",
    ),
    (
        "show-tpvm-version",
        |_, _| "TPVM Version: 4.2.5 (unverified)".to_owned(),
        "(unverified)",
    ),
    (
        "show-tpvm-ip-address",
        |_, _| "IPv4:\neth0 10.20.61.93 conflict".to_owned(),
        "conflict",
    ),
    (
        "efa-status",
        |scene, n| nodes(scene, n, |node| node["status"] = "up (stale)".into()),
        "up (stale)",
    ),
    (
        "efa-status",
        |scene, n| nodes(scene, n, |node| node["status"] = "degraded".into()),
        "degraded",
    ),
    (
        "efa-status",
        |scene, n| nodes(scene, n, |node| node["status"] = "".into()),
        "without a state",
    ),
    (
        "efa-status",
        |scene, n| nodes(scene, n, |node| node["role"] = "undecided".into()),
        "undecided",
    ),
    (
        "efa-redeploy-status",
        |_, _| r#"{"status": "completed with warnings"}"#.to_owned(),
        "completed with warnings",
    ),
    (
        "efa-redeploy-status",
        |_, _| r#"{"status": "done"}"#.to_owned(),
        "done",
    ),
];

/// From the redeploy on; of the device, from the upgrade on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_a_word_is_unknown_then_it_never_counts_as_healthy() {
    let upgrades = WORDS.map(|(read, _, cause)| {
        let of_efa = read.starts_with("efa-");
        let state = match of_efa {
            true => State::EfaDeployPeerAndRejoin,
            false => State::TpvmUpgrade,
        };
        let way = |carried_out| Way {
            faults: Vec::new(),
            cause,
            carried_out,
        };
        let mut ways = vec![(state, way(true))];
        // The revert reads the device's words, too.
        if !of_efa {
            let sent = read == "show-tpvm-ip-address";
            ways.push((State::TpvmRevert, way(sent)));
        }
        Upgrade::failing(Case::NormalUpgrade, &ways)
    });
    let mut scene = Scene::open(upgrades.to_vec()).await;
    for (n, (read, words, _)) in WORDS.into_iter().enumerate() {
        let since = if read.starts_with("efa-") {
            "efa-redeploy"
        } else {
            "tpvm-upgrade"
        };
        let says = FaultKind::Says(words(&scene, n));
        scene.world.fault(n, Fault::new(read, says).since(&[since]));
    }
    let timing = only_short(&["upgrade", "redeploy", "revert"]);
    let _workers = [
        scene.world.worker_with(&timing),
        scene.world.worker_with(&timing),
    ];
    scene.run().await;
    let failed = scene.upgrades.iter().map(Upgrade::fails_in);
    tally("I words that nobody knows", failed);
    scene.close().await;
}
