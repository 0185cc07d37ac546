//! The tables at the end, and everything needed to look into a violation.

use std::collections::BTreeMap;

use comfy_table::{CellAlignment, ContentLineStyle, LineStyle, Table, TableStyle};
use uuid::Uuid;

use crate::checks::{self, End, Evidence, Violation};
use crate::monkey::Fault;
use crate::records::Move;
use crate::upgrades::kinds::KINDS;
use crate::vitals::median;

const CONTENT: ContentLineStyle = ContentLineStyle::new('|', '|', '|');
const MARKDOWN: TableStyle = TableStyle::new()
    .header_lines(CONTENT)
    .header_separator(LineStyle::new('|', '-', '|', '|'))
    .content_lines(CONTENT);

/// How many lines of the logs are shown about one violation, and how many violations in full.
const LOG_LINES: usize = 60;
const IN_FULL: usize = 10;

/// All tables.
pub fn tables(evidence: &Evidence) -> String {
    [
        upgrades(evidence),
        faults(evidence),
        dead_letters(evidence),
        vitals(evidence),
    ]
    .join("\n\n")
}

fn upgrades(evidence: &Evidence) -> String {
    let mut table = table(&["upgrades", "number", "as told", "command lost", "otherwise"]);
    let mut sums = [0; 4];
    for kind in &KINDS {
        let of_kind = evidence
            .upgrades
            .iter()
            .filter(|upgrade| upgrade.kind.name == kind.name);
        let mut row = [0; 4];
        for upgrade in of_kind {
            let end = evidence
                .of(upgrade)
                .map(|(execution, history)| checks::end(upgrade, execution, history));
            row[0] += 1;
            match end {
                Some(Ok(End::AsTold)) => row[1] += 1,
                Some(Ok(End::CommandLost)) => row[2] += 1,
                Some(Err(_)) | None => row[3] += 1,
            }
        }
        for (sum, number) in sums.iter_mut().zip(row) {
            *sum += number;
        }
        add(&mut table, kind.name, row.map(|number| number.to_string()));
    }
    add(&mut table, "all", sums.map(|number| number.to_string()));
    table.to_string()
}

fn faults(evidence: &Evidence) -> String {
    let mut kinds: BTreeMap<&str, Vec<&Fault>> = BTreeMap::new();
    for fault in &evidence.done.faults {
        kinds.entry(fault.kind).or_default().push(fault);
    }
    let mut table = table(&["faults", "number", "recovered: median", "worst"]);
    for (kind, faults) in &kinds {
        let recovered = faults.iter().filter_map(|fault| recovery(fault, evidence));
        let recovered: Vec<f64> = recovered.collect();
        let worst = recovered.iter().copied().fold(0.0, f64::max);
        let time = |seconds: f64| match recovered.is_empty() {
            true => "–".to_owned(),
            false => format!("{seconds:.1} s"),
        };
        let row = [
            faults.len().to_string(),
            time(median(recovered.clone())),
            time(worst),
        ];
        add(&mut table, kind, row);
    }
    let all = evidence.done.faults.len().to_string();
    add(&mut table, "all", [all, String::new(), String::new()]);
    table.to_string()
}

/// From the end of a fault until the next step is recorded of one of the upgrades that it hit, or by
/// the worker whose ways it broke.
fn recovery(fault: &Fault, evidence: &Evidence) -> Option<f64> {
    let outlives = |id: &Uuid, row: &Move| {
        row.ended_at > fault.end
            && (fault.hit.contains(id) || fault.worker.as_ref() == Some(&row.worker))
    };
    let steps = evidence.histories.iter();
    let steps = steps.flat_map(|(id, history)| history.iter().map(move |row| (id, row)));
    let after = steps.filter(|(id, row)| outlives(id, row));
    let next = after.map(|(_, row)| row.ended_at).min()?;
    (next - fault.end)
        .to_std()
        .ok()
        .map(|time| time.as_secs_f64())
}

fn dead_letters(evidence: &Evidence) -> String {
    let counts = checks::dead_letters(evidence);
    let mut table = table(&["messages", "number"]);
    for (what, number) in [
        (
            "garbage kept in the dead letters, with its reason",
            counts.kept,
        ),
        ("old steps dropped", counts.dropped),
        (
            "garbage on its way when the broker lost everything",
            counts.wiped,
        ),
        ("other dead letters: delivered too often", counts.other),
        (
            "ends told while the broker lost everything",
            checks::ends_excused(evidence),
        ),
    ] {
        add(&mut table, what, [number.to_string()]);
    }
    table.to_string()
}

fn vitals(evidence: &Evidence) -> String {
    let mut table = table(&[
        "long-lived workers",
        "second quarter",
        "last quarter",
        "highest",
    ]);
    for course in &evidence.courses {
        let what = format!("{}: {}", course.worker, course.what);
        let row = [course.early, course.late, course.highest];
        add(&mut table, &what, row.map(|value| format!("{value:.0}")));
    }
    table.to_string()
}

/// One violation with what there is about its upgrade.
pub fn violations(evidence: &Evidence, violations: &[Violation]) -> String {
    let mut text = String::new();
    for violation in violations.iter().take(IN_FULL) {
        text += &format!("\nVIOLATION: {}\n", violation.what);
        if let Some(id) = violation.execution {
            text += &about(evidence, id);
        }
    }
    for violation in violations.iter().skip(IN_FULL) {
        let id = violation
            .execution
            .map_or_else(String::new, |id| format!(" ({id})"));
        text += &format!("\nVIOLATION: {}{id}", violation.what);
    }
    text
}

fn about(evidence: &Evidence, id: Uuid) -> String {
    let mut text = format!("  execution {id}");
    if let Some(upgrade) = evidence
        .upgrades
        .iter()
        .find(|upgrade| upgrade.execution_id() == Some(id))
    {
        let deployment = &evidence.site.deployments[upgrade.deployment].name;
        text += &format!(
            ", upgrade {} ({}) at {deployment}",
            upgrade.number, upgrade.kind.name
        );
    }
    text.push('\n');
    for row in evidence.histories.get(&id).into_iter().flatten() {
        let why = row
            .failure_cause
            .as_deref()
            .or(row.detail.as_deref())
            .unwrap_or_default();
        text += &format!(
            "  {:>3} {} {} {} -> {} by {}: {why}\n",
            row.seq, row.ended_at, row.from_state, row.outcome, row.to_state, row.worker
        );
    }
    let id = id.to_string();
    let mut lines: Vec<String> = Vec::new();
    for worker in &evidence.site.workers {
        let log = worker.log();
        let found = log.lines().filter(|line| line.contains(&id));
        lines.extend(found.map(|line| format!("  {}: {line}", worker.name)));
    }
    // By the time, which stands behind the worker's name.
    lines.sort_by(|a, b| {
        a.split_once(": ")
            .map(|(_, rest)| rest)
            .cmp(&b.split_once(": ").map(|(_, rest)| rest))
    });
    let left_out = lines.len().saturating_sub(LOG_LINES);
    if left_out > 0 {
        text += &format!("  … {left_out} earlier lines\n");
    }
    text + &lines[left_out..].join("\n") + "\n"
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(MARKDOWN).set_header(header);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn add<const N: usize>(table: &mut Table, what: &str, numbers: [String; N]) {
    table.add_row(std::iter::once(what.to_owned()).chain(numbers));
}
