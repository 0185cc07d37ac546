use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;

use crate::environment::{AMQP_URL, DATABASE_URL, PLAIN_AMQP_URL, given};
use crate::{Certificates, Postgres, RabbitMq, ServicesError};

/// What Debian trusts.
const SYSTEM_CAS: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Postgres and RabbitMQ, private ones unless `DATABASE_URL` or `AMQP_URL` name others.
///
/// [`Stack::stop`] takes the private ones down in order; a dropped stack kills them.
pub struct Stack {
    database_url: String,
    amqp_url: String,
    certificates: Option<Certificates>,
    postgres: Option<Postgres>,
    rabbitmq: Option<RabbitMq>,
    // Last: the servers are gone before their folder is.
    dir: TempDir,
}

impl Stack {
    /// Starts what isn't given, both at once.
    ///
    /// # Errors
    /// When a server's programs are missing, or it can't be set up or started.
    pub async fn start() -> Result<Self, ServicesError> {
        Self::set_up(scratch_dir()?, None).await
    }

    /// As [`Stack::start`], with TLS.
    ///
    /// # Errors
    /// As [`Stack::start`].
    pub async fn start_with_tls() -> Result<Self, ServicesError> {
        let dir = scratch_dir()?;
        let certificates = Certificates::new(dir.path())?;
        Self::set_up(dir, Some(certificates)).await
    }

    async fn set_up(
        dir: TempDir,
        certificates: Option<Certificates>,
    ) -> Result<Self, ServicesError> {
        let tls = certificates.as_ref();
        let (postgres, rabbitmq) = tokio::try_join!(
            async {
                match given(DATABASE_URL) {
                    Some(_) => Ok(None),
                    None => match tls {
                        Some(tls) => Postgres::start_with_tls(dir.path(), tls).await.map(Some),
                        None => Postgres::start(dir.path()).await.map(Some),
                    },
                }
            },
            async {
                match given(AMQP_URL) {
                    Some(_) => Ok(None),
                    None => match tls {
                        Some(tls) => RabbitMq::start_with_tls(dir.path(), tls).await.map(Some),
                        None => RabbitMq::start(dir.path()).await.map(Some),
                    },
                }
            },
        )?;
        Ok(Self {
            database_url: url(DATABASE_URL, postgres.as_ref().map(Postgres::url)),
            amqp_url: url(AMQP_URL, rabbitmq.as_ref().map(RabbitMq::url)),
            postgres,
            rabbitmq,
            certificates,
            dir,
        })
    }

    /// Where Postgres is.
    #[must_use]
    pub fn database_url(&self) -> &str {
        &self.database_url
    }

    /// Where RabbitMQ is.
    #[must_use]
    pub fn amqp_url(&self) -> &str {
        &self.amqp_url
    }

    /// What the tests' processes need in their environment to find the servers and to trust them.
    pub fn environment(&self) -> Vec<(&'static str, OsString)> {
        let mut environment: Vec<(&str, OsString)> = vec![
            (DATABASE_URL, self.database_url().into()),
            (AMQP_URL, self.amqp_url().into()),
        ];
        if let (Some(certificates), Some(rabbitmq)) = (&self.certificates, &self.rabbitmq) {
            environment.push((PLAIN_AMQP_URL, rabbitmq.plain_url().into()));
            // What AMQP clients in all languages trust.
            environment.push(("SSL_CERT_FILE", certificates.ca_file().into()));
            // Not cargo, which may have to fetch something.
            if Path::new(SYSTEM_CAS).exists() {
                environment.push(("CARGO_HTTP_CAINFO", SYSTEM_CAS.into()));
            }
        }
        environment
    }

    /// A folder for whatever belongs to this run; removed at the end.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Stops the private servers and removes their folder.
    ///
    /// # Errors
    /// When a server doesn't end or the folder can't be removed.
    pub async fn stop(self) -> Result<(), ServicesError> {
        let (postgres, rabbitmq) = tokio::join!(
            async {
                match self.postgres {
                    Some(postgres) => postgres.stop().await,
                    None => Ok(()),
                }
            },
            async {
                match self.rabbitmq {
                    Some(rabbitmq) => rabbitmq.stop().await,
                    None => Ok(()),
                }
            },
        );
        postgres.and(rabbitmq)?;
        let path = self.dir.path().to_owned();
        self.dir
            .close()
            .map_err(ServicesError::file("remove", path))
    }
}

/// A new folder that every user of the machine can pass, as a Postgres started by root needs.
///
/// # Errors
/// When the folder for temporary files can't be written.
pub fn scratch_dir() -> Result<TempDir, ServicesError> {
    let parent = std::env::temp_dir();
    let dir = tempfile::Builder::new()
        .prefix("tpvm-upgrade-")
        .tempdir_in(&parent)
        .map_err(ServicesError::file("create a folder in", parent))?;
    std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o711))
        .map_err(ServicesError::file("open to all users", dir.path()))?;
    Ok(dir)
}

fn url(variable: &str, private: Option<String>) -> String {
    private.or_else(|| given(variable)).unwrap_or_default()
}
