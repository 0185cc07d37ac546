//! One example of each kind of message, made by the types themselves.

use std::net::{IpAddr, Ipv4Addr};

use chrono::DateTime;
use serde_json::Value;
use uuid::Uuid;

use crate::messages::{
    Answer, Event, EventKind, Message, Options, Reason, ReasonCode, Reply, Revert, Step,
    UpgradeRequest, V1,
};
use crate::status::{NO_DETAIL, UpdateState, Verdict, detailed_status, status};
use crate::values::InvalidValue;
use crate::workflow::{Case, State};

/// An example of a message.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// The AMQP `type` of the message.
    pub message_type: &'static str,
    /// What it shows, in a few words.
    pub name: &'static str,
    /// The message.
    pub payload: Value,
}

const DEVICE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 20, 246, 28));
const REQUEST: Uuid = Uuid::from_u128(0x4f1b_6a52_7c0d_4e3a_9b57_21d8_a6c3_0e94);
const EXECUTION: Uuid = Uuid::from_u128(0x0193_52d6_58a1_7c44_b0de_6f2e_91ab_37c5);

/// Every example.
///
/// # Errors
/// [`InvalidValue`] if an example's text is none that the contract allows.
pub fn all() -> Result<Vec<Example>, InvalidValue> {
    let mut examples = requests()?;
    examples.extend(replies());
    examples.push(example("one step", &STEP));
    examples.push(example("roll back", &REVERT));
    examples.extend(events()?);
    Ok(examples)
}

fn example<M: Message>(name: &'static str, message: &M) -> Example {
    Example {
        message_type: M::TYPE,
        name,
        // A message is JSON, as `encode` shows.
        payload: serde_json::to_value(message).unwrap_or_default(),
    }
}

fn requests() -> Result<Vec<Example>, InvalidValue> {
    let plain = UpgradeRequest {
        version: V1,
        request_id: REQUEST,
        ip_address: DEVICE,
        firmware_host: IpAddr::V4(Ipv4Addr::new(10, 20, 61, 7)),
        tpvm_image: "/images/tpvm_x86_64-4.6.0-0.amd64.deb".parse()?,
        requested_by: "efa:extreme".parse()?,
        trusted_peer_sudo_user: None,
        trusted_peer_password_secret: None,
        options: Options::default(),
    };
    let full = UpgradeRequest {
        trusted_peer_sudo_user: Some("extreme".parse()?),
        trusted_peer_password_secret: Some("tpvm1-sudo".parse()?),
        options: Options {
            force: true,
            clean_redeploy: false,
        },
        ..plain.clone()
    };
    Ok(vec![
        example("an upgrade", &plain),
        example("with a trusted peer, forced", &full),
    ])
}

fn replies() -> [Example; 2] {
    let reply = |answer| Reply {
        version: V1,
        request_id: Some(REQUEST),
        answer,
    };
    let accepted = Answer::Accepted {
        execution_id: EXECUTION,
        duplicate: false,
    };
    let rejected = Answer::Rejected {
        reasons: vec![Reason {
            code: ReasonCode::DeploymentBusy,
            message: "another TPVM upgrade of the EFA deployment has not finished".to_owned(),
            remedy: "wait until it has finished, then send a new request".to_owned(),
        }],
    };
    [
        example("accepted", &reply(accepted)),
        example("rejected", &reply(rejected)),
    ]
}

const STEP: Step = Step {
    version: V1,
    execution_id: EXECUTION,
    seq: 3,
    state: State::TpvmUpgrade,
};

const REVERT: Revert = Revert {
    version: V1,
    execution_id: EXECUTION,
    seq: 4,
    failed: State::TpvmUpgrade,
};

fn events() -> Result<[Example; 3], InvalidValue> {
    let entered = Event {
        version: V1,
        kind: EventKind::StateChanged,
        execution_id: EXECUTION,
        request_id: REQUEST,
        seq: 3,
        ip_address: DEVICE,
        deployment: Some("dc1".to_owned()),
        requested_by: "efa:extreme".parse()?,
        from_state: State::TpvmConfigValidation,
        state: State::TpvmUpgrade,
        update_state: UpdateState::of(None),
        status: status(State::TpvmUpgrade, None),
        detailed_status: NO_DETAIL.to_owned(),
        failed_state: String::new(),
        upgrade_type: Some(Case::NormalUpgrade.upgrade_type().to_owned()),
        verdict: None,
        time: DateTime::from_timestamp_nanos(1_795_341_791_000_000_000),
    };
    let completed = ended(
        &entered,
        5,
        State::EfaDeployPeerAndRejoin,
        Verdict::Succeeded,
    );
    let reverted = Event {
        failed_state: State::TpvmUpgrade.failed_slug(),
        detailed_status: detailed_status(
            Some(Verdict::Reverted),
            Some((
                "after the upgrade the TPVM runs 4.5.0, not 4.6.0",
                "check the image on the firmware host, then request the upgrade again",
            )),
            Some("the TPVM was reverted to 4.5.8"),
        ),
        ..ended(&entered, 5, State::TpvmRevert, Verdict::Reverted)
    };
    Ok([
        example("a state was entered", &entered),
        example("the end: completed", &completed),
        example("the end: failed and rolled back", &reverted),
    ])
}

fn ended(entered: &Event, seq: i32, from_state: State, verdict: Verdict) -> Event {
    Event {
        kind: EventKind::Finished,
        seq,
        from_state,
        state: State::WorkflowFinished,
        update_state: UpdateState::of(Some(verdict)),
        status: status(State::WorkflowFinished, Some(verdict)),
        verdict: Some(verdict),
        ..entered.clone()
    }
}
