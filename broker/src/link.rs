//! One connection.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use lapin::tcp::{AsyncTcpStream, TLSConfig};
use lapin::types::{LongString, ShortString};
use lapin::uri::{AMQPAuthority, AMQPScheme, AMQPUri};
use lapin::{Channel, Connection, ConnectionProperties, ErrorKind};
use tokio::time::timeout;

use crate::error::{BrokerError, Refusal};
use crate::options::BrokerOptions;
use crate::url::Address;

const ACCESS_REFUSED: u16 = 403;
const NOT_FOUND: u16 = 404;
const PRECONDITION_FAILED: u16 = 406;
const NOT_ALLOWED: u16 = 530;

/// One open connection.
pub(crate) struct Link {
    pub(crate) connection: Connection,
    address: String,
    user: String,
    vhost: String,
    prefix: String,
    patience: Duration,
    socket: Arc<Socket>,
}

impl Link {
    /// Connects, and is ready for use within the connect timeout or fails. `role` tells the
    /// connections of a process apart in the broker's listings.
    pub(crate) async fn open(options: &BrokerOptions, role: &str) -> Result<Self, BrokerError> {
        let target = Address::parse(&options.url, options.heartbeat)?;
        let address = target.name();
        let name = LongString::from(format!("{} {role}", options.connection_name));
        let properties = ConnectionProperties::default().with_connection_name(name);
        let socket = Arc::new(Socket::default());
        let severed_on_drop = SeveredOnDrop(Arc::clone(&socket));
        let connection = timeout(
            options.connect_timeout,
            connect(&target, properties, &socket),
        )
        .await
        .map_err(|_| BrokerError::TimedOut {
            address: address.clone(),
            doing: "connecting",
            after: options.connect_timeout,
        })?;
        let connection = match connection {
            Ok(connection) => connection,
            Err(error) => return Err(refusal(error, &target).await),
        };
        severed_on_drop.disarm();
        Ok(Self {
            connection,
            address,
            user: target.uri.authority.userinfo.username.clone(),
            vhost: target.uri.vhost.clone(),
            prefix: options.names.commands_exchange(),
            patience: options.connect_timeout,
            socket,
        })
    }

    /// Whether it can still be used, as far as is known.
    pub(crate) fn is_alive(&self) -> bool {
        self.connection.status().connected() && !self.socket.severed.load(Ordering::SeqCst)
    }

    /// Opens a channel.
    pub(crate) async fn channel(&self) -> Result<Channel, BrokerError> {
        self.answer("opening a channel", self.connection.create_channel())
            .await
    }

    /// Waits for the broker's answer, but not for ever. A late answer would leave behind what
    /// nobody knows of (a consumer that nobody reads, for example), so the connection is cut, and
    /// the broker takes back everything that belongs to it.
    pub(crate) async fn answer<T>(
        &self,
        doing: &'static str,
        call: impl Future<Output = lapin::Result<T>>,
    ) -> Result<T, BrokerError> {
        match timeout(self.patience, call).await {
            Ok(answered) => answered.map_err(|source| BrokerError::Failed { doing, source }),
            Err(_) => {
                self.sever();
                Err(self.timed_out(doing))
            }
        }
    }

    /// As [`Link::answer`], for something that bears a name and needs a permission, which the
    /// error then says.
    pub(crate) async fn answer_for<T>(
        &self,
        Doing(doing, permission): Doing,
        name: &str,
        call: impl Future<Output = lapin::Result<T>>,
    ) -> Result<T, BrokerError> {
        self.answer(doing, call).await.map_err(|error| {
            let BrokerError::Failed { source, .. } = &error else {
                return error;
            };
            let (name, detail) = (name.to_owned(), || detail(source));
            match code(source) {
                Some(PRECONDITION_FAILED) => BrokerError::Mismatch {
                    name,
                    detail: detail(),
                },
                Some(ACCESS_REFUSED) => self.refused(permission, name, detail()),
                Some(NOT_FOUND) => BrokerError::Missing { name },
                _ => error,
            }
        })
    }

    /// What a refused publish means, if that is what ended a channel.
    pub(crate) fn refused_publish(&self, error: &lapin::Error) -> Option<BrokerError> {
        (code(error) == Some(ACCESS_REFUSED)).then(|| {
            let detail = detail(error);
            // … access to exchange 'name' in vhost …
            let name = detail.split('\'').nth(1).unwrap_or_default().to_owned();
            self.refused("write", name, detail)
        })
    }

    fn refused(&self, permission: &'static str, name: String, detail: String) -> BrokerError {
        let (user, vhost) = (self.user.clone(), self.vhost.clone());
        BrokerError::AccessRefused(Box::new(Refusal {
            remedy: grant(&user, &vhost, &self.prefix),
            user,
            vhost,
            name,
            permission,
            detail,
        }))
    }

    /// A way to cut the connection for somebody who outlives this.
    pub(crate) fn cut(&self) -> Cut {
        Cut(Arc::clone(&self.socket))
    }

    /// Takes leave of the broker, within the connect timeout.
    pub(crate) async fn close(self) {
        let goodbye = self.connection.close(200, ShortString::from("closed"));
        if self
            .answer("closing the connection", goodbye)
            .await
            .is_err()
        {
            self.sever();
        }
    }

    /// Cuts the connection without a word: for one that does not answer any more. What waits for
    /// it fails at once.
    pub(crate) fn sever(&self) {
        self.socket.sever();
    }

    /// The error for an answer that did not come.
    pub(crate) fn timed_out(&self, doing: &'static str) -> BrokerError {
        BrokerError::TimedOut {
            address: self.address.clone(),
            doing,
            after: self.patience,
        }
    }
}

/// What is being done with an exchange or a queue, and the permission that it takes.
#[derive(Clone, Copy)]
pub(crate) struct Doing(pub(crate) &'static str, pub(crate) &'static str);

pub(crate) const DECLARING_AN_EXCHANGE: Doing = Doing("declaring an exchange", "configure");
pub(crate) const DECLARING_A_QUEUE: Doing = Doing("declaring a queue", "configure");
pub(crate) const LOOKING_AT_AN_EXCHANGE: Doing = Doing("looking at an exchange", "configure");
pub(crate) const LOOKING_AT_A_QUEUE: Doing = Doing("looking at a queue", "configure");
pub(crate) const BINDING: Doing =
    Doing("binding a queue", "bind (write a queue, read an exchange)");
pub(crate) const CONSUMING: Doing = Doing("consuming", "read");

/// The command that grants a user everything that workers and the command line need.
fn grant(user: &str, vhost: &str, prefix: &str) -> String {
    let escaped = prefix.replace('.', "\\.");
    format!(
        "rabbitmqctl set_permissions -p '{vhost}' '{user}' '^({escaped}|amq\\.gen)' \
         '^({escaped}|amq\\.(default|gen))' '^({escaped}|amq\\.gen)'"
    )
}

/// Cuts a connection.
#[derive(Clone)]
pub(crate) struct Cut(Arc<Socket>);

impl Cut {
    pub(crate) fn cut(&self) {
        self.0.sever();
    }
}

/// The name as AMQP carries it.
pub(crate) fn short(name: &str) -> Result<ShortString, BrokerError> {
    ShortString::try_new(name).map_err(|_| BrokerError::NameTooLong {
        name: name.to_owned(),
    })
}

/// A second handle on the socket under a connection. lapin gives every connection a thread of its
/// own, which waits for a silent peer for ever, even when nobody waits for the connection any
/// more; shutting the socket down ends both.
#[derive(Default)]
struct Socket {
    severed: AtomicBool,
    stream: OnceLock<TcpStream>,
}

impl Socket {
    fn attach(&self, stream: TcpStream) -> io::Result<()> {
        let stream = self.stream.get_or_init(|| stream);
        if self.severed.load(Ordering::SeqCst) {
            stream.shutdown(Shutdown::Both)?;
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }

    fn sever(&self) {
        self.severed.store(true, Ordering::SeqCst);
        if let Some(stream) = self.stream.get() {
            // It fails only if the other end was faster.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// Ends an attempt to connect that nobody waits for any more.
struct SeveredOnDrop(Arc<Socket>);

impl SeveredOnDrop {
    fn disarm(mut self) {
        self.0 = Arc::default();
    }
}

impl Drop for SeveredOnDrop {
    fn drop(&mut self) {
        self.0.sever();
    }
}

async fn connect(
    address: &Address,
    properties: ConnectionProperties,
    socket: &Arc<Socket>,
) -> lapin::Result<Connection> {
    let runtime = lapin::runtime::default_runtime()?;
    let socket = Arc::clone(socket);
    let authorities = address.authorities.clone();
    Connection::connector(
        address.uri.clone(),
        runtime,
        async move |uri: AMQPUri, runtime| {
            let AMQPAuthority { host, port, .. } = uri.authority;
            let addresses = runtime.to_socket_addrs((host.clone(), port));
            let stream = AsyncTcpStream::connect(&runtime, addresses).await?;
            if let AsyncTcpStream::Plain(stream) = &stream {
                let handle = stream.get_ref().as_fd().try_clone_to_owned()?;
                socket.attach(TcpStream::from(handle))?;
            }
            match uri.scheme {
                AMQPScheme::AMQP => Ok(stream),
                AMQPScheme::AMQPS => {
                    let config = TLSConfig {
                        identity: None,
                        cert_chain: authorities.as_deref(),
                    };
                    Ok(stream.into_tls(&host, config).await?)
                }
            }
        },
        properties,
    )
    .await
}

/// What a failure to connect means.
async fn refusal(error: lapin::Error, address: &Address) -> BrokerError {
    match code(&error) {
        Some(ACCESS_REFUSED) => address.login_refused(),
        Some(NOT_ALLOWED) => BrokerError::VhostRefused {
            address: address.name(),
            vhost: address.uri.vhost.clone(),
            detail: detail(&error),
        },
        _ => address.unreachable(&error).await,
    }
}

/// The AMQP reply code.
pub(crate) fn code(error: &lapin::Error) -> Option<u16> {
    match error.kind() {
        ErrorKind::ProtocolError(error) => Some(error.get_id()),
        _ => None,
    }
}

/// The broker's words.
fn detail(error: &lapin::Error) -> String {
    match error.kind() {
        ErrorKind::ProtocolError(error) => error.get_message().to_string(),
        _ => error.to_string(),
    }
}
