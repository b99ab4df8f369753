//! Queues by key: of all members with a key only one runs at a time, in the order of their arrival.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;
use tokio::time::timeout;

/// The most members of a lane, including the running member.
const MAX_MEMBERS: usize = 256;

/// How long a member waits before it is refused.
const LANE_TIMEOUT: Duration = Duration::from_secs(10);

/// The lanes that have members.
pub(super) struct Lanes<K: Copy + Eq + Hash>(Mutex<HashMap<K, Lane>>);

#[derive(Default)]
struct Lane {
    turn: Arc<tokio::sync::Mutex<()>>,
    members: usize,
}

/// A member of a lane. Dropping it lets the next member run.
pub(super) struct Place<'a, K: Copy + Eq + Hash> {
    lanes: &'a Lanes<K>,
    key: K,
    turn: Option<OwnedMutexGuard<()>>,
}

impl<K: Copy + Eq + Hash> Default for Lanes<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Copy + Eq + Hash> Lanes<K> {
    /// Waits in the lane of `key`. None if the lane is full, or the wait exceeds 10 seconds.
    pub(super) async fn enter(&self, key: K) -> Option<Place<'_, K>> {
        let turn = self.join(key)?;
        let mut place = Place {
            lanes: self,
            key,
            turn: None,
        };
        place.turn = Some(timeout(LANE_TIMEOUT, turn.lock_owned()).await.ok()?);
        Some(place)
    }

    fn join(&self, key: K) -> Option<Arc<tokio::sync::Mutex<()>>> {
        let mut lanes = self.lanes();
        let lane = lanes.entry(key).or_default();
        if lane.members >= MAX_MEMBERS {
            return None;
        }
        lane.members += 1;
        Some(Arc::clone(&lane.turn))
    }

    fn leave(&self, key: K) {
        let mut lanes = self.lanes();
        if let Some(lane) = lanes.get_mut(&key) {
            lane.members -= 1;
            if lane.members == 0 {
                lanes.remove(&key);
            }
        }
    }

    fn lanes(&self) -> MutexGuard<'_, HashMap<K, Lane>> {
        // No code panics while the lock is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Copy + Eq + Hash> Drop for Place<'_, K> {
    fn drop(&mut self) {
        // The lock is released first: otherwise a new member could make a second lane while this member still holds the
        // lock.
        self.turn = None;
        self.lanes.leave(self.key);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

    use std::pin::pin;

    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn one_goes_on_at_a_time_and_other_lanes_are_free() {
        let lanes = Lanes::default();
        let first = lanes.enter(1).await.unwrap();
        let mut second = pin!(lanes.enter(1));
        assert!(second.as_mut().now_or_never().is_none());
        assert!(lanes.enter(2).await.is_some());
        drop(first);
        assert!(second.await.is_some());
    }

    #[tokio::test]
    async fn a_lane_without_members_takes_no_room_whoever_left_it() {
        let lanes = Lanes::default();
        let first = lanes.enter(1).await.unwrap();
        {
            let mut gone = pin!(lanes.enter(1));
            assert!(gone.as_mut().now_or_never().is_none());
        }
        drop(first);
        assert!(lanes.lanes().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever() {
        let lanes = Lanes::default();
        let _first = lanes.enter(1).await.unwrap();
        assert!(lanes.enter(1).await.is_none());
    }

    #[tokio::test]
    async fn a_full_lane_is_closed() {
        let lanes = Lanes::default();
        let places: Vec<_> = (0..MAX_MEMBERS).map(|_| lanes.join(1).unwrap()).collect();
        assert!(lanes.enter(1).await.is_none());
        assert_eq!(places.len(), MAX_MEMBERS);
    }
}
