//! Migrations are compiled in; Cargo does not see a new one by itself.

fn main() {
    println!("cargo:rerun-if-changed=../migrations");
}
