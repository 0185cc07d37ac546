//! Switches that take logins in their own way: an account is never tried more often than needed,
//! and what ends an upgrade says why.

use std::collections::HashSet;

use schemas::{State, Verdict};
use simulator::{DeploymentOptions, Fleet, Login, Profile};
use tests::{Process, World};

fn fleet(logins: &[Login]) -> Fleet {
    let options = logins.iter().map(|login| DeploymentOptions {
        login: *login,
        ..DeploymentOptions::default()
    });
    Fleet::with(&options.collect::<Vec<_>>())
}

fn workers(world: &World, count: usize) -> Vec<Process> {
    let worker = |_| world.worker_with("timing.retry_first = '100ms'");
    (0..count).map(worker).collect()
}

/// A connection that ends while a login is checked may be a refusal: such a switch got 21 logins
/// with a wrong password, enough to lock the account.
#[tokio::test]
async fn when_a_switch_disconnects_in_place_of_a_refusal_then_it_gets_two_logins_from_all_workers()
{
    let world = World::new(fleet(&[Login::Cuts, Login::Plain, Login::Keyboard])).await;
    std::fs::write(world.secrets_dir().join("slx-password"), "wr0ng-password").unwrap();
    let _workers = workers(&world, 3);
    let requests: Vec<_> = (0..3).map(|n| world.request(n)).collect();
    let ids = world.accepted_all(&requests).await;
    for (n, logins, said) in [
        (0, 2, "(tried 2 times)"),
        (1, 1, "the switch refused the password"),
        (2, 1, "the switch refused the password"),
    ] {
        let execution = world.finished(ids[n]).await;
        assert_eq!(execution.verdict, Some(Verdict::Failed), "{execution:?}");
        assert_eq!(execution.failed_state, Some(State::DeviceValidation));
        let failure = execution.failure.unwrap();
        assert!(failure.cause.contains(said), "{failure:?}");
        assert!(failure.remedy.contains("locked the account"), "{failure:?}");
        assert!(!failure.cause.contains("wr0ng"), "{failure:?}");
        let (active, standby) = (world.active(n), world.standby(n));
        let received = [active.received("ssh-login"), standby.received("ssh-login")];
        assert!(
            received.iter().all(|count| *count <= logins),
            "{n}: {received:?}"
        );
        assert!(received.contains(&logins), "{n}: {received:?}");
    }
    world.close().await;
}

/// What only a person can answer ends the upgrade at once, with its text; what may pass is tried
/// again, and has its own remedy.
#[tokio::test]
async fn when_a_switch_wants_more_than_a_password_then_its_words_end_the_upgrade() {
    let logins = [
        Login::KeyboardTwoFields,
        Login::KeyboardCode,
        Login::Question,
    ];
    let world = World::new(fleet(&logins)).await;
    let _workers = workers(&world, 2);
    let requests: Vec<_> = (0..3).map(|n| world.request(n)).collect();
    let ids = world.accepted_all(&requests).await;
    let mut remedies = HashSet::new();
    for (n, logins, said) in [
        (0, 0, "Login / Password: / One-time code from the token:"),
        (1, 1, "Login / One-time code from the token:"),
        (
            2,
            1,
            "Your password is about to expire. Change it now? [y/n]:",
        ),
    ] {
        let execution = world.finished(ids[n]).await;
        assert_eq!(execution.verdict, Some(Verdict::Failed), "{execution:?}");
        let failure = execution.failure.unwrap();
        assert!(failure.cause.contains(said), "{failure:?}");
        remedies.insert(failure.remedy);
        let received =
            [world.active(n), world.standby(n)].map(|switch| switch.received("ssh-login"));
        assert!(
            received.iter().all(|count| *count <= logins),
            "{n}: {received:?}"
        );
    }
    assert!(
        remedies
            .iter()
            .all(|remedy| remedy.contains("log in by hand")),
        "{remedies:?}"
    );
    world.close().await;
}

#[tokio::test]
async fn when_passwords_are_typed_at_the_keyboard_then_the_upgrade_succeeds() {
    let mut options = vec![DeploymentOptions::default(); 2];
    for (options, profile) in options
        .iter_mut()
        .zip([Profile::Plain, Profile::HardenedSsh])
    {
        options.login = Login::Keyboard;
        options.profile = profile;
    }
    let world = World::new(Fleet::with(&options)).await;
    let _worker = world.worker();
    for n in 0..2 {
        let id = world.accepted(&world.request(n)).await;
        let execution = world.finished(id).await;
        assert_eq!(execution.verdict, Some(Verdict::Succeeded), "{execution:?}");
    }
    world.close().await;
}
