//! Remedies of what the validations find: each failure, what somebody does about it as the remedy
//! says, and the next request, which succeeds. Law B's failures are followed in laws `remedies`.

mod cases;

use std::net::IpAddr;
use std::path::PathBuf;

use schemas::inventory::Inventory;
use schemas::{State, UpgradeRequest, Verdict};
use simulator::{DeploymentOptions, FirmwareHost, Fleet, Standby, SwitchChange, SwitchState};
use sqlx::{AssertSqlSafe, Connection, Executor};
use tests::{World, until};

/// A host of images that the EFA DB does not know yet.
const NEW_HOST: [u8; 4] = [10, 9, 9, 9];

/// A failure of one deployment, and what is done about it.
struct Case {
    /// What the cause names.
    cause: &'static str,
    /// What the remedy says that is done.
    remedy: &'static [&'static str],
    standby: Standby,
    failed: State,
    /// What is wrong with the EFA DB, in SQL. `{n}` is the deployment's number, `{ip}` its standby's
    /// address, `{tpvm}` its TPVM's.
    efa_db: &'static str,
    /// What is wrong with the device or with EFA.
    spoil: fn(&Site),
    request: fn(&Site, &mut UpgradeRequest),
    /// What somebody does.
    act: fn(&Site),
    /// The inventory is loaded anew.
    registers: bool,
    /// The next request, if it is another one.
    again: fn(&Site, &mut UpgradeRequest),
}

/// One of the deployments.
struct Site<'a> {
    world: &'a World,
    n: usize,
    /// The standby as it was at first.
    before: SwitchState,
}

impl Site<'_> {
    fn set(&self, change: SwitchChange) {
        self.world.standby(self.n).set(change).unwrap();
    }

    /// Lines of the configuration, in place of what was there.
    fn configure(&self, is_kept: impl Fn(&str) -> bool, more: &[&str]) {
        let mut lines = self.before.running_config.clone().unwrap();
        lines.retain(|line| is_kept(line));
        lines.extend(more.iter().map(ToString::to_string));
        self.set(SwitchChange {
            clear_config: true,
            config: lines,
            ..SwitchChange::default()
        });
    }

    fn firmware(&self, version: &str) {
        self.set(SwitchChange {
            firmware: Some(version.to_owned()),
            ..SwitchChange::default()
        });
    }

    fn runs(&self, running: bool) {
        self.set(SwitchChange {
            running: Some(running),
            ..SwitchChange::default()
        });
    }

    fn secret(&self, name: &str) -> PathBuf {
        self.world.secrets_dir().join(name)
    }
}

impl Case {
    /// Nothing is wrong with it.
    fn new(failed: State, cause: &'static str, remedy: &'static [&'static str]) -> Self {
        Self {
            cause,
            remedy,
            standby: Standby::Installed,
            failed,
            efa_db: "",
            spoil: |_| {},
            request: |_, _| {},
            act: |_| {},
            registers: false,
            again: |_, _| {},
        }
    }

    /// The EFA DB lacks something, until it is loaded anew.
    fn of_efa_db(cause: &'static str, remedy: &'static [&'static str], sql: &'static str) -> Self {
        Self {
            efa_db: sql,
            registers: true,
            ..Self::new(State::DeviceValidation, cause, remedy)
        }
    }
}

/// The deployments, with more images and one more host of them than usual.
fn fleet(cases: &[Case]) -> Fleet {
    let options: Vec<_> = cases
        .iter()
        .map(|case| DeploymentOptions {
            standby: case.standby,
            ..DeploymentOptions::default()
        })
        .collect();
    let mut fleet = Fleet::with(&options);
    for (name, version) in [
        ("/images/tpvm-latest.deb", "4.2.5"),
        ("/images/tpvm_x86_64-4.2.3-0.amd64.deb", "4.2.3"),
    ] {
        let images = &mut fleet.firmware_hosts[0].images;
        images.insert(name.to_owned(), version.to_owned());
    }
    let new = FirmwareHost {
        address: IpAddr::from(NEW_HOST),
        ..fleet.firmware_hosts[0].clone()
    };
    fleet.firmware_hosts.push(new);
    fleet
}

async fn sql(site: &Site<'_>, text: &str) {
    let (n, tpvm) = (site.n + 1, site.before.tpvm_ip);
    let tpvm = tpvm.unwrap_or(site.world.efa(site.n).state().nodes[1].ip);
    let text = text
        .replace("{n}", &n.to_string())
        .replace("{ip}", &site.before.address.to_string())
        .replace("{tpvm}", &tpvm.to_string());
    let url = site.world.database_url();
    let mut connection = sqlx::postgres::PgConnection::connect(url).await.unwrap();
    connection.execute(AssertSqlSafe(text)).await.unwrap();
    connection.close().await.unwrap();
}

/// Loads of the inventory what is of this deployment, and all hosts.
async fn register(site: &Site<'_>) {
    let inventory = site.world.simulator.inventory();
    let mut inventory: Inventory = serde_json::from_value(inventory).unwrap();
    inventory.deployments = vec![inventory.deployments.remove(site.n)];
    site.world.ledger.load_inventory(&inventory).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_remedy_of_a_validation_is_followed_then_the_next_request_succeeds() {
    let mut cases = cases::of_the_efa_db();
    cases.extend(cases::of_the_device_and_efa());
    cases.extend(cases::of_the_request());
    let world = World::new(fleet(&cases)).await;
    let sites: Vec<Site<'_>> = (0..cases.len())
        .map(|n| Site {
            world: &world,
            n,
            before: world.standby(n).state(),
        })
        .collect();
    let timing = "worker.concurrency = 8\nslx.command_timeout = '8s'\nefa.request_timeout = '8s'\n\
                  timing.settle = '11s'\ntiming.redeploy_quiet = '12s'\n\
                  timing.upgrade_deadline = '5m'\ntiming.redeploy_deadline = '5m'\n\
                  timing.installation_deadline = '5m'";
    let _worker = world.worker_with(timing);

    let mut requests = Vec::new();
    for (case, site) in cases.iter().zip(&sites) {
        (case.spoil)(site);
        if !case.efa_db.is_empty() {
            sql(site, case.efa_db).await;
        }
        let mut request = world.request(site.n);
        (case.request)(site, &mut request);
        requests.push(request);
    }
    let failed = world.accepted_all(&requests).await;
    let mut wrong = Vec::new();
    let mut requests = Vec::new();
    for ((case, site), id) in cases.iter().zip(&sites).zip(failed) {
        let execution = world.finished(id).await;
        let ended = (execution.failed_state, execution.verdict);
        let failure = execution.failure.clone().expect("a failure");
        let said = case
            .remedy
            .iter()
            .all(|words| failure.remedy.contains(words));
        let goes_on = failure.remedy.contains("request");
        let expected = (Some(case.failed), Some(Verdict::Failed));
        if ended != expected || !failure.cause.contains(case.cause) || !said || !goes_on {
            wrong.push(format!("{}: {ended:?} {failure:?}", case.cause));
        }
        (case.act)(site);
        if case.registers {
            register(site).await;
        }
        let mut request = world.request(site.n);
        (case.again)(site, &mut request);
        requests.push(request);
    }
    until("EFA to come back where it can", || async {
        let installed = cases.iter().zip(&sites);
        let mut installed = installed.filter(|(case, _)| case.standby == Standby::Installed);
        let up = |site: &Site<'_>| {
            let nodes = world.efa(site.n).state().nodes;
            nodes.iter().all(|node| node.status == "up")
        };
        installed.all(|(_, site)| up(site)).then_some(())
    })
    .await;
    let succeeded = world.accepted_all(&requests).await;
    for (case, id) in cases.iter().zip(succeeded) {
        let what = format!("the second end of {:?}", case.cause);
        let execution = tests::until_within(tests::patience(), &what, || async {
            let execution = world.ledger.execution(id).await.unwrap().unwrap();
            execution.verdict.map(|_| execution)
        })
        .await;
        if execution.verdict != Some(Verdict::Succeeded) {
            let ended = (execution.failed_state, execution.failure);
            wrong.push(format!("{}: then {ended:?}", case.cause));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    world.close().await;
}
