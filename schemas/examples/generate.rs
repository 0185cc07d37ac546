//! Writes the generated documents: `cargo run -p schemas --example generate`.

use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for document in schemas::documents::all()? {
        let path = root.join(&document.path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, document.text)?;
    }
    Ok(())
}
