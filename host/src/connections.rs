//! The open connections of a listener: bounds their number, and chooses which to close when there are too many.
//!
//! A connection is busy while it has a request in flight. Otherwise it is idle: it waits for its first request, for the
//! rest of a request, or for the next. The host closes only idle connections, and first the one that has been idle
//! longest. A client address above its share loses its own connections before those of others; a proxy, behind which
//! many clients share an address, keeps its busy connections.
//!
//! Opening and closing a connection takes a lock. A request takes none: it only writes its connection's state.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use http::Extensions;
use tokio::sync::Notify;

/// The state of a busy connection. The state of an idle connection is the time when it became idle.
const BUSY: u64 = u64::MAX;

/// The state of a connection that is being closed.
const CLOSING: u64 = 0;

/// The open connections of a listener.
pub(crate) struct Connections {
    max: usize,
    max_per_client: usize,
    began: Instant,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    clients: HashMap<IpAddr, Vec<Activity>>,
    count: usize,
}

/// An open connection. Dropping it frees its place.
pub(crate) struct Connection {
    connections: Arc<Connections>,
    client: IpAddr,
    activity: Activity,
}

/// The activity of a connection. Clones share it; each of the connection's requests has a clone among its extensions.
#[derive(Clone)]
pub(crate) struct Activity(Arc<Shared>);

struct Shared {
    began: Instant,
    /// The time when the connection became idle, in microseconds after `began`, or [`BUSY`] or [`CLOSING`].
    state: AtomicU64,
    closing: Notify,
}

/// A request in flight. Its connection is not closed before this is dropped.
pub(crate) struct Busy(Activity);

/// The connection of a request is about to be closed.
#[derive(Debug)]
pub(crate) struct Closing;

impl Connections {
    /// Allows at most `max` connections, of which a client address may have `max_per_client` idle ones.
    pub(crate) fn new(max: usize, max_per_client: usize) -> Arc<Self> {
        Arc::new(Self {
            max,
            max_per_client,
            began: Instant::now(),
            open: Mutex::default(),
        })
    }

    /// Gives a new connection a place, and closes an idle connection if there are too many. None if every connection is
    /// busy.
    pub(crate) fn admit(self: &Arc<Self>, peer: SocketAddr) -> Option<Connection> {
        let client = client(peer.ip());
        let mut open = self.open();
        if open
            .clients
            .get(&client)
            .is_some_and(|own| own.len() >= self.max_per_client)
        {
            open.close_oldest_of(client);
        }
        if open.count >= self.max && !open.close_oldest() {
            return None;
        }
        let activity = Activity::new(self.began);
        open.clients.entry(client).or_default().push(activity.clone());
        open.count += 1;
        Some(Connection {
            connections: Arc::clone(self),
            client,
            activity,
        })
    }

    /// Closes the connection that has been idle longest. Returns whether there was such a connection.
    pub(crate) fn close_oldest(&self) -> bool {
        self.open().close_oldest()
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn close_oldest(&mut self) -> bool {
        let waiting = self
            .clients
            .iter()
            .flat_map(|(client, own)| own.iter().map(move |one| (*client, one)));
        self.close(oldest(&waiting))
    }

    fn close_oldest_of(&mut self, client: IpAddr) -> bool {
        let own = self.clients.get(&client).into_iter().flatten();
        self.close(oldest(&own.map(|one| (client, one))))
    }

    /// Signals the connection's task to end. The place is free at once.
    fn close(&mut self, connection: Option<(IpAddr, Activity)>) -> bool {
        let Some((client, activity)) = connection else {
            return false;
        };
        self.remove(client, &activity);
        activity.0.closing.notify_one();
        true
    }

    fn remove(&mut self, client: IpAddr, activity: &Activity) {
        let Some(own) = self.clients.get_mut(&client) else {
            return;
        };
        let Some(place) = own.iter().position(|one| Arc::ptr_eq(&one.0, &activity.0)) else {
            return;
        };
        own.swap_remove(place);
        self.count -= 1;
        if own.is_empty() {
            self.clients.remove(&client);
        }
    }
}

/// Takes the connection that has been idle longest. It accepts no further request.
fn oldest<'a>(
    connections: &(impl Iterator<Item = (IpAddr, &'a Activity)> + Clone),
) -> Option<(IpAddr, Activity)> {
    loop {
        let states = connections
            .clone()
            .map(|(client, one)| (one.0.state.load(Ordering::Acquire), client, one));
        let (since, client, oldest) = states
            .filter(|(state, ..)| !matches!(*state, BUSY | CLOSING))
            .min_by_key(|(state, ..)| *state)?;
        // The connection may have become busy meanwhile: then another has been idle longest.
        if oldest
            .0
            .state
            .compare_exchange(since, CLOSING, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
        {
            return Some((client, oldest.clone()));
        }
    }
}

impl Connection {
    /// The connection's activity, for its requests.
    pub(crate) fn activity(&self) -> Activity {
        self.activity.clone()
    }

    /// Waits until the connection must be closed; forever if it never must.
    pub(crate) async fn closing(&self) {
        self.activity.0.closing.notified().await;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.connections.open().remove(self.client, &self.activity);
    }
}

impl Activity {
    fn new(began: Instant) -> Self {
        let (state, closing) = (AtomicU64::new(since(began)), Notify::new());
        Self(Arc::new(Shared {
            began,
            state,
            closing,
        }))
    }

    fn begin(&self) -> Result<Busy, Closing> {
        let busy = |state| (state != CLOSING).then_some(BUSY);
        match self
            .0
            .state
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, busy)
        {
            Ok(_) => Ok(Busy(self.clone())),
            Err(_) => Err(Closing),
        }
    }
}

impl Busy {
    /// Marks the connection of a request as busy, by the [`Activity`] in the request's extensions. None for the host's
    /// own requests, which have no connection.
    pub(crate) fn begin(extensions: &Extensions) -> Result<Option<Self>, Closing> {
        extensions.get::<Activity>().map(Activity::begin).transpose()
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let shared = &self.0.0;
        shared.state.store(since(shared.began), Ordering::Release);
    }
}

/// The present time, as a state.
fn since(began: Instant) -> u64 {
    let micros = began.elapsed().as_micros().try_into().unwrap_or(u64::MAX);
    micros.clamp(CLOSING + 1, BUSY - 1)
}

/// The address that identifies a client: for IPv6, the 64 bits that belong to a subscriber.
fn client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use futures_util::FutureExt as _;

    use super::*;

    fn open(connections: &Arc<Connections>, address: &str) -> Connection {
        let connection = connections
            .admit(SocketAddr::new(address.parse().unwrap(), 1))
            .unwrap();
        // The clock must advance, so that the next connection is younger.
        let began = since(connections.began);
        while since(connections.began) == began {
            std::hint::spin_loop();
        }
        connection
    }

    fn is_closing(connection: &Connection) -> bool {
        connection.closing().now_or_never().is_some()
    }

    #[test]
    fn the_one_that_has_waited_longest_makes_room() {
        let connections = Connections::new(3, 3);
        let all = ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map(|address| open(&connections, address));
        drop(all[0].activity().begin().unwrap());
        let _new = open(&connections, "10.0.0.4");
        assert_eq!(all.each_ref().map(is_closing), [false, true, false]);
        assert!(all[1].activity().begin().is_err(), "it takes no request any more");
    }

    #[test]
    fn a_busy_one_is_not_closed_and_no_more_are_admitted_than_there_is_room_for() {
        let connections = Connections::new(2, 2);
        let all = ["10.0.0.1", "10.0.0.2"].map(|address| open(&connections, address));
        let busy = all.each_ref().map(|one| one.activity().begin().unwrap());
        assert!(connections.admit("10.0.0.3:1".parse().unwrap()).is_none());
        drop(busy);
        let _new = open(&connections, "10.0.0.3");
        assert_eq!(all.iter().filter(|one| is_closing(one)).count(), 1);
    }

    #[test]
    fn a_client_beyond_its_share_loses_its_own() {
        let connections = Connections::new(100, 2);
        let other = open(&connections, "10.0.0.1");
        let own = ["10.0.0.2", "::ffff:10.0.0.2", "10.0.0.2"].map(|address| open(&connections, address));
        assert!(!is_closing(&other));
        assert_eq!(own.each_ref().map(is_closing), [true, false, false]);
        let six = ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "2001:db8::3"];
        let six = six.map(|address| open(&connections, address));
        assert_eq!(six.each_ref().map(is_closing), [true, false, false, false]);
    }

    #[test]
    fn a_busy_client_may_go_beyond_its_share() {
        let connections = Connections::new(100, 1);
        let own = ["10.0.0.2"; 5].map(|address| {
            let connection = open(&connections, address);
            let busy = connection.activity().begin().unwrap();
            (connection, busy)
        });
        assert!(own.iter().all(|(connection, _)| !is_closing(connection)));
    }

    #[test]
    fn a_place_is_given_back_once() {
        let connections = Connections::new(2, 2);
        let first = open(&connections, "10.0.0.1");
        assert!(connections.close_oldest());
        assert!(!connections.close_oldest());
        drop(first);
        drop(open(&connections, "10.0.0.1"));
        let open = connections.open();
        assert_eq!((open.count, open.clients.len()), (0, 0));
    }
}
