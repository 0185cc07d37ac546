//! How an upgrade's way is shown: lines, with a moving one below them on a terminal, or JSON.

use std::net::IpAddr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use schemas::status::NO_DETAIL;

use crate::commands::history::shown_duration;
use crate::error::CliError;
use crate::item::{HistoryItem, Item, shown_time};
use crate::output::Output;
use crate::text::printable;

const TICK: Duration = Duration::from_millis(100);

pub(super) struct View<'a> {
    output: &'a mut Output,
    /// The line that moves; only on a terminal.
    bar: Option<ProgressBar>,
    /// The last move's own words. The execution repeats them until its next step says more.
    last_move: String,
    last_move_at: DateTime<Utc>,
    last_standing: String,
}

impl<'a> View<'a> {
    pub(super) fn new(output: &'a mut Output) -> Self {
        let bar = output.is_live().then(moving_line);
        Self {
            output,
            bar,
            last_move: String::new(),
            last_move_at: DateTime::UNIX_EPOCH,
            last_standing: String::new(),
        }
    }

    /// A state was left.
    pub(super) fn moved(&mut self, ip: IpAddr, row: HistoryItem) -> Result<(), CliError> {
        if self.output.is_json() {
            self.output.json_line(&row)?;
        } else {
            let what = format!(
                "{}: {} ({}){}",
                row.state.title(),
                row.outcome.slug(),
                shown_duration(&row),
                after_colon(&row.detailed_status)
            );
            self.line(row.end_time, ip, &what)?;
        }
        self.last_move = row.detailed_status;
        self.last_move_at = row.end_time;
        Ok(())
    }

    /// How the upgrade stands, unless that was shown already.
    pub(super) fn standing(&mut self, item: &Item) -> Result<(), CliError> {
        let detail = match item.detailed_status.as_str() {
            told if told == self.last_move => NO_DETAIL,
            new => new,
        };
        let what = format!("{}{}", item.status, after_colon(detail));
        let ip = item.switch_data.ip_address;
        if let Some(bar) = &self.bar {
            bar.set_prefix(ip.to_string());
            bar.set_message(printable(&what));
            // Another machine's clock may be ahead of ours.
            bar.set_elapsed(
                (Utc::now() - self.last_move_at)
                    .to_std()
                    .unwrap_or_default(),
            );
        } else if !self.output.is_json() && what != self.last_standing {
            self.line(item.last_update_time, ip, &what)?;
        }
        self.last_standing = what;
        Ok(())
    }

    /// The upgrade ended.
    pub(super) fn ended(&mut self, item: &Item) -> Result<(), CliError> {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        if self.output.is_json() {
            return self.output.json_line(item);
        }
        let verdict = item.verdict.map_or("", |verdict| verdict.slug());
        let what = format!(
            "{} ({verdict}){}",
            item.status,
            after_colon(&item.detailed_status)
        );
        self.line(item.last_update_time, item.switch_data.ip_address, &what)
    }

    fn line(&mut self, time: DateTime<Utc>, ip: IpAddr, what: &str) -> Result<(), CliError> {
        let line = format!("{}  {ip}  {what}", shown_time(time));
        match &self.bar {
            Some(bar) => bar.suspend(|| self.output.line(&line)),
            None => self.output.line(&line),
        }
    }
}

impl Drop for View<'_> {
    /// An error message is not to stand behind a moving line.
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn moving_line() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {prefix}  {elapsed}  {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner());
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stdout()).with_style(style);
    bar.enable_steady_tick(TICK);
    bar
}

fn after_colon(detail: &str) -> String {
    match detail {
        NO_DETAIL => String::new(),
        detail => format!(": {detail}"),
    }
}
