//! The courier: everything that speaks AMQP.
//!
//! RabbitMQ carries messages and remembers nothing that matters: any of them may be lost, doubled
//! or late, and the ledger still knows where each upgrade stands. What this crate promises is
//! that a publish that succeeded was taken over by a queue, that a message is only gone once it
//! was acknowledged, and that nothing here waits for ever or ends unasked.
//!
//! [`declare`] creates the exchanges and queues, [`Publisher`] sends, [`Consumer`] receives for
//! workers, [`Inbox`] receives for the command line, and [`DeadLetters`] shows it what was set
//! aside. A program calls [`deepen_stacks`] first. Works with RabbitMQ 3.10 to 4.x.
//!
//! TLS (`amqps://`) uses rustls with the system's certificates and those of the URL's `cacertfile`. The crypto provider is the
//! process default; if there is none, the first connection makes ring the default.

pub mod delay;

mod consumer;
mod dead_letters;
mod delivery;
mod error;
mod inbox;
mod inspect;
mod link;
mod options;
mod outgoing;
mod permissions;
mod publisher;
mod refusals;
mod stacks;
mod topology;
mod url;

pub use consumer::Consumer;
pub use dead_letters::copy::SetAside;
pub use dead_letters::{DeadLetter, DeadLetters, NoWayBack, RedriveError};
pub use delivery::Delivery;
pub use error::{AckError, BrokerError, PublishError, Refusal};
pub use inbox::Inbox;
pub use inspect::{Inspection, QueueState, inspect};
pub use options::{Backoff, BrokerOptions};
pub use outgoing::Outgoing;
pub use permissions::{check_commands, check_permissions};
pub use publisher::Publisher;
pub use stacks::deepen_stacks;
pub use topology::{check_prefix, declare};
pub use url::check_url;
