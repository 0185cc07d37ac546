//! Durations as people write them: `90s`, `10m`, `1h 30m`.

use std::time::Duration;

use schemas::values::InvalidValue;
use serde::{Deserialize, Deserializer, Serializer, de};

const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// The duration as it would be written in the file.
pub fn text(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&text(*duration))
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let invalid = |expected| {
        de::Error::custom(InvalidValue {
            what: "duration",
            expected,
        })
    };
    let duration =
        humantime::parse_duration(&text).map_err(|_| invalid("a time like 90s, 10m or 1h 30m"))?;
    // Clocks can't count to what is much longer.
    if duration > LONGEST {
        return Err(invalid("a year at most"));
    }
    Ok(duration)
}
