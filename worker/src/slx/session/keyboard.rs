//! Logins at the keyboard (`keyboard-interactive`), as many RADIUS and TACACS+ setups have them.

use std::sync::atomic::{AtomicBool, Ordering};

use russh::client::{Handle, KeyboardInteractiveAuthResponse as Response, Prompt};
use secrecy::{ExposeSecret, SecretString};

use super::connection::Client;
use super::login::Answered;
use crate::slx::dialect::Pattern;

/// How often a server may ask, texts without a question included.
const MAX_ROUNDS: usize = 4;

/// Types the password once, where the switch asks for nothing else. Whatever else it asks, such as
/// a code or a new password, is not answered: a wrong answer may count towards a lock-out, and a
/// right one may change something.
pub(super) async fn log_in(
    handle: &mut Handle<Client>,
    user: &str,
    password: Option<&SecretString>,
    password_prompt: &Pattern,
    sent: &AtomicBool,
) -> Answered {
    let mut password = password;
    let typed = password.is_some();
    let mut response = handle
        .authenticate_keyboard_interactive_start(user, None)
        .await;
    for _ in 0..MAX_ROUNDS {
        let (name, instructions, prompts) = match response {
            Ok(Response::Success) => return Answered::Accepted,
            Ok(Response::Failure {
                remaining_methods,
                partial_success,
            }) => {
                return Answered::More {
                    methods: remaining_methods,
                    partly: partial_success,
                };
            }
            Ok(Response::InfoRequest {
                name,
                instructions,
                prompts,
            }) => (name, instructions, prompts),
            Err(_) => return Answered::Ended,
        };
        let replies = match prompts.as_slice() {
            [] => Vec::new(),
            [only] if is_password(only, password_prompt) => match password.take() {
                Some(password) => {
                    sent.store(true, Ordering::Relaxed);
                    vec![password.expose_secret().to_owned()]
                }
                // It asks again: the password was wrong.
                None if typed => return Answered::Refused,
                None => return Answered::Asks(text(&name, &instructions, &prompts)),
            },
            _ => return Answered::Asks(text(&name, &instructions, &prompts)),
        };
        response = handle
            .authenticate_keyboard_interactive_respond(replies)
            .await;
    }
    Answered::Asks("one text after the other, without an end".to_owned())
}

fn is_password(prompt: &Prompt, password_prompt: &Pattern) -> bool {
    !prompt.echo && password_prompt.is_match(prompt.prompt.trim())
}

fn text(name: &str, instructions: &str, prompts: &[Prompt]) -> String {
    let prompts = prompts.iter().map(|prompt| prompt.prompt.trim());
    let parts = [name.trim(), instructions.trim()].into_iter();
    let parts: Vec<&str> = parts
        .chain(prompts)
        .filter(|part| !part.is_empty())
        .collect();
    let text = parts.join(" / ").replace(['\r', '\n'], " ");
    text.chars().filter(|c| !c.is_control()).collect()
}
