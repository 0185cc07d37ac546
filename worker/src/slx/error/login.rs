//! Why a login failed: each cause with what to do about it.

/// Why a switch did not take a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginFailure {
    /// The inventory names neither a key nor a password.
    NoCredentials,
    /// The private key can't be read.
    UnreadableKey,
    /// The switch takes none of the methods that there are credentials for; those that it takes.
    NoCommonMethod(String),
    /// The switch refused what was tried.
    Refused {
        /// What was tried: the key, the password.
        tried: String,
        /// What the switch said when it ended the connection, if it did.
        said: String,
    },
    /// The switch asks for more than a password; its words.
    Question(String),
    /// The connection ended, or the time was over, after a login was sent: some switches refuse
    /// in this way, and lock an account that is tried too often.
    Unanswered(String),
}

impl LoginFailure {
    /// What to do next.
    pub fn remedy(&self) -> &'static str {
        match self {
            LoginFailure::NoCredentials => {
                "name a password or a private key for the device in the inventory"
            }
            LoginFailure::UnreadableKey => "provide the private key unencrypted, in OpenSSH format",
            LoginFailure::NoCommonMethod(_) => {
                "name the other kind of secret for the device in the inventory, or allow password \
                 logins on the switch"
            }
            LoginFailure::Refused { .. } => {
                "correct the device's user in the inventory and the secret that it names, and see \
                 whether the switch has locked the account"
            }
            LoginFailure::Question(_) => {
                "log in by hand as this user and answer what the switch asks; it must take the \
                 workers' logins without further questions"
            }
            LoginFailure::Unanswered(_) => {
                "log in by hand as this user: if that works, see why the switch ended the \
                 connection; else correct the device's user and the secret that it names, and see \
                 whether the switch has locked the account"
            }
        }
    }
}

impl std::fmt::Display for LoginFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LoginFailure::NoCredentials => {
                f.write_str("the inventory names neither a key nor a password for it")
            }
            LoginFailure::UnreadableKey => {
                f.write_str("the private key is not an unencrypted key in OpenSSH format")
            }
            LoginFailure::NoCommonMethod(offered) => {
                write!(f, "nothing was tried, for the switch takes only {offered}")
            }
            LoginFailure::Refused { tried, said } if said.is_empty() => {
                write!(f, "the switch refused {tried}")
            }
            LoginFailure::Refused { tried, said } => write!(
                f,
                "the switch refused {tried} and ended the connection, saying {said:?}"
            ),
            LoginFailure::Question(text) => write!(
                f,
                "the switch asks for something else than the password: {text:?}"
            ),
            LoginFailure::Unanswered(how) => write!(
                f,
                "{how} while it was checked; that may be a refusal, or a lost connection"
            ),
        }
    }
}
