//! W3C trace context: the `traceparent` header that links the log lines of one upgrade across
//! processes.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// A `traceparent` of version 00 (W3C Trace Context, level 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: u128,
    span_id: u64,
    sampled: bool,
}

impl TraceContext {
    /// The root of a new trace.
    pub fn new_root() -> Self {
        Self {
            trace_id: Uuid::new_v4().as_u128(),
            span_id: new_span_id(),
            sampled: true,
        }
    }

    /// A new span in the same trace.
    pub fn child(self) -> Self {
        Self {
            span_id: new_span_id(),
            ..self
        }
    }

    /// The trace's id: 32 hexadecimal digits.
    pub fn trace_id(self) -> String {
        format!("{:032x}", self.trace_id)
    }
}

/// Random, and never the all-zero id that the standard forbids: a v4 UUID has bits that are set
/// in both halves.
fn new_span_id() -> u64 {
    Uuid::new_v4().as_u64_pair().1
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "00-{:032x}-{:016x}-{:02x}",
            self.trace_id,
            self.span_id,
            u8::from(self.sampled)
        )
    }
}

/// Not a `traceparent`. Whoever reads one starts a new trace instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a W3C traceparent")]
pub struct InvalidTraceparent;

impl FromStr for TraceContext {
    type Err = InvalidTraceparent;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hex = |part: &str, len: usize| {
            let digits = part
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
            (part.len() == len && digits)
                .then(|| u128::from_str_radix(part, 16).ok())
                .flatten()
                .ok_or(InvalidTraceparent)
        };
        let mut parts = text.split('-');
        let mut part = || parts.next().ok_or(InvalidTraceparent);
        let version = hex(part()?, 2)?;
        let trace_id = hex(part()?, 32)?;
        let span_id = hex(part()?, 16)? as u64;
        let flags = hex(part()?, 2)?;
        // A later version may carry more parts behind the four known ones; version ff is invalid.
        let trailing = parts.next().is_some();
        if version == 0xff || (version == 0 && trailing) || trace_id == 0 || span_id == 0 {
            return Err(InvalidTraceparent);
        }
        Ok(Self {
            trace_id,
            span_id,
            sampled: flags & 1 == 1,
        })
    }
}
