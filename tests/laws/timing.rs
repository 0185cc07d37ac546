//! What differs from the tests' usual timing.

/// How long a state may take that only looks, and one that acts.
macro_rules! deadlines {
    ($looks:literal, $acts:literal) => {
        concat!(
            "timing.validation_deadline = '",
            $looks,
            "'\ntiming.configuration_deadline = '",
            $acts,
            "'\ntiming.installation_deadline = '",
            $acts,
            "'\ntiming.upgrade_deadline = '",
            $acts,
            "'\ntiming.revert_deadline = '",
            $acts,
            "'\ntiming.redeploy_deadline = '",
            $acts,
            "'\n"
        )
    };
}
pub(crate) use deadlines;

/// Many upgrades at once, on a machine that may have other things to do: no bound is the reason of
/// anything.
pub const PATIENT: &str = concat!(
    deadlines!("10m", "10m"),
    "timing.settle = '11s'
     timing.redeploy_quiet = '12s'
     worker.claim = '5s'
     worker.concurrency = 8
     slx.connect_timeout = '60s'
     slx.command_timeout = '8s'
     efa.connect_timeout = '30s'
     efa.request_timeout = '8s'"
);

/// One upgrade, whose worker dies: the next one gets its claim soon.
pub const PATIENT_AND_QUICK: &str = concat!(
    deadlines!("10m", "10m"),
    "timing.settle = '4s'
     timing.redeploy_quiet = '5s'
     slx.connect_timeout = '30s'"
);

/// The deadlines of what can be made to last for ever come soon.
pub const SHORT_DEADLINES: &str = concat!(
    deadlines!("10m", "20s"),
    "timing.settle = '4s'
     timing.redeploy_quiet = '5s'
     slx.connect_timeout = '30s'"
);

/// As patient, but for the deadlines of these states (`upgrade`), which come soon.
pub fn only_short(states: &[&str]) -> String {
    let all = [
        "validation",
        "configuration",
        "installation",
        "upgrade",
        "revert",
        "redeploy",
    ];
    let deadlines = all.map(|state| {
        let after = if states.contains(&state) {
            "20s"
        } else {
            "10m"
        };
        format!("timing.{state}_deadline = '{after}'\n")
    });
    deadlines.concat()
        + "timing.settle = '4s'
           timing.redeploy_quiet = '5s'
           timing.poll = '3s'
           worker.concurrency = 8
           slx.connect_timeout = '30s'"
}
