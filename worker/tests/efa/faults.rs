//! What goes wrong with EFA is its own error, and never taken for a success.

use std::time::{Duration, Instant};

use simulator::{Fault, FaultKind, Fleet};
use tokio::net::TcpListener;
use worker::efa::{Efa, EfaApi, EfaClients, EfaError, Effect};
use worker::permit::Permit;

use super::lab::{Lab, leave, no_leave};
use super::{open, open_with, settings, target};

async fn lab() -> Lab {
    Lab::start(Fleet::generate(1)).await
}

/// A client that gives up soon and tries reads only once.
fn impatient(lab: &Lab) -> Efa {
    let mut settings = settings(lab);
    settings.request_timeout = Duration::from_millis(700);
    settings.read_attempts = 1;
    open_with(lab, &settings)
}

/// However the time passed: here a login takes longer than the leave lasts.
#[tokio::test]
async fn a_redeploy_without_leave_is_not_sent() {
    let lab = lab().await;
    let efa = open(&lab);
    let error = efa.redeploy(false, &no_leave()).await.unwrap_err();
    assert!(matches!(error, EfaError::TooLate { .. }), "{error:?}");
    assert!(error.is_transient() && error.effect() == Effect::None);

    let slow = FaultKind::Slow(Duration::from_millis(1500));
    let efa = open(&lab);
    lab.deployment()
        .fault(Fault::new("efa-token", slow))
        .unwrap();
    let soon = Permit::until((Instant::now() + Duration::from_secs(1)).into());
    let error = efa.redeploy(false, &soon).await.unwrap_err();
    assert!(matches!(error, EfaError::TooLate { .. }), "{error:?}");
    assert_eq!(lab.deployment().received("efa-redeploy"), 0);
}

/// The error of a redeploy that meets a fault; the login has happened before.
async fn redeploy_with(lab: &Lab, efa: &Efa, kind: FaultKind) -> EfaError {
    efa.nodes().await.unwrap();
    lab.deployment()
        .fault(Fault::new("efa-redeploy", kind))
        .unwrap();
    let error = efa.redeploy(false, &leave()).await.unwrap_err();
    assert_eq!(
        lab.deployment().received("efa-redeploy"),
        1,
        "sent once: {error:?}"
    );
    error
}

#[tokio::test]
async fn reads_are_repeated_a_few_times() {
    let lab = lab().await;
    let efa = open(&lab);
    for kind in [FaultKind::Refuse(None), FaultKind::LostBeforeEffect] {
        let fault = Fault::new("efa-status", kind);
        lab.deployment().fault(fault.times(2)).unwrap();
        assert_eq!(efa.nodes().await.unwrap().len(), 2);
    }
    assert_eq!(lab.deployment().received("efa-status"), 6);

    let for_ever = FaultKind::Refuse(Some("database is locked".to_owned()));
    lab.deployment()
        .fault(Fault::new("efa-deployment", for_ever))
        .unwrap();
    let error = efa.deployment().await.unwrap_err();
    let EfaError::Status { code, message, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!((*code, message.as_str()), (500, "database is locked"));
    assert!(error.is_transient() && error.effect() == Effect::None);
    assert_eq!(lab.deployment().received("efa-deployment"), 3);
}

#[tokio::test]
async fn a_login_is_repeated_after_a_server_error() {
    let lab = lab().await;
    let refused = Fault::new("efa-token", FaultKind::Refuse(None));
    lab.deployment().fault(refused.times(2)).unwrap();
    open(&lab).nodes().await.unwrap();
    assert_eq!(lab.deployment().received("efa-token"), 3);
}

#[tokio::test]
async fn a_redeploy_without_a_clear_answer_may_have_begun() {
    let lab1 = lab().await;
    let error = redeploy_with(&lab1, &open(&lab1), FaultKind::ApplyReplyLost).await;
    assert!(matches!(error, EfaError::Lost { .. }), "{error:?}");
    assert_eq!(error.effect(), Effect::Perhaps);
    assert_eq!(lab1.deployment().effects("efa-redeploy"), 1);

    let lab2 = lab().await;
    let error = redeploy_with(&lab2, &open(&lab2), FaultKind::Garbage).await;
    assert!(matches!(error, EfaError::Invalid { .. }), "{error:?}");
    assert_eq!(error.effect(), Effect::Perhaps);

    let lab3 = lab().await;
    let error = redeploy_with(&lab3, &open(&lab3), FaultKind::Refuse(None)).await;
    assert!(matches!(error, EfaError::Status { .. }), "{error:?}");
    assert_eq!(error.effect(), Effect::Perhaps);

    let lab4 = lab().await;
    let slow = FaultKind::Slow(Duration::from_secs(30));
    let mut patient = settings(&lab4);
    patient.request_timeout = Duration::from_secs(3);
    let error = redeploy_with(&lab4, &open_with(&lab4, &patient), slow).await;
    assert!(matches!(error, EfaError::Timeout { .. }), "{error:?}");
    assert_eq!(error.effect(), Effect::Perhaps);
}

#[tokio::test]
async fn a_second_redeploy_is_an_error() {
    let lab = lab().await;
    let efa = open(&lab);
    efa.redeploy(false, &leave()).await.unwrap();
    let error = efa.redeploy(false, &leave()).await.unwrap_err();
    assert!(matches!(error, EfaError::Status { .. }), "{error:?}");
    assert_eq!(lab.deployment().effects("efa-redeploy"), 1);
}

#[tokio::test]
async fn answers_that_are_cut_off_or_garbage_are_no_answers() {
    let lab = lab().await;
    let efa = impatient(&lab);
    for bytes in [0, 1, 10, 40, 90, 150, 200] {
        let cut = FaultKind::DropAfterBytes(bytes);
        lab.deployment()
            .fault(Fault::new("efa-status", cut).once())
            .unwrap();
        let error = efa.nodes().await.unwrap_err();
        assert!(matches!(error, EfaError::Lost { .. }), "{bytes}: {error:?}");
    }
    let id = efa.redeploy(false, &leave()).await.unwrap();
    for call in ["efa-status", "efa-deployment", "efa-redeploy-status"] {
        lab.deployment()
            .fault(Fault::new(call, FaultKind::Garbage))
            .unwrap();
    }
    let errors = [
        efa.nodes().await.unwrap_err(),
        efa.deployment().await.unwrap_err(),
        efa.redeploy_status(&id).await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, EfaError::Invalid { .. }), "{error:?}");
        assert!(!error.is_transient());
    }
    // A 404 that EFA did not write says nothing about the redeploy.
    let error = efa.redeploy_status("some-id").await.unwrap_err();
    assert!(
        matches!(error, EfaError::Status { code: 404, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_slow_read_times_out() {
    let lab = lab().await;
    let slow = FaultKind::Slow(Duration::from_secs(30));
    lab.deployment()
        .fault(Fault::new("efa-token", slow))
        .unwrap();
    let error = impatient(&lab).redeploy(false, &leave()).await.unwrap_err();
    assert!(matches!(error, EfaError::Timeout { .. }), "{error:?}");
    // The redeploy itself was never sent.
    assert_eq!(error.effect(), Effect::None);
    assert_eq!(lab.deployment().received("efa-redeploy"), 0);
}

#[tokio::test]
async fn a_wrong_password_is_a_refused_login() {
    let lab = lab().await;
    lab.set_secret("efa-password", "wr0ng-password");
    let error = open(&lab).nodes().await.unwrap_err();
    let EfaError::Login { message, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(message, "invalid user name or password");
    assert!(!error.is_transient() && error.effect() == Effect::None);
    assert!(!format!("{error} {error:?}").contains("wr0ng"));
    assert_eq!(lab.deployment().received("efa-token"), 1);
}

#[tokio::test]
async fn only_the_right_authority_is_trusted() {
    let (lab, other) = (lab().await, lab().await);
    let mut wrong = settings(&lab);
    wrong.ca_file = Some(other.ca_file.clone());
    let error = open_with(&lab, &wrong)
        .redeploy(false, &leave())
        .await
        .unwrap_err();
    assert!(matches!(error, EfaError::Tls { .. }), "{error:?}");
    assert_eq!(error.effect(), Effect::None);
    assert_eq!(lab.deployment().received("efa-token"), 0);

    wrong.ca_file = None;
    let error = open_with(&lab, &wrong).nodes().await.unwrap_err();
    assert!(matches!(error, EfaError::Tls { .. }), "{error:?}");

    for content in [None, Some("no certificate")] {
        let path = lab.dir.path().join("other.pem");
        content
            .iter()
            .for_each(|content| std::fs::write(&path, content).unwrap());
        wrong.ca_file = Some(path);
        let error = EfaClients::new(&wrong).unwrap_err();
        assert!(error.to_string().contains("other.pem"), "{error}");
    }
}

#[tokio::test]
async fn nobody_there_is_transient() {
    let lab = lab().await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut target = target(&lab);
    target.api_url = format!("https://{}/v1", closed.local_addr().unwrap());
    drop(closed);
    let clients = EfaClients::new(&settings(&lab)).unwrap();
    let efa = clients.open(&target, &lab.secrets()).unwrap();
    let error = efa.redeploy(false, &leave()).await.unwrap_err();
    assert!(matches!(error, EfaError::Connect { .. }), "{error:?}");
    assert!(error.is_transient() && error.effect() == Effect::None);
}

#[tokio::test]
async fn only_https_without_credentials_is_opened() {
    let lab = lab().await;
    let clients = EfaClients::new(&settings(&lab)).unwrap();
    for url in [
        "http://127.0.0.1/v1",
        "https://user:pw@127.0.0.1/v1",
        "https://h/v1?a=b",
        "efa",
    ] {
        let mut target = target(&lab);
        target.api_url = url.to_owned();
        let error = clients.open(&target, &lab.secrets()).unwrap_err();
        assert!(matches!(error, EfaError::Invalid { .. }), "{error:?}");
        assert!(!error.to_string().contains("pw@"));
    }
    let mut target = target(&lab);
    target.password_secret = "no-such-secret".parse().unwrap();
    let error = clients.open(&target, &lab.secrets()).unwrap_err();
    assert!(matches!(error, EfaError::Secret(_)), "{error:?}");
    lab.assert_no_secret(&format!("{clients:?} {:?}", open(&lab)));
}
