//! Law I: once a command may have been sent, a response from the device or EFA that is refused,
//! garbled, truncated, unknown or missing, once or for a while, does not change the outcome: only
//! evidence of failure, or the deadline, ends a state. Before its command, a state that can't read
//! fails with the text.
//!
//! Every read of every state × every way to be unreadable × once, three times and always.

use std::collections::BTreeSet;

use schemas::{Case, State};
use simulator::{CALLS, Fault, FaultKind};

use crate::scene::{Scene, Upgrade};
use crate::tally::tally;
use crate::timing::{PATIENT, SHORT_DEADLINES};
use crate::ways::{Way, ways};

/// What a read answers that it can't be understood by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Garbled,
    Refused,
    Truncated,
    Empty,
    UnknownWords,
    WordsBesideKnownOnes,
    WordsOfAnError,
}

const HOW: [How; 7] = [
    How::Garbled,
    How::Refused,
    How::Truncated,
    How::Empty,
    How::UnknownWords,
    How::WordsBesideKnownOnes,
    How::WordsOfAnError,
];

/// The reads of a state, before its command or after it.
#[derive(Clone, Copy)]
struct Part {
    case: Case,
    state: State,
    /// The calls that must have come before.
    since: &'static [&'static str],
    reads: &'static [&'static str],
}

const LOOKS: [&str; 4] = [
    "ssh-login",
    "show-tpvm-status",
    "show-tpvm-version",
    "show-tpvm-snapshot",
];

const LOOKS_AND_ADDRESS: [&str; 6] = [
    "ssh-login",
    "terminal-length",
    "show-tpvm-status",
    "show-tpvm-version",
    "show-tpvm-snapshot",
    "show-tpvm-ip-address",
];

const PREPARES_REDEPLOY: [&str; 7] = [
    "efa-deployment",
    "efa-status",
    "ssh-login",
    "show-tpvm-status",
    "show-tpvm-ip-address",
    "show-tpvm-version",
    "show-running-config-tpvm",
];

const POLLS_REDEPLOY: [&str; 3] = ["efa-deployment", "efa-status", "efa-redeploy-status"];

/// Nothing was sent yet.
const BEFORE: [Part; 6] = [
    Part {
        case: Case::NormalUpgrade,
        state: State::DeviceValidation,
        since: &[],
        reads: &[
            "ssh-login",
            "show-version",
            "efa-token",
            "efa-deployment",
            "efa-status",
        ],
    },
    Part {
        case: Case::NormalUpgrade,
        state: State::TpvmConfigValidation,
        since: &["efa-status"],
        reads: &[
            "show-tpvm-status",
            "show-running-config-tpvm",
            "show-tpvm-version",
            "show-tpvm-ip-address",
        ],
    },
    Part {
        case: Case::NormalUpgrade,
        state: State::TpvmUpgrade,
        since: &["show-tpvm-ip-address"],
        reads: &[
            "ssh-login",
            "show-tpvm-status",
            "show-tpvm-snapshot",
            "efa-status",
        ],
    },
    Part {
        case: Case::NodeReplacement,
        state: State::DeviceValidation,
        since: &["efa-status"],
        reads: &["show-tpvm-status"],
    },
    Part {
        case: Case::NodeReplacement,
        state: State::TpvmConfiguration,
        since: &["show-running-config-tpvm", "ssh-login"],
        reads: &["show-running-config-tpvm"],
    },
    Part {
        case: Case::NodeReplacement,
        state: State::TpvmInstallation,
        since: &["config:tpvm", "ssh-login"],
        reads: &["ssh-login", "show-tpvm-status"],
    },
];

/// A command was sent, or may have been.
const AFTER: [Part; 9] = [
    Part {
        case: Case::NormalUpgrade,
        state: State::TpvmUpgrade,
        since: &["tpvm-upgrade"],
        reads: &LOOKS_AND_ADDRESS,
    },
    Part {
        case: Case::NormalUpgrade,
        state: State::EfaDeployPeerAndRejoin,
        since: &["tpvm-upgrade", "efa-deployment"],
        reads: &PREPARES_REDEPLOY,
    },
    Part {
        case: Case::NormalUpgrade,
        state: State::EfaDeployPeerAndRejoin,
        since: &["efa-redeploy"],
        reads: &POLLS_REDEPLOY,
    },
    Part {
        case: Case::NodeReplacement,
        state: State::TpvmConfiguration,
        since: &["config:tpvm"],
        reads: &["show-running-config-tpvm"],
    },
    Part {
        case: Case::NodeReplacement,
        state: State::TpvmInstallation,
        since: &["deploy"],
        reads: &LOOKS_AND_ADDRESS,
    },
    Part {
        case: Case::NodeReplacement,
        state: State::EfaDeployPeerAndRejoin,
        since: &["deploy", "efa-deployment"],
        reads: &PREPARES_REDEPLOY,
    },
    Part {
        case: Case::NodeReplacement,
        state: State::EfaDeployPeerAndRejoin,
        since: &["efa-redeploy"],
        reads: &POLLS_REDEPLOY,
    },
    // Of an upgrade whose redeploy fails.
    Part {
        case: Case::NormalUpgrade,
        state: State::TpvmRevert,
        since: &["efa-redeploy"],
        reads: &LOOKS,
    },
    Part {
        case: Case::NormalUpgrade,
        state: State::TpvmRevert,
        since: &["tpvm-revert"],
        reads: &LOOKS_AND_ADDRESS,
    },
];

/// What the read answers, and what of that the cause must name.
fn answer(how: How, read: &str) -> (FaultKind, &'static str) {
    let says = |text: &str| FaultKind::Says(text.to_owned());
    let refuses = |text: &str| FaultKind::Refuse(Some(text.to_owned()));
    let page = |status, text: &str| FaultKind::Page(status, text.to_owned());
    match (how, read) {
        // A login is no text: it is refused, or breaks off.
        (How::Refused, "ssh-login") => (refuses(""), "did not take the login"),
        (_, "ssh-login") => (FaultKind::Garbage, "login"),
        (How::Refused, "efa-token") => (page(403, "{}"), "refused"),
        (How::WordsOfAnError, "efa-token") => (page(401, "who is it?"), "who is it?"),
        (How::Garbled, call) if call.starts_with("efa-") => (FaultKind::Garbage, "JSON"),
        (How::Refused, call) if call.starts_with("efa-") => {
            (page(403, "<h1>not from here</h1>"), "not from here")
        }
        (How::Truncated, call) if call.starts_with("efa-") => (FaultKind::Truncated, "JSON"),
        (How::Empty, call) if call.starts_with("efa-") => (says(""), "JSON"),
        (How::UnknownWords, call) if call.starts_with("efa-") => {
            (says("<html>502 Bad Gateway</html>"), "JSON")
        }
        (How::WordsBesideKnownOnes, call) if call.starts_with("efa-") => {
            (says(r#"{"status": "perhaps", "nodes": null}"#), "/")
        }
        (How::WordsOfAnError, _) if read.starts_with("efa-") => {
            (page(302, "moved to somewhere"), "moved to somewhere")
        }
        (How::Garbled, _) => (FaultKind::Garbage, "oops"),
        (How::Refused, _) => (refuses("the guest is down"), "the guest is down"),
        // Its first half tells all.
        (How::Truncated, "show-version") => (says("SLX-OS Operating Sys"), "not understood"),
        (How::Truncated, "show-tpvm-ip-address") => (FaultKind::Truncated, "tpvm_addresses"),
        (How::Truncated, _) => (FaultKind::Truncated, "not understood"),
        // No version is what a device tells that has none.
        (How::Empty, "show-tpvm-version") => (says(""), "tells no version"),
        (How::Empty, _) => (says(""), "not understood"),
        (How::UnknownWords, _) => (
            says("this host cannot be reached with 10.1.1.1"),
            "cannot be reached with",
        ),
        (How::WordsBesideKnownOnes, "show-tpvm-version") => {
            (says("TPVM Version: 4.2.5 or so"), "or so")
        }
        (How::WordsBesideKnownOnes, "show-tpvm-ip-address") => {
            (says("IPv4:\neth0 10.20.9.9 dangling"), "dangling")
        }
        (How::WordsBesideKnownOnes, "show-version") => (
            says("Firmware name: 20.5.1a\nFirmware name: 20.4.1"),
            "not understood",
        ),
        (How::WordsBesideKnownOnes, _) => (says("TPVM is running, but degraded"), "but degraded"),
        (How::WordsOfAnError, _) => (says("[upgrade-1] error: no such file"), "no such file"),
    }
}

fn fault(part: &Part, how: How, read: &str) -> (Fault, &'static str) {
    let (kind, cause) = answer(how, read);
    (Fault::new(read, kind).since(part.since), cause)
}

/// How the upgrade goes if everything can be read.
fn readable(part: &Part) -> Upgrade {
    match part.state {
        State::TpvmRevert => {
            let redeploy = State::EfaDeployPeerAndRejoin;
            let fails = ways(redeploy, part.case).remove(0);
            Upgrade::failing(part.case, &[(redeploy, fails)])
        }
        _ => Upgrade::smooth(part.case),
    }
}

#[test]
fn every_read_of_every_state_is_known() {
    let reads = |call: &&str| {
        let looks = call.starts_with("show-") && *call != "show-chassis";
        let efa = [
            "efa-token",
            "efa-status",
            "efa-deployment",
            "efa-redeploy-status",
        ];
        looks || efa.contains(call) || ["ssh-login", "terminal-length"].contains(call)
    };
    let all: BTreeSet<&str> = CALLS.iter().copied().filter(reads).collect();
    let parts = || BEFORE.iter().chain(&AFTER);
    let tried: BTreeSet<&str> = parts().flat_map(|part| part.reads).copied().collect();
    assert_eq!(tried, all);
    let states: BTreeSet<State> = parts().map(|part| part.state).collect();
    assert_eq!(states, State::ACTING.into_iter().collect());
}

/// All reads of a part at once, each of them unreadable once or three times in a row.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn once_or_three_times_after_a_command_changes_nothing() {
    let mut upgrades = Vec::new();
    let mut tried = Vec::new();
    for part in &AFTER {
        for how in HOW {
            for times in [1, 3] {
                let mut upgrade = readable(part);
                for read in part.reads {
                    upgrade = upgrade.with(fault(part, how, read).0.times(times));
                    tried.push(part.state);
                }
                upgrades.push(upgrade);
            }
        }
    }
    let mut scene = Scene::open(upgrades).await;
    let _workers = [
        scene.world.worker_with(PATIENT),
        scene.world.worker_with(PATIENT),
    ];
    scene.run().await;
    for (n, upgrade) in scene.upgrades.iter().enumerate() {
        let (standby, efa) = (scene.world.standby(n), scene.world.efa(n));
        let mut left = [standby.faults(), efa.faults()].concat();
        left.retain(|fault| fault.times.is_some());
        assert!(left.is_empty(), "{}: not met: {left:?}", upgrade.name);
    }
    tally("I unreadable after a command, once or three times", tried);
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_the_command_a_state_fails_with_the_text() {
    let mut upgrades = Vec::new();
    for part in &BEFORE {
        for read in part.reads {
            for how in HOW {
                // What breaks off is tried again: see law B.
                if *read == "ssh-login" && how != How::Refused {
                    continue;
                }
                let (fault, cause) = fault(part, how, read);
                let way = Way {
                    faults: vec![fault],
                    cause,
                    carried_out: false,
                };
                upgrades.push(Upgrade::failing(part.case, &[(part.state, way)]));
            }
        }
    }
    // A revert that follows must be able to read.
    for upgrade in &mut upgrades {
        upgrade.fails_once_only();
    }
    let mut scene = Scene::open(upgrades).await;
    let _workers = [
        scene.world.worker_with(PATIENT),
        scene.world.worker_with(PATIENT),
    ];
    scene.run().await;
    let failed = scene.upgrades.iter().map(Upgrade::fails_in);
    tally("I unreadable before the command", failed);
    scene.close().await;
}

/// What stays unreadable is ended by the deadline, which names it. Each read in one of the ways, the
/// ways by turns.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn always_after_a_command_ends_at_the_deadline_with_the_text() {
    let mut upgrades = Vec::new();
    let mut hows = HOW.into_iter().cycle();
    let ends = AFTER.iter().filter(|part| part.state != State::TpvmRevert);
    for part in ends {
        for read in part.reads {
            // Nobody reads what turning off the pager answers.
            if *read == "terminal-length" {
                continue;
            }
            let how = hows.next().unwrap();
            upgrades.push(endless(part, how, read));
        }
    }
    let mut scene = Scene::open(upgrades).await;
    let timing = format!("{SHORT_DEADLINES}\ntiming.poll = '500ms'");
    let _workers = [
        scene.world.worker_with(&timing),
        scene.world.worker_with(&timing),
    ];
    scene.run().await;
    let failed = scene.upgrades.iter().map(Upgrade::fails_in);
    tally("I unreadable after a command for ever", failed);
    scene.close().await;
}

fn endless(part: &Part, how: How, read: &str) -> Upgrade {
    let (fault, cause) = fault(part, how, read);
    let commanded = part.since.len() == 1 && part.state != State::TpvmConfiguration;
    let way = Way {
        faults: vec![fault],
        cause,
        carried_out: commanded,
    };
    // A revert reads the same, but for EFA and the configuration.
    let reverts = part.case == Case::NormalUpgrade;
    let is_read_again = LOOKS_AND_ADDRESS.contains(&read);
    let mut states = vec![(part.state, way)];
    if reverts && is_read_again {
        let revert = Way {
            faults: Vec::new(),
            cause,
            // It gets as far as to its own address.
            carried_out: read == "show-tpvm-ip-address",
        };
        states.push((State::TpvmRevert, revert));
    }
    Upgrade::failing(part.case, &states)
}
