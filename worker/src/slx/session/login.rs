//! Logging in to a switch: with a key if there is one, then with a password.

use std::sync::Arc;

use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse};
use russh::keys::{PrivateKeyWithHashAlg, decode_secret_key};
use russh::{MethodKind, MethodSet};
use schemas::inventory::Device;
use secrecy::{ExposeSecret, SecretString};

use super::host_keys::HostKeyCheck;
use super::{Redactor, Step};
use crate::secrets::{SecretError, Secrets};
use crate::slx::SlxError;

/// How often a keyboard-interactive server may ask.
const MAX_ROUNDS: usize = 4;

/// What proves to a switch who we are.
pub(super) struct Credentials {
    user: String,
    key: Option<SecretString>,
    password: Option<SecretString>,
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

    pub(super) async fn log_in(
        &self,
        handle: &mut Handle<HostKeyCheck>,
        step: &Step<'_>,
    ) -> Result<(), SlxError> {
        let lost = |error| step.failed("the login", error);
        let mut tried = Vec::new();
        if let Some(key) = &self.key {
            tried.push("the key");
            if self.with_key(handle, key, step).await? {
                return Ok(());
            }
        }
        if let Some(password) = &self.password {
            tried.push("the password");
            let password = password.expose_secret();
            let answer = handle.authenticate_password(&self.user, password).await;
            match answer.map_err(lost)? {
                AuthResult::Success => return Ok(()),
                AuthResult::Failure {
                    remaining_methods, ..
                } => {
                    still_there(handle, &remaining_methods, step)?;
                    if wants_keyboard(&remaining_methods)
                        && self.at_keyboard(handle, password).await.map_err(lost)?
                    {
                        return Ok(());
                    }
                }
            }
        }
        Err(step.refused(
            &self.user,
            &match tried.as_slice() {
                [] => "the inventory names neither a key nor a password for it".to_owned(),
                tried => format!(
                    "tried {}; check the user and the secret",
                    tried.join(" and ")
                ),
            },
        ))
    }

    async fn with_key(
        &self,
        handle: &mut Handle<HostKeyCheck>,
        key: &SecretString,
        step: &Step<'_>,
    ) -> Result<bool, SlxError> {
        let key = decode_secret_key(key.expose_secret(), None).map_err(|_| {
            let what = "the private key is not an unencrypted key in OpenSSH format";
            step.refused(&self.user, what)
        })?;
        let lost = |error| step.failed("the login", error);
        let hash = handle.best_supported_rsa_hash().await.map_err(lost)?;
        let key = PrivateKeyWithHashAlg::new(Arc::new(key), hash.flatten());
        let answer = handle.authenticate_publickey(&self.user, key).await;
        match answer.map_err(lost)? {
            AuthResult::Success => Ok(true),
            AuthResult::Failure {
                remaining_methods, ..
            } => {
                still_there(handle, &remaining_methods, step)?;
                Ok(false)
            }
        }
    }

    /// Answers each hidden prompt with the password.
    async fn at_keyboard(
        &self,
        handle: &mut Handle<HostKeyCheck>,
        password: &str,
    ) -> Result<bool, russh::Error> {
        let start = handle.authenticate_keyboard_interactive_start(&self.user, None);
        let mut answer = start.await?;
        for _ in 0..MAX_ROUNDS {
            let prompts = match answer {
                KeyboardInteractiveAuthResponse::Success => return Ok(true),
                KeyboardInteractiveAuthResponse::Failure { .. } => return Ok(false),
                KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => prompts,
            };
            let reply = |echo| {
                if echo {
                    String::new()
                } else {
                    password.to_owned()
                }
            };
            let replies = prompts
                .into_iter()
                .map(|prompt| reply(prompt.echo))
                .collect();
            answer = handle
                .authenticate_keyboard_interactive_respond(replies)
                .await?;
        }
        Ok(false)
    }
}

/// A switch that offers the password method too has just refused the same password: trying it
/// once more could lock the account.
fn wants_keyboard(methods: &MethodSet) -> bool {
    methods.contains(&MethodKind::KeyboardInteractive) && !methods.contains(&MethodKind::Password)
}

/// The library reports a connection that ended during a login as a failure without methods.
fn still_there(
    handle: &Handle<HostKeyCheck>,
    methods: &MethodSet,
    step: &Step<'_>,
) -> Result<(), SlxError> {
    if methods.is_empty() && handle.is_closed() {
        return Err(step.failed("the login", russh::Error::Disconnect));
    }
    Ok(())
}
