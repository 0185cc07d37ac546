//! What the events exchange tells.

use std::sync::{Arc, Mutex};

use broker::Inbox;
use schemas::{Event, decode};
use tests::{World, patience, until_within};
use tokio::task::JoinHandle;
use uuid::Uuid;

/// Everything that was told since one listens.
pub(super) struct Told {
    events: Arc<Mutex<Vec<Event>>>,
    listener: JoinHandle<()>,
}

impl Told {
    pub(super) async fn listen(world: &World) -> Self {
        let mut inbox = Inbox::open(&world.broker).await.unwrap();
        inbox.subscribe("event.#").await.unwrap();
        let events = Arc::new(Mutex::new(Vec::new()));
        let heard = events.clone();
        let listener = tokio::spawn(async move {
            // Until the broker, and all it had to tell, is gone.
            while let Ok(event) = inbox.next(patience()).await {
                let Some(event) = event else { continue };
                heard.lock().unwrap().push(decode(&event.body).unwrap());
            }
        });
        Self { events, listener }
    }

    /// Each of an execution's events once, in the order in which it was first told.
    pub(super) fn of(&self, id: Uuid) -> Vec<Event> {
        let mut events: Vec<Event> = Vec::new();
        for event in self.events.lock().unwrap().iter() {
            let known = events.iter().any(|known| known.seq == event.seq);
            if event.execution_id == id && !known {
                events.push(event.clone());
            }
        }
        events
    }

    pub(super) async fn end_of(&self, id: Uuid) {
        until_within(patience(), "the event of the end", || async {
            let last = self.of(id).into_iter().next_back();
            last.and_then(|event| event.verdict).map(|_| ())
        })
        .await;
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.listener.abort();
    }
}
