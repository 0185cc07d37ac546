//! Secrets by name, from files or the environment, as Docker and Kubernetes mount them.

use std::io;
use std::path::PathBuf;

use schemas::values::SecretName;
use secrecy::SecretString;

/// Where this worker finds secrets.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    dir: Option<PathBuf>,
}

/// A secret that can't be had. Names the places that were looked at, never a value.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// No place has it.
    #[error(
        "the secret {name} was not found: looked at {places}. Mount it as a file or set the variable"
    )]
    Missing {
        /// Its name.
        name: SecretName,
        /// The places, in words.
        places: String,
    },
    /// The file or the variable holds nothing.
    #[error("the secret {name} is empty: see {place}")]
    Empty {
        /// Its name.
        name: SecretName,
        /// The file or the variable.
        place: String,
    },
    /// The file exists but can't be read as text.
    #[error("the secret {name} can't be read from {}", path.display())]
    Unreadable {
        /// Its name.
        name: SecretName,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Secrets {
    /// Secrets from the files in `dir`, if given, and else from the environment.
    pub fn new(dir: Option<PathBuf>) -> Self {
        Self { dir }
    }

    /// Reads a secret: the file `<dir>/<name>` without one newline at its end, or else the
    /// environment variable `TPVM_SECRET_<NAME>`, in upper case with `.` and `-` as `_`.
    /// It is read anew each time, so a secret that was replaced is found.
    pub fn get(&self, name: &SecretName) -> Result<SecretString, SecretError> {
        let file = self.dir.as_ref().map(|dir| dir.join(name.as_str()));
        if let Some(path) = &file {
            match std::fs::read_to_string(path) {
                Ok(text) => return checked(name, text, &path.display().to_string()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => {
                    return Err(SecretError::Unreadable {
                        name: name.clone(),
                        path: path.clone(),
                        source,
                    });
                }
            }
        }
        let variable = variable(name);
        if let Ok(text) = std::env::var(&variable) {
            return checked(name, text, &variable);
        }
        let places = match file {
            Some(path) => format!("the file {} and the variable {variable}", path.display()),
            None => format!("the variable {variable} (no folder of secrets is configured)"),
        };
        Err(SecretError::Missing {
            name: name.clone(),
            places,
        })
    }
}

fn variable(name: &SecretName) -> String {
    let name = name.as_str().to_ascii_uppercase().replace(['.', '-'], "_");
    format!("TPVM_SECRET_{name}")
}

fn checked(name: &SecretName, mut text: String, place: &str) -> Result<SecretString, SecretError> {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    if text.is_empty() {
        return Err(SecretError::Empty {
            name: name.clone(),
            place: place.to_owned(),
        });
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use secrecy::ExposeSecret;

    use super::*;

    fn name(text: &str) -> SecretName {
        text.parse().unwrap()
    }

    #[test]
    fn a_file_loses_one_newline_only() {
        let dir = tempfile::tempdir().unwrap();
        for (content, secret) in [
            ("q y", "q y"),
            ("q\n", "q"),
            ("q\r\n", "q"),
            ("q\n\n", "q\n"),
        ] {
            std::fs::write(dir.path().join("slx-password"), content).unwrap();
            let secrets = Secrets::new(Some(dir.path().to_owned()));
            let found = secrets.get(&name("slx-password")).unwrap();
            assert_eq!(found.expose_secret(), secret);
            assert!(!format!("{found:?}").contains('q'));
        }
    }

    #[test]
    fn a_missing_secret_names_the_places() {
        let secrets = Secrets::new(Some("/nowhere".into()));
        let message = secrets.get(&name("slx.pass-word")).unwrap_err().to_string();
        assert!(message.contains("/nowhere/slx.pass-word"), "{message}");
        assert!(message.contains("TPVM_SECRET_SLX_PASS_WORD"), "{message}");
    }

    #[test]
    fn an_empty_or_unreadable_file_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let secrets = Secrets::new(Some(dir.path().to_owned()));
        std::fs::write(dir.path().join("empty"), "\n").unwrap();
        let error = secrets.get(&name("empty")).unwrap_err();
        assert!(matches!(error, SecretError::Empty { .. }), "{error:?}");
        std::fs::create_dir(dir.path().join("folder")).unwrap();
        let error = secrets.get(&name("folder")).unwrap_err();
        assert!(matches!(error, SecretError::Unreadable { .. }), "{error:?}");
    }

    /// Variables of a running process can't be set safely, so a process of its own looks.
    #[test]
    fn the_environment_is_the_second_place() {
        let looks = "secrets::tests::looks_at_the_environment";
        let ran = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", looks, "--ignored"])
            .env("TPVM_SECRET_A_B_C_D", "from the environment")
            .output()
            .unwrap();
        let output = String::from_utf8_lossy(&ran.stdout);
        assert!(
            ran.status.success() && output.contains("1 passed"),
            "{output}"
        );
    }

    #[test]
    #[ignore = "needs the variable that the test above sets"]
    fn looks_at_the_environment() {
        let dir = tempfile::tempdir().unwrap();
        let secrets = Secrets::new(Some(dir.path().to_owned()));
        let found = secrets.get(&name("a.b-c_d")).unwrap();
        assert_eq!(found.expose_secret(), "from the environment");
        std::fs::write(dir.path().join("a.b-c_d"), "from the file").unwrap();
        let found = secrets.get(&name("a.b-c_d")).unwrap();
        assert_eq!(found.expose_secret(), "from the file");
    }
}
