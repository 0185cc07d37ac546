//! The protocol as a model: ledger, courier, workers and devices, small enough for a model checker
//! ([`stateright`]) to look at every world that they can reach.
//!
//! ```text
//! cargo xtask test -p model                                  # at the bounds of the tests
//! cargo run --release -p model -- --faults 2                 # at other bounds
//! cargo run --release -p model -- normal-upgrade --without intent-first
//! ```
//!
//! The last one turns a rule of the protocol off and prints the shortest way to a world in which
//! something must not be. Each rule is tried so by `tests/bites.rs`.
//!
//! # What is modelled
//!
//! | | |
//! |---|---|
//! | [`ledger`] | the rows, and the statements on them by their names: `accept`, `claim`, `note`, `record`, `wait`, `due`, `end_announced` |
//! | [`courier`] | messages that wait, in any order |
//! | [`worker`], `engine/` | a message in a worker's hands, step by step, by the names of the engine's functions |
//! | [`states`] | what an acting state sees of a device, and the one rule on sending commands |
//! | [`device`], `wire.rs` | a switch with its TPVM, EFA, and commands on their way to them |
//! | [`action`] | what can happen next |
//! | [`faults`] | what can go wrong next |
//! | [`rules`] | the protocol's rules, each of which can be turned off |
//! | [`properties`], [`recovery`] | what must hold in every world |
//! | [`checking`] | the checker at work |
//! | [`configuration`] | how many of each thing, and how many faults |
//!
//! Where an execution goes is decided by the project's own function, `schemas::next_undecided`, and
//! what it does there by the same rule as in the product, told again in few lines.
//!
//! A worker takes one step at a time, and between any two of them anything else can happen: another
//! worker's step, a device's, a fault. So a process dies in every gap of a message's life: before
//! and after the claim, between the two halves of a look at the device, after the intent, with the
//! command on its way, after the answer, after the record, between event and message, before the
//! acknowledgement.
//!
//! # Time
//!
//! There is no clock. Whoever asks whether a time has come gets either answer, and both are
//! explored. So what is found holds for every setting of `worker.claim`, `timing.poll`,
//! `due.again_after` and the deadlines, and for steps of any duration. Two things are known to come
//! before others:
//!
//! - *settle*: a command is written only while there is time to send, and arrives or is lost within
//!   the command timeout. So none is on its way once its intent is older than `settle`
//!   ([`rules::Rule::WireBounded`], which can be turned off like a rule: then a command takes effect
//!   twice);
//! - the ledger's loop lets a living worker announce first what it is about to announce; that it
//!   does not is one of the faults.
//!
//! # What is left out
//!
//! Requests and rows that can't be read; the wait for EFA after a revert; stale health right after
//! an upgrade. EFA is looked at in one piece, a switch in two. The ledger's loop takes and publishes
//! in one. Statements are not slow, only their answers get lost.
//!
//! # What is bounded
//!
//! The numbers of devices, requests, workers and faults. Faults are of any kind, at any moment, in
//! any mix. A fault is one event (a death, a lost answer, a claim that its holder outlives); what
//! follows without anything else going wrong is free. Of one message two copies wait at most.
//!
//! Worlds that differ in nothing that matters are one (`reduction.rs`): which of two workers does
//! what; messages older than the last step, which whoever gets them only acknowledges; the past of
//! an upgrade that has ended and that nothing refers to any more.
//!
//! # Liveness
//!
//! "Every accepted upgrade ends" is checked as: *from every reachable world an end can be reached
//! once nothing more goes wrong*. [`recovery`] says why that is enough, and why the checker's own
//! `eventually` is not used.

pub mod action;
pub mod checking;
pub mod configuration;
pub mod courier;
pub mod device;
mod engine;
pub mod explain;
pub mod faults;
pub mod ledger;
pub mod properties;
pub mod recovery;
mod reduction;
pub mod rules;
pub mod states;
mod wire;
pub mod witness;
pub mod worker;
pub mod world;
