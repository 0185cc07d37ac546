//! Settings for the checks that are made while compiling.

fn main() {
    // Migrations are compiled in; Cargo does not see a new one by itself.
    println!("cargo:rerun-if-changed=../migrations");
    // Statements are checked against the committed `.sqlx`, also where DATABASE_URL is set for
    // tests. A folder named in SQLX_OFFLINE_DIR is written anew from that database instead.
    println!("cargo:rerun-if-env-changed=SQLX_OFFLINE_DIR");
    if std::env::var_os("SQLX_OFFLINE_DIR").is_none() {
        println!("cargo:rustc-env=SQLX_OFFLINE=true");
    }
}
