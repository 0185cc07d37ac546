//! How a switch takes logins.

use std::borrow::Cow;

use russh::server::{Auth, Response};
use russh::{MethodKind, MethodSet};
use serde::Deserialize;

/// What stands between a client and the first prompt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Login {
    /// A password or a key is enough; what is wrong is refused.
    #[default]
    Plain,
    /// What is wrong has the connection cut, without a word.
    Cuts,
    /// The password is typed at the keyboard (`keyboard-interactive`), and nothing else is taken.
    Keyboard,
    /// As the keyboard, with a code in the same form.
    KeyboardTwoFields,
    /// As the keyboard, with a code in a form of its own behind the right password.
    KeyboardCode,
    /// The client gets no terminal.
    NoTerminal,
    /// The client gets no shell.
    NoShell,
    /// The shell asks something first.
    Question,
}

/// What the shell asks.
pub(super) const QUESTION: &str = "Your password is about to expire. Change it now? [y/n]:";
const PASSWORD: &str = "Password: ";
const CODE: &str = "One-time code from the token: ";

/// A login at the keyboard.
#[derive(Debug, Default)]
pub(super) struct Keyboard {
    /// The password was right, the code is to come.
    code: bool,
}

/// What to do next at the keyboard.
pub(super) enum Typed {
    /// Show a form.
    Form(Auth),
    /// Check this password.
    Password(String),
    /// Something else was typed.
    Wrong,
}

impl Login {
    /// The methods that are offered.
    pub(crate) fn methods(self) -> MethodSet {
        match self {
            Login::Keyboard | Login::KeyboardTwoFields | Login::KeyboardCode => {
                MethodSet::from(&[MethodKind::KeyboardInteractive][..])
            }
            _ => MethodSet::from(&[MethodKind::PublicKey, MethodKind::Password][..]),
        }
    }
}

impl Keyboard {
    pub(super) fn typed(&self, login: Login, response: Option<Response<'_>>) -> Typed {
        let Some(mut response) = response else {
            return Typed::Form(match login {
                Login::KeyboardTwoFields => form(&[PASSWORD, CODE]),
                _ => form(&[PASSWORD]),
            });
        };
        match (login, self.code, response.next()) {
            (Login::Keyboard | Login::KeyboardCode, false, Some(password)) => {
                Typed::Password(String::from_utf8_lossy(&password).into_owned())
            }
            // Nobody has the right code.
            _ => Typed::Wrong,
        }
    }

    /// What follows the right password, if that is not enough.
    pub(super) fn more(&mut self, login: Login) -> Option<Auth> {
        self.code = login == Login::KeyboardCode;
        self.code.then(|| form(&[CODE]))
    }
}

fn form(prompts: &[&'static str]) -> Auth {
    let prompts = prompts.iter().map(|prompt| (Cow::Borrowed(*prompt), false));
    Auth::Partial {
        name: Cow::Borrowed("Login"),
        instructions: Cow::Borrowed(""),
        prompts: Cow::Owned(prompts.collect()),
    }
}
