//! Asking for permissions leaves nothing behind.

use broker::check_permissions;

use crate::support::{on_bed, queue};

/// Workers that start together ask together. The dead letters are bound to the commands exchange
/// meanwhile, and got the message by which another worker asked.
#[tokio::test]
async fn when_several_ask_at_once_then_no_message_reaches_a_queue() {
    on_bed(async |bed| {
        let queues = [queue(bed)];
        for _ in 0..10 {
            let checks = (0..6).map(|_| check_permissions(&bed.options, &queues));
            for checked in futures_util::future::join_all(checks).await {
                checked.unwrap();
            }
        }
        assert_eq!(bed.ready(&bed.names().dead_letter_queue()).await, 0);
        assert_eq!(bed.ready(&queue(bed)).await, 0);
    })
    .await;
}
