//! How to reach the broker, and how long to wait for it.

use std::fmt;
use std::time::Duration;

use schemas::Names;

/// How to reach the broker, and how long to wait for it.
#[derive(Clone)]
pub struct BrokerOptions {
    /// `amqp[s]://user:password@host:port/vhost[?cacertfile=…]`; the default virtual host is `%2f` or nothing at
    /// all behind the port. Holds a password: never in a message, a log or `Debug` output.
    pub url: String,
    /// The names of exchanges and queues.
    pub names: Names,
    /// How often a step's message may come back before the broker sets it aside as a dead letter.
    /// Default 20; requests have 1,000 at least.
    pub delivery_limit: u32,
    /// How long a publish may take, waiting for the connection included. Default 10 s.
    pub publish_timeout: Duration,
    /// How long a connection may take until it can be used, and the longest wait for any answer
    /// other than a confirm. Default 10 s.
    pub connect_timeout: Duration,
    /// The longest silence on a connection: one that was silent for twice as long is dead.
    /// Whole seconds; the broker may ask for less. Default 10 s.
    pub heartbeat: Duration,
    /// The waits between attempts to connect.
    pub reconnect: Backoff,
    /// The connection's name in the broker's own listings.
    pub connection_name: String,
}

/// Jittered exponential delays: see [`crate::delay`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// About the first delay.
    pub first: Duration,
    /// The longest delay.
    pub max: Duration,
}

impl BrokerOptions {
    /// The defaults, for this URL and connection name.
    pub fn new(url: impl Into<String>, connection_name: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            names: Names::default(),
            delivery_limit: 20,
            publish_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(10),
            heartbeat: Duration::from_secs(10),
            reconnect: Backoff {
                first: Duration::from_millis(200),
                max: Duration::from_secs(15),
            },
            connection_name: connection_name.into(),
        }
    }
}

impl fmt::Debug for BrokerOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrokerOptions")
            .field("names", &self.names)
            .field("delivery_limit", &self.delivery_limit)
            .field("publish_timeout", &self.publish_timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("heartbeat", &self.heartbeat)
            .field("reconnect", &self.reconnect)
            .field("connection_name", &self.connection_name)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_does_not_show() {
        let options = BrokerOptions::new("amqp://user:tr0ub4dor@host/%2f", "test");
        assert!(!format!("{options:?}").contains("tr0ub4dor"));
    }
}
