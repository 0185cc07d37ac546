//! The `traceparent` header, by W3C Trace Context, level 1, section 3.2.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use schemas::TraceContext;

const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[test]
fn a_header_survives_a_round_trip() {
    for text in [
        GOOD,
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
    ] {
        assert_eq!(text.parse::<TraceContext>().unwrap().to_string(), text);
    }
    let trace: TraceContext = GOOD.parse().unwrap();
    assert_eq!(trace.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
}

#[test]
fn unknown_flags_are_dropped() {
    let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff";
    assert_eq!(text.parse::<TraceContext>().unwrap().to_string(), GOOD);
}

#[test]
fn a_later_version_is_read_as_far_as_it_is_known() {
    for text in [
        GOOD.replacen("00", "01", 1),
        format!("{}-more-of-it", GOOD.replacen("00", "cc", 1)),
    ] {
        assert_eq!(text.parse::<TraceContext>().unwrap().to_string(), GOOD);
    }
}

#[test]
fn anything_else_is_refused() {
    let bad = [
        "",
        "00",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
    ];
    for text in bad {
        assert!(text.parse::<TraceContext>().is_err(), "{text:?}");
    }
    for c in (0..128u8).map(char::from) {
        let changed = GOOD.replacen('f', &c.to_string(), 1);
        let hex = c.is_ascii_digit() || ('a'..='f').contains(&c);
        assert_eq!(changed.parse::<TraceContext>().is_ok(), hex, "{c:?}");
    }
}

#[test]
fn new_traces_differ_and_children_share_theirs() {
    let (one, other) = (TraceContext::new_root(), TraceContext::new_root());
    assert_ne!(one.trace_id(), other.trace_id());
    let child = one.child();
    assert_eq!(child.trace_id(), one.trace_id());
    assert_ne!(child, one);
    for trace in [one, other, child] {
        assert_eq!(trace.to_string().parse::<TraceContext>().unwrap(), trace);
        assert_eq!(trace.to_string().len(), 55);
    }
}
