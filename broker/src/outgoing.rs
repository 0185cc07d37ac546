//! What is sent, and where to: the only place that knows the routing.

use schemas::{Event, Message, Names, Reply, Revert, Step, TraceContext, UpgradeRequest, encode};
use uuid::Uuid;

/// What RabbitMQ makes of `amq.rabbitmq.reply-to` begins like this.
const DIRECT_REPLY_TO: &str = "amq.rabbitmq.reply-to.";

/// A message to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// The exchange; empty for the default exchange, whose routing keys are names of queues.
    pub exchange: String,
    /// The routing key.
    pub routing_key: String,
    /// Whether it is a failure that no queue takes the message. Events are published without:
    /// nobody has to listen to them, and the ledger keeps what they say.
    pub mandatory: bool,
    /// JSON.
    pub body: Vec<u8>,
    /// The AMQP `type` property: which of the contract's messages this is.
    pub message_type: &'static str,
    /// The AMQP `message-id` property: the same for the same message published again.
    pub message_id: String,
    /// The AMQP `correlation-id` property.
    pub correlation_id: Option<String>,
    /// The AMQP `reply-to` property: the queue that an answer goes to.
    pub reply_to: Option<String>,
    /// Goes into the `traceparent` header.
    pub trace: TraceContext,
}

impl Outgoing {
    /// An upgrade request. Its answer goes to the queue `reply_to`, with the request id as the
    /// correlation id.
    pub fn request(
        names: &Names,
        request: &UpgradeRequest,
        reply_to: Option<String>,
        trace: TraceContext,
    ) -> Self {
        let id = request.request_id.to_string();
        Self {
            correlation_id: Some(id.clone()),
            reply_to,
            ..Self::new(
                names.commands_exchange(),
                Names::REQUEST_KEY.to_owned(),
                request,
                id,
                trace,
            )
        }
    }

    /// A step, to the queue of its state. A state in which nobody acts has no queue: such a step
    /// is unroutable.
    pub fn step(names: &Names, step: &Step, trace: TraceContext) -> Self {
        Self::new(
            names.commands_exchange(),
            Names::state_key(step.state).unwrap_or_else(|| step.state.slug().to_owned()),
            step,
            numbered(step.execution_id, step.seq),
            trace,
        )
    }

    /// A revert.
    pub fn revert(names: &Names, revert: &Revert, trace: TraceContext) -> Self {
        Self::new(
            names.commands_exchange(),
            Names::REVERT_KEY.to_owned(),
            revert,
            numbered(revert.execution_id, revert.seq),
            trace,
        )
    }

    /// An event, to whoever listens. The request id is the correlation id.
    pub fn event(names: &Names, event: &Event, trace: TraceContext) -> Self {
        Self {
            mandatory: false,
            correlation_id: Some(event.request_id.to_string()),
            ..Self::new(
                names.events_exchange(),
                Names::event_key(event.state),
                event,
                numbered(event.execution_id, event.seq),
                trace,
            )
        }
    }

    /// An answer, to the queue that the request named. RabbitMQ hands it straight to a channel
    /// that waits for it (direct reply-to) without a queue, and gives it back as unroutable all the
    /// same if it is mandatory: the requester would be answered twice.
    pub fn reply(
        queue: &str,
        reply: &Reply,
        correlation_id: Option<String>,
        trace: TraceContext,
    ) -> Self {
        Self {
            mandatory: !queue.starts_with(DIRECT_REPLY_TO),
            correlation_id,
            ..Self::new(
                String::new(),
                queue.to_owned(),
                reply,
                Uuid::now_v7().to_string(),
                trace,
            )
        }
    }

    /// An answer that could not go to a reply queue, to whoever listens.
    pub fn reply_fallback(
        names: &Names,
        reply: &Reply,
        correlation_id: Option<String>,
        trace: TraceContext,
    ) -> Self {
        Self {
            exchange: names.events_exchange(),
            mandatory: false,
            ..Self::reply(Names::REPLY_KEY, reply, correlation_id, trace)
        }
    }

    fn new<M: Message>(
        exchange: String,
        routing_key: String,
        message: &M,
        message_id: String,
        trace: TraceContext,
    ) -> Self {
        Self {
            exchange,
            routing_key,
            mandatory: true,
            body: encode(message),
            message_type: M::TYPE,
            message_id,
            correlation_id: None,
            reply_to: None,
            trace,
        }
    }
}

/// The id of what bears the number `seq` in an execution.
fn numbered(execution_id: Uuid, seq: i32) -> String {
    format!("{execution_id}/{seq}")
}
