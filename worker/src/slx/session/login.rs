//! Logging in to a switch: by the methods that it offers, with a key if there is one, then with
//! the password. Each login that is sent may count towards a lock-out, so there is none more than
//! needed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use russh::client::{AuthResult, Handle};
use russh::keys::{Algorithm, HashAlg, PrivateKey, PrivateKeyWithHashAlg, decode_secret_key};
use russh::{MethodKind, MethodSet};
use schemas::inventory::Device;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout_at;

use super::Redactor;
use super::connection::{Client, Ended, Ending};
use super::keyboard;
use super::step::Step;
use crate::secrets::{SecretError, Secrets};
use crate::slx::dialect::Pattern;
use crate::slx::{LoginFailure, SlxError, Unconnected, WeakAlgorithm};

/// What proves to a switch who we are.
pub(super) struct Credentials {
    user: String,
    key: Option<SecretString>,
    password: Option<SecretString>,
}

/// What a switch made of a login.
pub(super) enum Answered {
    Accepted,
    /// It was refused, or is not enough.
    More {
        /// What may follow.
        methods: MethodSet,
        /// It was right, and not enough.
        partly: bool,
    },
    /// It was refused, and nothing may follow.
    Refused,
    /// The connection has ended.
    Ended,
    /// The switch asks for something that only a person may answer.
    Asks(String),
}

impl Credentials {
    pub(super) fn of(device: &Device, secrets: &Secrets) -> Result<Self, SecretError> {
        let secret = |name: &Option<_>| name.as_ref().map(|name| secrets.get(name)).transpose();
        Ok(Self {
            user: device.user.to_string(),
            key: secret(&device.private_key_secret)?,
            password: secret(&device.password_secret)?,
        })
    }

    /// Hides the password in what the switch prints.
    pub(super) fn redactor(&self) -> Redactor {
        let mut redactor = Redactor::default();
        self.password
            .iter()
            .for_each(|password| redactor.add(password));
        redactor
    }

    /// The private key, if there is one.
    pub(super) fn key(&self, step: &Step<'_>) -> Result<Option<PrivateKey>, SlxError> {
        if self.key.is_none() && self.password.is_none() {
            return Err(step.login(LoginFailure::NoCredentials));
        }
        let key = self.key.as_ref();
        let key = key.map(|key| decode_secret_key(key.expose_secret(), None));
        key.transpose()
            .map_err(|_| step.login(LoginFailure::UnreadableKey))
    }
}

/// A login on its way.
pub(super) struct Login<'a> {
    pub credentials: &'a Credentials,
    pub handle: &'a mut Handle<Client>,
    pub ending: &'a Ending,
    pub step: &'a Step<'a>,
    /// How a switch asks for the password.
    pub password_prompt: &'a Pattern,
    /// What is allowed although it is weak.
    pub weak: &'a [WeakAlgorithm],
}

impl Login<'_> {
    /// Logs in before the step's deadline.
    pub(super) async fn log_in(&mut self, key: Option<PrivateKey>) -> Result<(), SlxError> {
        let step = self.step;
        let sent = AtomicBool::new(false);
        match timeout_at(step.deadline, self.run(key, &sent)).await {
            Ok(done) => done,
            Err(_) if sent.load(Ordering::Relaxed) => {
                let how = "the switch did not answer in time".to_owned();
                Err(step.login(LoginFailure::Unanswered(how)))
            }
            Err(_) => Err(step.unconnected(Unconnected::BeforeLoginTimeout)),
        }
    }

    async fn run(&mut self, key: Option<PrivateKey>, sent: &AtomicBool) -> Result<(), SlxError> {
        let (mut key, mut password) = (key, self.credentials.password.as_ref());
        let mut tried = Vec::new();
        // A login without anything, which no server counts: its refusal lists the methods.
        let user = self.credentials.user.clone();
        let mut answered = plain(self.handle.authenticate_none(user).await);
        loop {
            let (methods, partly) = match answered {
                Answered::Accepted => return Ok(()),
                Answered::Refused => {
                    return Err(self.step.login(refused(&tried, String::new())));
                }
                Answered::Asks(text) => {
                    let text = self.credentials.redactor().known(&text);
                    return Err(self.step.login(LoginFailure::Question(text)));
                }
                Answered::More { methods, partly } if !methods.is_empty() => (methods, partly),
                // The library reports a connection that has ended as a refusal without methods.
                Answered::More { .. } | Answered::Ended => return Err(self.ended(&tried).await),
            };
            let offers = |method| methods.contains(&method);
            let (takes_password, takes_keyboard) = (
                offers(MethodKind::Password),
                offers(MethodKind::KeyboardInteractive),
            );
            answered = if let Some(key) = key.take_if(|_| offers(MethodKind::PublicKey)) {
                tried.push("the key");
                self.with_key(key, sent).await
            } else if let Some(password) = password.take_if(|_| takes_password) {
                tried.push("the password");
                sent.store(true, Ordering::Relaxed);
                let (user, password) = (&self.credentials.user, password.expose_secret());
                plain(self.handle.authenticate_password(user, password).await)
            } else if let Some(password) = password.take_if(|_| takes_keyboard) {
                tried.push("the password");
                self.at_keyboard(Some(password), sent).await
            } else if partly && takes_keyboard {
                // To learn what else it asks for.
                self.at_keyboard(None, sent).await
            } else {
                return Err(self.step.login(nothing_left(&tried, &methods, partly)));
            };
        }
    }

    async fn at_keyboard(
        &mut self,
        password: Option<&SecretString>,
        sent: &AtomicBool,
    ) -> Answered {
        let user = &self.credentials.user;
        keyboard::log_in(self.handle, user, password, self.password_prompt, sent).await
    }

    async fn with_key(&mut self, key: PrivateKey, sent: &AtomicBool) -> Answered {
        let hash = match key.algorithm() {
            // Servers that say nothing about it and know no SHA-2 are those that need the setting.
            Algorithm::Rsa { .. } => match self.handle.best_supported_rsa_hash().await {
                Ok(Some(Some(hash))) => Some(hash),
                Ok(_) if self.weak.contains(&WeakAlgorithm::SshRsa) => None,
                Ok(_) => Some(HashAlg::Sha256),
                Err(_) => return Answered::Ended,
            },
            _ => None,
        };
        sent.store(true, Ordering::Relaxed);
        let key = PrivateKeyWithHashAlg::new(Arc::new(key), hash);
        let user = &self.credentials.user;
        plain(self.handle.authenticate_publickey(user, key).await)
    }

    /// What the end of the connection says about the logins that were tried on it.
    async fn ended(&mut self, tried: &[&str]) -> SlxError {
        // How it ended is known once the library's task is over.
        let _ = (&mut *self.handle).await;
        let before = tried.is_empty();
        let login = |cause| self.step.login(cause);
        match self.ending.get() {
            Ended::NoMethods if before => login(LoginFailure::NoCommonMethod(
                "methods that workers do not have".to_owned(),
            )),
            Ended::NoMethods => login(refused(tried, String::new())),
            Ended::Said { text, .. } | Ended::Lost(text) if before => {
                self.step.unconnected(Unconnected::BeforeLogin(text))
            }
            Ended::Said {
                text,
                about_login: true,
            } => login(refused(tried, text)),
            Ended::Said { text, .. } => login(LoginFailure::Unanswered(format!(
                "the switch ended the connection, saying {text:?},"
            ))),
            Ended::Lost(error) => login(LoginFailure::Unanswered(format!(
                "the connection ended ({error})"
            ))),
        }
    }
}

/// An answer of a method that asks nothing.
fn plain(answer: Result<AuthResult, russh::Error>) -> Answered {
    match answer {
        Ok(AuthResult::Success) => Answered::Accepted,
        Ok(AuthResult::Failure {
            remaining_methods,
            partial_success,
        }) => Answered::More {
            methods: remaining_methods,
            partly: partial_success,
        },
        Err(_) => Answered::Ended,
    }
}

/// Why the login failed when there is nothing left to try.
fn nothing_left(tried: &[&str], methods: &MethodSet, partly: bool) -> LoginFailure {
    let methods: Vec<&str> = methods.iter().map(Into::into).collect();
    let methods = methods.join(", ");
    match tried {
        [] => LoginFailure::NoCommonMethod(methods),
        tried if partly => LoginFailure::Question(format!(
            "{} was right; a login by {methods} must follow",
            tried.join(" and ")
        )),
        tried => refused(tried, String::new()),
    }
}

fn refused(tried: &[&str], said: String) -> LoginFailure {
    LoginFailure::Refused {
        tried: tried.join(" and "),
        said,
    }
}
