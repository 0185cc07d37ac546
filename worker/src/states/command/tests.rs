use super::*;

fn at(age: std::time::Duration, sends: i32) -> (DateTime<Utc>, Intent) {
    let intent = Intent {
        at: DateTime::UNIX_EPOCH,
        sends,
        baseline: Baseline::default(),
    };
    (intent.at + age, intent)
}

fn no_trace(age: std::time::Duration, sends: i32) -> Next {
    let (now, intent) = at(age, sends);
    rule(&Timing::default(), now, Seen::NoTrace, Some(&intent))
}

#[test]
fn without_an_intent_the_command_is_sent_for_the_first_time() {
    let now = DateTime::UNIX_EPOCH;
    let next = rule(&Timing::default(), now, Seen::NoTrace, None);
    assert!(matches!(next, Next::Send(1)));
}

/// Until then the command may still be on its way to the device.
#[test]
fn a_device_without_a_trace_is_not_believed_before_the_command_has_settled() {
    let almost = Timing::default().settle - std::time::Duration::from_millis(1);
    assert!(matches!(
        no_trace(almost, 1),
        Next::Stop(Ok(Progress::Waiting { .. }))
    ));
    assert!(matches!(
        no_trace(Timing::default().settle, 1),
        Next::Send(2)
    ));
}

#[test]
fn a_command_is_not_sent_for_ever() {
    let sends = Timing::default().max_sends.cast_signed();
    assert!(matches!(
        no_trace(Timing::default().settle, sends),
        Next::Stop(Err(Setback::Failed { .. }))
    ));
}
