//! The laws: what must hold whatever goes wrong. One file for each, its law in the first lines;
//! each runs over all states, points, messages and commands that there are.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod a_redelivery;
mod b_fail_everywhere;
mod c_revert_twice;
mod d_ambiguous_outcome;
mod e_crash_points;
mod e_same_point;
mod f_undo_that_cannot;
mod g_stale;
mod h_forgetting_broker;
mod i_efa_answers;
mod i_unreadable_responses;
mod profiles;
mod remedies;

mod courier;
mod scene;
mod tally;
mod timing;
mod walks;
mod ways;
