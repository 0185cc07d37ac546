//! From a seed to a schedule.

use fastrand::Rng;

use crate::point::Point;
use crate::schedule::{End, Fabric, Fault, How, Request, Schedule, What};

/// The schedule of a seed. The same seed always gives the same schedule.
pub fn schedule(seed: u64) -> Schedule {
    let mut rng = Rng::with_seed(seed);
    let fabrics: Vec<Fabric> = (0..few(&mut rng, 3)).map(|_| fabric(&mut rng)).collect();
    let mut requests: Vec<Request> = (0..fabrics.len())
        .map(|fabric| Request {
            fabric,
            at: rng.u32(0..20),
            twice: rng.u8(0..8) == 0,
        })
        .collect();
    // A rival, or a next attempt after a failed one.
    if rng.u8(0..4) == 0 {
        requests.push(Request {
            fabric: rng.usize(0..fabrics.len()),
            at: [5, 40, 3_000][rng.usize(0..3)],
            twice: false,
        });
    }
    let faults = match rng.u8(0..16) {
        0 => 0,
        1..=8 => rng.usize(1..=3),
        9..=13 => rng.usize(3..=7),
        _ => rng.usize(7..=14),
    };
    Schedule {
        order: rng.u64(..),
        workers: rng.usize(1..=3),
        hurried: rng.u8(0..4) == 0,
        brisk: rng.u8(0..3) == 0,
        fabrics,
        requests,
        faults: (0..faults).flat_map(|_| faults_of(&mut rng)).collect(),
    }
}

/// From 1 to `most`, mostly few.
fn few(rng: &mut Rng, most: usize) -> usize {
    let mut count = 1;
    while count < most && rng.u8(0..5) < 2 {
        count += 1;
    }
    count
}

fn fabric(rng: &mut Rng) -> Fabric {
    match rng.u8(0..16) {
        0..=6 => Fabric::Old,
        7..=8 => Fabric::Trusting,
        9 => Fabric::Current,
        10..=14 => Fabric::Replaced,
        _ => Fabric::Active,
    }
}

/// A fault; and where a command's answer is awaited in vain, often the end of whoever waits: only
/// then does somebody else look at the device while the command may be on its way.
fn faults_of(rng: &mut Rng) -> Vec<Fault> {
    let first = fault(rng);
    let mut faults = vec![first];
    let in_vain = matches!(
        first.what,
        What::Silent | What::ReplySilent | What::OnTheWay { .. }
    );
    if first.at.is_command() && in_vain && rng.u8(0..4) < 3 {
        let secs = rng.u32(1..90);
        faults.push(Fault {
            at: Point::Before("renew"),
            nth: nth(rng, 12),
            what: match rng.u8(0..3) {
                0 => What::Kill { secs },
                1 => What::Stop { secs },
                _ => stall(rng),
            },
        });
    }
    faults
}

fn fault(rng: &mut Rng) -> Fault {
    let points = Point::all();
    let such = |is: fn(Point) -> bool| -> Vec<Point> {
        points.iter().copied().filter(|point| is(*point)).collect()
    };
    let at = match rng.u8(0..8) {
        // What can't be taken back, and what only a step's holder may write, matter most.
        0..=1 => *pick(rng, &such(Point::is_command)),
        2 => *pick(rng, &such(Point::is_holders)),
        _ => *pick(rng, &points),
    };
    let nth = nth(rng, if at.is_command() { 2 } else { 40 });
    let what = if rng.u8(0..5) < 2 {
        anywhere(rng)
    } else {
        there(rng, at)
    };
    Fault { at, nth, what }
}

/// Mostly one of the first times.
fn nth(rng: &mut Rng, most: u32) -> u32 {
    let mut nth = 1;
    while nth < most && rng.u8(0..8) < 5 {
        nth += 1;
    }
    nth
}

/// What may happen at any point.
fn anywhere(rng: &mut Rng) -> What {
    let secs = rng.u32(1..90);
    match rng.u8(0..12) {
        0..=2 => What::Kill { secs },
        3..=4 => What::KillAfter { secs },
        5 => What::Stop { secs },
        6..=7 => stall(rng),
        8 => What::PostgresAway { secs },
        9 => What::CourierAway { secs },
        10 => What::Forget,
        _ => What::Jump {
            secs: *pick(rng, &[-600, -60, -5, 5, 60, 600]),
        },
    }
}

/// For less than a claim lasts, or for longer.
fn stall(rng: &mut Rng) -> What {
    let secs = match rng.bool() {
        true => rng.u32(5..60),
        false => rng.u32(60..400),
    };
    What::Stall { secs }
}

/// What may happen at one kind of point only.
fn there(rng: &mut Rng, at: Point) -> What {
    let secs = rng.u32(1..118);
    match at {
        // Until somebody else holds the step.
        Point::Before(_) if at.is_holders() && rng.bool() => What::Stall {
            secs: rng.u32(60..400),
        },
        Point::Before(_) => What::Unavailable,
        Point::After(_) => What::Unanswered,
        Point::Publish("step" | "revert") => match rng.u8(0..6) {
            0 => What::Refused,
            1 => What::Unconfirmed,
            2..=3 => What::Lost,
            4 => What::Doubled,
            _ => What::Late { secs: 3 * secs },
        },
        Point::Publish(_) => match rng.u8(0..5) {
            0 => What::Refused,
            1 => What::Unconfirmed,
            2..=3 => What::Full { secs: 3 * secs },
            _ => What::Doubled,
        },
        Point::Settle(_) => What::AckLost,
        Point::Call("efa nodes") if rng.u8(0..2) == 0 => match rng.u8(0..2) {
            0 => What::Stale { secs: 3 * secs },
            _ => What::Failover,
        },
        Point::Call(_) if at.is_command() => match rng.u8(0..16) {
            0 => What::CutOff,
            1 => What::Silent,
            2 => What::ReplyLost,
            3 => What::ReplySilent,
            4..=5 => What::OnTheWay {
                secs: rng.u32(30..118),
            },
            6 => What::Garbled,
            7 => What::Declined,
            8 => What::Busy,
            // For longer than it has leave to send, and others wait for.
            9..=10 => What::Stall {
                secs: rng.u32(100..400),
            },
            _ => What::Becomes {
                end: *pick(
                    rng,
                    &[
                        End::Slow,
                        End::Endless,
                        End::Nothing,
                        End::Failed,
                        End::Broken,
                        End::OtherVersion,
                        End::OtherAddress,
                    ],
                ),
            },
        },
        Point::Call(_) if at.is_change() => match rng.u8(0..6) {
            0 => What::CutOff,
            1 => What::Silent,
            2 => What::ReplyLost,
            3 => What::ReplySilent,
            4 => What::Garbled,
            _ => What::Declined,
        },
        Point::Call(_) => match rng.u8(0..16) {
            0..=4 => What::CutOff,
            5..=7 => What::Silent,
            8 => What::Declined,
            9 => What::Garbled,
            _ => What::Unreadable {
                // For one look, or for several.
                secs: [0, 3 * secs][rng.usize(0..2)],
                how: *pick(rng, &[How::Refused, How::Garbled, How::Missing, How::Other]),
            },
        },
    }
}

fn pick<'a, T>(rng: &mut Rng, from: &'a [T]) -> &'a T {
    &from[rng.usize(0..from.len())]
}
