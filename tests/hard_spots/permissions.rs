//! A user of the broker's without a permission that the worker needs: the worker says which, and
//! ends, when it starts and also when the permission is taken away later.

use std::time::Duration;

use services::{RabbitMq, scratch_dir};
use simulator::{Fault, FaultKind};
use tests::{World, until};

use crate::support::fleet;

const USER: &str = "limited";
const ALL: &str = ".*";
const SOON: Duration = Duration::from_secs(60);

async fn permit(rabbitmq: &RabbitMq, [configure, write, read]: [&str; 3]) {
    let permit = ["set_permissions", "-p", "/", USER, configure, write, read];
    rabbitmq.ctl(&permit).await.unwrap();
}

#[tokio::test]
async fn when_a_permission_is_missing_then_the_worker_names_it_and_ends() {
    let scratch = scratch_dir().unwrap();
    let rabbitmq = RabbitMq::start(scratch.path()).await.unwrap();
    rabbitmq.ctl(&["add_user", USER, "limited"]).await.unwrap();
    let mut world = World::on(&rabbitmq.url(), fleet(1)).await;
    world.set_env(
        "AMQP_URL",
        rabbitmq.url().replace("guest:guest", "limited:limited"),
    );
    let prefix = world.names.commands_exchange();
    let (commands, default) = (format!("^{prefix}"), "^amq\\.default$");
    let both = format!("{commands}|{default}");
    let only_commands = format!("^{prefix}$|^{prefix}\\.(step|revert|requests|dead)|{default}");
    let cases = [
        (["^$", ALL, ALL], "permission to configure"),
        ([ALL, "^$", ALL], "permission to "),
        ([ALL, ALL, "^$"], "permission to "),
        // Everything but where replies go.
        ([ALL, &commands, ALL], "permission to write \"amq.default\""),
        // Everything but the events.
        ([ALL, &only_commands, ALL], "permission to write"),
        // Exchanges to bind the queues from, and no queue.
        (
            [ALL, ALL, &format!("^{prefix}$|dead-letters$")],
            "permission to read",
        ),
    ];
    for (permissions, named) in cases {
        permit(&rabbitmq, permissions).await;
        let worker = world.worker();
        until(&format!("the refusal {permissions:?}"), || async {
            worker.log().contains(named).then_some(())
        })
        .await;
        let log = worker.log();
        for word in [
            "\"limited\"",
            "\"/\"",
            "rabbitmqctl set_permissions -p '/' 'limited'",
        ] {
            assert!(log.contains(word), "{word} in\n{log}");
        }
        assert_eq!(worker.exit(SOON).await.0, Some(5), "{permissions:?}");
    }

    // The command line says so, too.
    permit(&rabbitmq, ["^amq\\.gen", "^amq\\.gen", "^amq\\.gen"]).await;
    let doctor = world.cli(&["doctor"]).await;
    let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(said.contains("Permissions on RabbitMQ [failed]"), "{said}");
    assert!(said.contains("permission to write"), "{said}");

    // With what the texts say, a worker starts and carries out an upgrade.
    let gen_too = |permission: &str| format!("{permission}|^amq\\.gen");
    let needed = [commands.as_str(), &both, &commands].map(gen_too);
    permit(&rabbitmq, needed.each_ref().map(String::as_str)).await;
    let _worker = world.worker();
    let id = world.accepted(&world.request(0)).await;
    crate::support::all_upgraded(&world, &[id]).await;
    world.close().await;
    rabbitmq.stop().await.unwrap();
}

#[tokio::test]
async fn when_a_permission_is_taken_away_then_the_running_worker_ends() {
    let scratch = scratch_dir().unwrap();
    let rabbitmq = RabbitMq::start(scratch.path()).await.unwrap();
    rabbitmq.ctl(&["add_user", USER, "limited"]).await.unwrap();
    permit(&rabbitmq, [ALL, ALL, ALL]).await;
    let mut world = World::on(&rabbitmq.url(), fleet(1)).await;
    world.set_env(
        "AMQP_URL",
        rabbitmq.url().replace("guest:guest", "limited:limited"),
    );
    let hold = FaultKind::Slow(Duration::from_secs(2));
    world.fault(0, Fault::new("show-version", hold).once());
    let worker = world.worker();
    let id = world.accepted(&world.request(0)).await;
    world.held_in(id, schemas::State::DeviceValidation).await;
    // It may publish no longer; what it does next has to be published.
    permit(&rabbitmq, [ALL, "^$", ALL]).await;
    let exit = worker.exit(Duration::from_secs(120)).await;
    assert_eq!(exit.0, Some(5));
    assert!(
        world.logs().contains("permission to write"),
        "{}",
        world.logs()
    );

    // Another one goes on.
    permit(&rabbitmq, [ALL, ALL, ALL]).await;
    let _worker = world.worker();
    crate::support::all_upgraded(&world, &[id]).await;
    world.close().await;
    rabbitmq.stop().await.unwrap();
}
