//! Requests as EFA makes them, and their answers.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use broker::{Inbox, Outgoing};
use schemas::{Answer, Options, Reply, TraceContext, UpgradeRequest, V1, decode};
use simulator::FIRMWARE_HOST;
use uuid::Uuid;

use crate::{World, patience};

/// How long a requester waits for its answer.
const ANSWER: Duration = Duration::from_secs(60);

impl World {
    /// A valid request to upgrade the `n`th deployment's standby from 4.2.4 to 4.2.5.
    ///
    /// # Panics
    /// If there is no such deployment.
    pub fn request(&self, n: usize) -> UpgradeRequest {
        UpgradeRequest {
            version: V1,
            request_id: Uuid::new_v4(),
            ip_address: self.standbys[n],
            firmware_host: IpAddr::V4(FIRMWARE_HOST),
            tpvm_image: "/images/tpvm_x86_64-4.2.5-0.amd64.deb".parse().unwrap(),
            requested_by: "end-to-end test".parse().unwrap(),
            trusted_peer_sudo_user: None,
            trusted_peer_password_secret: Some("trusted-peer-password".parse().unwrap()),
            options: Options::default(),
        }
    }

    /// Publishes a request as EFA does, and waits for the answer.
    ///
    /// # Panics
    /// If there is no answer within a minute.
    pub async fn submit(&self, request: &UpgradeRequest) -> Answer {
        let mut inbox = Inbox::open(&self.broker).await.unwrap();
        let trace = TraceContext::new_root();
        let reply_to = Some(inbox.queue().to_owned());
        let message = Outgoing::request(&self.names, request, reply_to, trace);
        self.publisher.publish(message).await.unwrap();
        let reply = inbox.next(ANSWER).await.unwrap().expect("an answer");
        let body = reply.body.clone();
        // The inbox's deliveries need no acknowledgement.
        let reply: Reply = decode(&body).unwrap();
        assert_eq!(reply.request_id, Some(request.request_id));
        reply.answer
    }

    /// Publishes a request that must be accepted.
    ///
    /// # Panics
    /// If it is not.
    pub async fn accepted(&self, request: &UpgradeRequest) -> Uuid {
        match self.submit(request).await {
            Answer::Accepted { execution_id, .. } => execution_id,
            Answer::Rejected { reasons } => panic!("rejected: {reasons:?}"),
        }
    }

    /// Publishes requests that must be accepted, all at once. An answer that comes twice must say
    /// the same twice.
    ///
    /// # Panics
    /// If one is not.
    pub async fn accepted_all(&self, requests: &[UpgradeRequest]) -> Vec<Uuid> {
        let mut inbox = Inbox::open(&self.broker).await.unwrap();
        for request in requests {
            let reply_to = Some(inbox.queue().to_owned());
            let trace = TraceContext::new_root();
            let message = Outgoing::request(&self.names, request, reply_to, trace);
            self.publisher.publish(message).await.unwrap();
        }
        let mut accepted = HashMap::new();
        while accepted.len() < requests.len() {
            let reply = inbox.next(patience()).await.unwrap().expect("an answer");
            let reply: Reply = decode(&reply.body).unwrap();
            let Answer::Accepted { execution_id, .. } = reply.answer else {
                panic!("rejected: {reply:?}")
            };
            let known = accepted.insert(reply.request_id.unwrap(), execution_id);
            assert!(known.is_none_or(|known| known == execution_id));
        }
        let id = |request: &UpgradeRequest| accepted[&request.request_id];
        requests.iter().map(id).collect()
    }
}
