//! Where a server is, read from its URL, and why it can't be reached, in words: the same for
//! Postgres and RabbitMQ. Also what may be logged of the way there.
//!
//! URLs hold passwords. No text that comes from here repeats a part of one, except for the host,
//! the port, the name of a parameter, and the name of a file.

mod cause;
mod certificates;
mod logs;
mod text;
mod url;

pub use cause::{Cause, Service};
pub use certificates::{CertificateFileError, certificates};
pub use logs::may_log;
pub use text::{is_unsafe, printable, quotable};
pub use url::{Rules, ServerUrl, UrlError};
