//! The courier against a real RabbitMQ, given by `AMQP_URL`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod consume;
mod dead_letter;
mod dead_letters;
mod declare;
mod faults;
mod inbox;
mod late;
mod permissions;
mod publish;
mod redrive;
mod support;
