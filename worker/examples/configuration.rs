//! Writes the configuration reference into the file that is named.

fn main() -> std::io::Result<()> {
    let file = std::env::args_os()
        .nth(1)
        .unwrap_or_else(|| "docs/configuration.md".into());
    std::fs::write(file, worker::config::reference())
}
