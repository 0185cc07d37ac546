//! Writes the generated documents: `cargo run -p schemas --example generate [FOLDER]`. Without a
//! folder, into the workspace.

use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let root = std::env::args_os().nth(1).map_or(workspace, PathBuf::from);
    for document in schemas::documents::all()? {
        let path = root.join(&document.path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, document.text)?;
    }
    Ok(())
}
