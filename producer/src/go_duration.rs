//! Durations as the vendor's command line prints them: the format of Go's `time.Duration`.

use std::time::Duration;

/// For example `237.426756ms`, `14.327964667s` or `1h2m3.5s`.
pub(crate) fn go_duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    match nanos {
        0 => "0s".to_owned(),
        1..1_000 => format!("{nanos}ns"),
        1_000..1_000_000 => decimal(nanos, 1_000, "µs"),
        1_000_000..1_000_000_000 => decimal(nanos, 1_000_000, "ms"),
        _ => {
            let minutes = duration.as_secs() / 60;
            let rest = decimal(nanos % 60_000_000_000, 1_000_000_000, "s");
            match (minutes / 60, minutes % 60) {
                (0, 0) => rest,
                (0, minutes) => format!("{minutes}m{rest}"),
                (hours, minutes) => format!("{hours}h{minutes}m{rest}"),
            }
        }
    }
}

/// `nanos` in `unit`s with as many decimals as it takes.
fn decimal(nanos: u128, unit: u128, suffix: &str) -> String {
    let (whole, rest) = (nanos / unit, nanos % unit);
    if rest == 0 {
        return format!("{whole}{suffix}");
    }
    let width = unit.ilog10() as usize;
    let decimals = format!("{rest:0width$}");
    format!("{whole}.{}{suffix}", decimals.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_what_go_prints() {
        let cases = [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5µs"),
            (237_426_756, "237.426756ms"),
            (1_000_000_000, "1s"),
            (14_327_964_667, "14.327964667s"),
            (60_000_000_000, "1m0s"),
            (62_050_000_000, "1m2.05s"),
            (3_600_000_000_000, "1h0m0s"),
            (90_061_000_000_001, "25h1m1.000000001s"),
        ];
        for (nanos, expected) in cases {
            assert_eq!(go_duration(Duration::from_nanos(nanos)), expected);
        }
    }
}
