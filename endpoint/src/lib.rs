//! Where a server is, read from its URL, and why it can't be reached, in words: the same for
//! Postgres and RabbitMQ.
//!
//! URLs hold passwords. No text that comes from here repeats a part of one, except for the host,
//! the port, the name of a parameter, and the name of a file.

mod cause;
mod certificates;
mod url;

pub use cause::{Cause, Service};
pub use certificates::{CertificateFileError, certificates};
pub use url::{Rules, ServerUrl, UrlError};
