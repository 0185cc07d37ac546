//! `--check-config`: everything that can be found out without a connection, all at once.

use std::error::Error;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use crate::config::{Config, HostKeyPolicy};
use crate::worker::{StartError, settings};

/// An error with its causes in one line, each of them once.
pub fn one_line(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let said = error.to_string();
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        if !text.contains(&said) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&said);
        }
        next = error.source();
    }
    text
}

/// Why a worker did not start, or ended, in one line: what failed says enough by itself.
pub fn start_failure(error: &StartError) -> String {
    match (error, error.source()) {
        (StartError::Ledger(_) | StartError::Broker(_), Some(source)) => one_line(source),
        _ => one_line(error),
    }
}

/// Everything that is wrong with a configuration file, with the files and folders that it names,
/// and with the URLs in the environment if they are set: one line for each, with what to do.
pub fn problems(path: Option<&Path>, urls: &Urls) -> Vec<String> {
    let mut problems = Vec::new();
    let config = match Config::read(path) {
        Ok(config) => config,
        Err(error) => return vec![one_line(&error)],
    };
    problems.extend(config.problems().iter().map(|error| one_line(error)));
    if let Err(error) = broker::check_prefix(&config.broker.prefix) {
        problems.push(format!("broker.prefix: {error}"));
    }
    // The CA is looked at below, with more words.
    let without_ca = Config {
        efa: crate::config::EfaConfig {
            ca_file: None,
            ..config.efa.clone()
        },
        ..config.clone()
    };
    problems.extend(settings(&without_ca).iter().map(|error| one_line(error)));
    let files = [
        ca_file(&config),
        known_hosts(&config),
        heartbeat_file(&config),
    ];
    problems.extend(files.into_iter().flatten());
    problems.extend(secrets(&config));
    problems.extend(urls.problems());
    problems
}

/// The URLs that are set in the environment.
#[derive(Default)]
pub struct Urls {
    /// Postgres.
    pub database: Option<String>,
    /// RabbitMQ.
    pub amqp: Option<String>,
}

impl Urls {
    fn problems(&self) -> Vec<String> {
        let database = self.database.as_deref().map(ledger::check_url);
        let amqp = self.amqp.as_deref().map(broker::check_url);
        let database = database.and_then(|checked| checked.err().map(|error| error.to_string()));
        let amqp = amqp.and_then(|checked| checked.err().map(|error| error.to_string()));
        database.into_iter().chain(amqp).collect()
    }
}

fn ca_file(config: &Config) -> Option<String> {
    let path = config.efa.ca_file.as_deref()?;
    let error = endpoint::certificates(path).err()?;
    Some(format!(
        "efa.ca_file: {error}; name a PEM file with the CA of EFA's certificate"
    ))
}

fn known_hosts(config: &Config) -> Option<String> {
    let path = &config.slx.known_hosts;
    let shown = path.display();
    match (config.slx.host_keys, read(path)) {
        (_, Ok(())) => None,
        (HostKeyPolicy::AcceptNew, Err(error)) if error.kind() == io::ErrorKind::NotFound => {
            let problem = unwritable(&folder_of(path))?;
            Some(format!(
                "slx.known_hosts: can't create the file {shown}: {problem}; create its folder, \
                 writable for the worker, or name another file"
            ))
        }
        (_, Err(error)) => Some(format!(
            "slx.known_hosts: can't read the file {shown}: {error}; without it every switch is \
             refused: create it, for example with ssh-keyscan, or correct the path"
        )),
    }
}

fn heartbeat_file(config: &Config) -> Option<String> {
    let path = config.worker.heartbeat_file.as_deref()?;
    let problem = match fs::metadata(path) {
        Ok(found) if found.is_dir() => Some("it is a folder".to_owned()),
        Ok(_) => unwritable(path),
        Err(_) => unwritable(&folder_of(path)),
    }?;
    Some(format!(
        "worker.heartbeat_file: can't write the file {}: {problem}; correct the path or its \
         permissions",
        path.display()
    ))
}

fn secrets(config: &Config) -> Vec<String> {
    let Some(dir) = config.secrets.dir.as_deref() else {
        return Vec::new();
    };
    let unreadable = |path: &Path, error: io::Error| {
        format!(
            "secrets.dir: can't read {}: {error}; correct the path or its permissions",
            path.display()
        )
    };
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) => return vec![unreadable(dir, error)],
    };
    // Kubernetes keeps what it needs itself under names with a dot.
    let files = entries.flatten().map(|entry| entry.path()).filter(|path| {
        let name = path.file_name().map(|name| name.to_string_lossy());
        name.is_some_and(|name| !name.starts_with('.')) && !path.is_dir()
    });
    files
        .filter_map(|path| read(&path).err().map(|error| unreadable(&path, error)))
        .collect()
}

/// Whether it is a file that can be read.
fn read(path: &Path) -> io::Result<()> {
    match File::open(path)?.metadata()?.is_dir() {
        true => Err(io::ErrorKind::IsADirectory.into()),
        false => Ok(()),
    }
}

fn unwritable(path: &Path) -> Option<String> {
    let error = access(path, Access::WRITE_OK).err()?;
    let error = io::Error::from(error);
    Some(format!("{}: {error}", path.display()))
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}
