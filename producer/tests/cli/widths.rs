//! What a person sees on a terminal of 60 to 120 columns.

use crate::letters::{Letters, step};
use crate::support::{Site, finish};

const WIDTHS: [u16; 4] = [60, 80, 100, 120];

/// No line is wider than the terminal, and each of these texts is whole.
fn fits(shown: &str, columns: u16, whole: &[&str]) {
    for line in shown.lines() {
        let width = line.trim_end_matches('\r').chars().count();
        assert!(width <= usize::from(columns), "{width} > {columns}: {line}");
    }
    for one in whole {
        assert!(shown.contains(one), "{one}: {shown}");
    }
}

#[tokio::test]
async fn when_the_terminal_has_60_to_120_columns_then_every_table_fits_it() {
    let site = Site::new().await;
    let mut upgrade = site.accept(1).await;
    upgrade.is_reverted().await;
    let other = site.accept(2).await;
    let (id, other) = (upgrade.id.to_string(), other.id.to_string());
    for columns in WIDTHS {
        let on_terminal = async |args: &str| {
            let shown = finish(site.on_terminal_of(args, columns)).await;
            shown.ended(0).stdout
        };
        let both = [&*id, &*other, "10.20.1.28", "10.20.2.28"];
        fits(&on_terminal("list").await, columns, &both);
        fits(&on_terminal("show").await, columns, &both);
        let one = on_terminal(&format!("show --execution-id {id}")).await;
        fits(
            &one,
            columns,
            &[&id, "tpvm-upgrade-failed", "Failed State:"],
        );
        assert!(!one.contains('|'), "{one}");
        let history = on_terminal(&format!("history {id}")).await;
        fits(
            &history,
            columns,
            &["worker-1", "TPVM Upgrade Workflow Started"],
        );
        let inventory = on_terminal("inventory show").await;
        fits(
            &inventory,
            columns,
            &["site-1", "https://10.20.1.103/v1", "SLX9250-32C"],
        );
    }
}

#[tokio::test]
async fn when_dead_letters_are_listed_on_a_terminal_then_they_fit_it() {
    let letters = Letters::new().await;
    let step = step(3);
    let body = serde_json::to_vec(&step).unwrap();
    letters
        .set_aside(&body, "it is not a valid step", &letters.queue())
        .await;
    letters.settled(1).await;
    let ids = letters.ids().await;
    for columns in WIDTHS {
        let mut command = letters.program(&["list"]);
        command.env("COLUMNS", columns.to_string());
        let shown = finish(command).await.ended(0).stdout;
        fits(&shown, columns, &[&ids[0], &step.execution_id.to_string()]);
    }
    letters.close().await;
}

#[tokio::test]
async fn when_one_upgrade_is_shown_then_it_is_lines() {
    let site = Site::new().await;
    let upgrade = site.accept(1).await;
    let id = upgrade.id.to_string();
    for args in [
        ["show", "--ip", "10.20.1.28"],
        ["show", "--execution-id", &id],
    ] {
        let shown = site.run(&args).await.ended(0).stdout;
        assert!(shown.contains("\nHost Name:           leaf-1\n"), "{shown}");
        assert!(
            shown.contains(&format!("\nExecution ID:        {id}\n")),
            "{shown}"
        );
        assert!(!shown.contains('|'), "{shown}");
    }
}
