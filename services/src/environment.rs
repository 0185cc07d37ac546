use crate::ServicesError;

pub(crate) const DATABASE_URL: &str = "DATABASE_URL";
pub(crate) const AMQP_URL: &str = "AMQP_URL";
pub(crate) const PLAIN_AMQP_URL: &str = "TPVM_TEST_PLAIN_AMQP_URL";

/// The variable's value; an empty one counts as unset.
pub(crate) fn given(variable: &str) -> Option<String> {
    std::env::var(variable)
        .ok()
        .filter(|value| !value.is_empty())
}

/// The broker that tests may use, from `AMQP_URL`.
///
/// # Errors
/// [`ServicesError::NotSet`] when the variable is unset.
pub fn amqp_url() -> Result<String, ServicesError> {
    given(AMQP_URL).ok_or(ServicesError::NotSet(AMQP_URL))
}

/// The same broker without TLS, for tests that forge what it says on the wire: from
/// `TPVM_TEST_PLAIN_AMQP_URL`, or `AMQP_URL` where that is not set.
///
/// # Errors
/// [`ServicesError::NotSet`] when neither is set.
pub fn plain_amqp_url() -> Result<String, ServicesError> {
    given(PLAIN_AMQP_URL).map_or_else(amqp_url, Ok)
}
