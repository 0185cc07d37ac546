//! Processes that die, end or stand still.

use std::time::Duration;

use chrono::Utc;
use fastrand::Rng;
use futures_util::future::try_join_all;
use rustix::process::Signal;
use tokio::time::sleep;

use super::{Deeds, Make, Mark, held, millis};
use crate::site::Site;

/// Longer than a claim, and not longer than the command timeout: see the module above.
const FREEZE: Duration = Duration::from_secs(7);

#[derive(Clone)]
pub enum WorkerFault {
    /// SIGKILL; started again after a while.
    Kill,
    /// SIGKILL for all that may die, at once.
    KillAll,
    /// SIGTERM; started again when it has ended.
    Terminate,
    /// SIGSTOP, and SIGCONT when its claims are over.
    Freeze,
}

impl Make for WorkerFault {
    fn kinds() -> Vec<Self> {
        let mut kinds = vec![Self::Kill; 5];
        kinds.extend([
            Self::KillAll,
            Self::Terminate,
            Self::Terminate,
            Self::Freeze,
            Self::Freeze,
        ]);
        kinds
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Kill => "worker killed (kill -9)",
            Self::KillAll => "all but two workers killed",
            Self::Terminate => "worker terminated (SIGTERM)",
            Self::Freeze => "worker frozen past its claims",
        }
    }

    async fn make(&self, random: &mut Rng, site: &Site, _: &Deeds) -> anyhow::Result<Mark> {
        let (long_lived, mortal) = site.long_lived();
        let victim = &mortal[random.usize(..mortal.len())];
        let any = &site.workers[random.usize(..site.workers.len())];
        let absence = millis(random, 100, 1500);
        match self {
            Self::Kill => {
                let hit = held(site, Some(&victim.name)).await;
                victim.kill().await?;
                let end = Some(Utc::now());
                sleep(absence).await;
                victim.start().await?;
                Ok(Mark {
                    end,
                    hit,
                    ..Mark::default()
                })
            }
            Self::KillAll => {
                let mut hit = held(site, None).await;
                try_join_all(mortal.iter().map(|worker| worker.kill())).await?;
                let end = Some(Utc::now());
                for worker in long_lived {
                    let spared = held(site, Some(&worker.name)).await;
                    hit.retain(|id| !spared.contains(id));
                }
                sleep(absence).await;
                try_join_all(mortal.iter().map(|worker| worker.start())).await?;
                Ok(Mark {
                    end,
                    hit,
                    ..Mark::default()
                })
            }
            Self::Terminate => {
                let hit = held(site, Some(&victim.name)).await;
                victim.terminate().await?;
                let end = Some(Utc::now());
                victim.start().await?;
                Ok(Mark {
                    end,
                    hit,
                    ..Mark::default()
                })
            }
            Self::Freeze => {
                any.signal(Signal::STOP).await;
                let hit = held(site, Some(&any.name)).await;
                sleep(FREEZE).await;
                any.signal(Signal::CONT).await;
                Ok(Mark {
                    hit,
                    ..Mark::default()
                })
            }
        }
    }
}
