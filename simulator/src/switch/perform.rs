//! What each command does.

use super::commands::{Command, Source};
use super::tpvm::{Plan, Snapshot, Tpvm};
use super::{World, output};
use crate::faults::{Tagged, Twist};
use crate::fleet::SwitchSpec;

/// What a command answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reply {
    /// Lines of output.
    pub(super) text: String,
    /// It changed the device.
    pub(super) effect: bool,
}

/// The text after `% Error: `.
pub(super) type Refusal = String;

/// What a switch says whose authorization server allows no such command.
const UNAUTHORIZED: &str = "command not authorized";

/// Carries out one command.
pub(super) fn perform(
    command: &Command,
    tpvm: &mut Tpvm,
    spec: &SwitchSpec,
    world: &World,
    twist: &Twist,
) -> Result<Reply, Refusal> {
    match command {
        Command::ShowVersion => shown(output::version(&tpvm.firmware)),
        Command::ShowChassis => shown(output::chassis(spec)),
        Command::ShowStatus => shown(output::status(tpvm, world.settings.upgrade)),
        Command::ShowTpvmVersion => shown(output::tpvm_version(tpvm)),
        Command::ShowIpAddress => shown(output::ip_address(tpvm)),
        Command::ShowSnapshot => shown(output::snapshot(tpvm)),
        Command::ShowConfig => shown(spec.profile.running_config(output::running_config(tpvm))),
        Command::TerminalLength(_) if spec.profile.page().is_some() => Err(UNAUTHORIZED.to_owned()),
        Command::Monitor(_) if spec.profile.logs() => Err(UNAUTHORIZED.to_owned()),
        Command::Configure => shown(spec.profile.entering().to_owned()),
        Command::TerminalLength(_) | Command::Monitor(_) | Command::End | Command::Exit => {
            shown(String::new())
        }
        Command::Upgrade(source) => upgrade(source, tpvm, world, twist),
        Command::Revert => revert(tpvm, world, twist),
        Command::Start => start(tpvm, world),
        Command::Stop => stop(tpvm, world),
        Command::ClearTag(tag) => clear_tag(tag, tpvm),
        Command::EnterTpvm => {
            let new = tpvm.config.is_none();
            tpvm.config.get_or_insert_default();
            Ok(Reply {
                text: String::new(),
                effect: new,
            })
        }
        Command::Item(_, words) => item(words, tpvm),
        Command::Deploy => deploy(tpvm, world, twist),
    }
}

fn shown(text: String) -> Result<Reply, Refusal> {
    Ok(Reply {
        text,
        effect: false,
    })
}

fn done(text: &str) -> Result<Reply, Refusal> {
    Ok(Reply {
        text: text.to_owned(),
        effect: true,
    })
}

fn idle(tpvm: &Tpvm) -> Result<(), Refusal> {
    if tpvm.operation.is_some() {
        Err("another TPVM operation is in progress".to_owned())
    } else {
        Ok(())
    }
}

fn installed(tpvm: &Tpvm) -> Result<(), Refusal> {
    if tpvm.guest.is_none() {
        Err("TPVM is not installed".to_owned())
    } else {
        Ok(())
    }
}

fn upgrade(
    source: &Source,
    tpvm: &mut Tpvm,
    world: &World,
    twist: &Twist,
) -> Result<Reply, Refusal> {
    idle(tpvm)?;
    installed(tpvm)?;
    tpvm.snapshot = tpvm.guest.clone().map(|guest| Snapshot {
        guest,
        taken: chrono::Utc::now(),
    });
    let plan = match (fetch(source, world), twist.failure.clone()) {
        (Err(failure), _) => Plan::FailedDownload(failure),
        (Ok(_), Some(failure)) => Plan::FailedUpgrade(failure),
        (Ok(version), None) => Plan::Upgrade {
            version: twist.version.clone().unwrap_or(version),
            ip: twist.ip,
        },
    };
    tpvm.begin(plan, twist.endless, &world.settings);
    done("TPVM upgrade is initiated")
}

/// The version of the image that this source names.
fn fetch(source: &Source, world: &World) -> Result<String, Tagged> {
    use secrecy::ExposeSecret as _;
    let failed = |why: &str| Tagged::new(format!("failed to download image: {why}"));
    let host = world
        .firmware_hosts
        .iter()
        .find(|host| host.address.to_string() == source.host)
        .ok_or_else(|| failed("host is unreachable"))?;
    if host.protocol != source.protocol {
        return Err(failed("connection refused"));
    }
    let credentials = &world.credentials;
    if source.user != credentials.firmware_user
        || source.password != credentials.firmware_password.expose_secret()
    {
        return Err(failed("authentication failed"));
    }
    let path = format!(
        "{}/{}",
        source.directory.trim_end_matches('/'),
        source.filename
    );
    host.images
        .get(&path)
        .cloned()
        .ok_or_else(|| failed("no such file"))
}

fn revert(tpvm: &mut Tpvm, world: &World, twist: &Twist) -> Result<Reply, Refusal> {
    idle(tpvm)?;
    if tpvm.snapshot.is_none() {
        return Err("no snapshot to revert to".to_owned());
    }
    let plan = match twist.failure.clone() {
        Some(failure) => Plan::FailedRevert(failure),
        None => Plan::Revert {
            version: twist.version.clone(),
            ip: twist.ip,
        },
    };
    tpvm.begin(plan, twist.endless, &world.settings);
    done("TPVM revert is initiated")
}

fn start(tpvm: &mut Tpvm, world: &World) -> Result<Reply, Refusal> {
    idle(tpvm)?;
    installed(tpvm)?;
    tpvm.start(tokio::time::Instant::now(), &world.settings);
    done("TPVM is started")
}

fn stop(tpvm: &mut Tpvm, world: &World) -> Result<Reply, Refusal> {
    idle(tpvm)?;
    installed(tpvm)?;
    tpvm.stop(&world.settings);
    done("TPVM is stopped")
}

fn clear_tag(tag: &str, tpvm: &mut Tpvm) -> Result<Reply, Refusal> {
    let before = tpvm.tags.len();
    tpvm.tags.retain(|(known, _)| known != tag);
    if tpvm.tags.len() == before {
        return Err(format!("no such tag {tag}"));
    }
    done("")
}

fn item(words: &[String], tpvm: &mut Tpvm) -> Result<Reply, Refusal> {
    // The words were checked when the line was parsed.
    let _ = tpvm.config.get_or_insert_default().set(words);
    done("")
}

fn deploy(tpvm: &mut Tpvm, world: &World, twist: &Twist) -> Result<Reply, Refusal> {
    idle(tpvm)?;
    let config = tpvm.config.get_or_insert_default();
    if config.password.is_none() || config.management.is_none() {
        return Err("install-time configuration is missing".to_owned());
    }
    if tpvm.guest.is_some() {
        return Err("TPVM is already deployed".to_owned());
    }
    let Some(version) = tpvm.image.clone() else {
        return Err("no TPVM image found in /tftpboot/SWBD2900".to_owned());
    };
    config.deploy = true;
    let plan = match twist.failure.clone() {
        Some(failure) => Plan::FailedInstall(failure),
        None => Plan::Install {
            version: twist.version.clone().unwrap_or(version),
            ip: twist.ip.unwrap_or_else(|| tpvm.configured_ip()),
        },
    };
    tpvm.begin(plan, twist.endless, &world.settings);
    done("")
}
