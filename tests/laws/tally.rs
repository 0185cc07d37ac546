//! How often each law was tried in each state: the rows of a table in docs/testing.md.

use schemas::State;

use crate::courier::states;

/// Prints the row of a test: its cases, one for each item, by state. A case that belongs to no
/// state in particular counts in the sum only.
pub fn tally<S: Into<Option<State>>>(test: &str, cases: impl IntoIterator<Item = S>) {
    let cases: Vec<Option<State>> = cases.into_iter().map(Into::into).collect();
    let count = |state: State| cases.iter().filter(|case| **case == Some(state)).count();
    let columns = states().into_iter().map(|state| match count(state) {
        0 => " – |".to_owned(),
        count => format!(" {count} |"),
    });
    let columns: String = columns.collect();
    println!("| {test} |{columns} {} |", cases.len());
}
