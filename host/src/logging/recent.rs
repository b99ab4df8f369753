//! The last lines of each component, and of the host itself, in bounded memory.
//!
//! Each component has a ring of its own, so that a component that logs much pushes out its own lines only. Where all rings
//! together exceed their bound, the largest ring gives up lines. Readers hold nothing: a follower remembers how far it
//! has read, and is told how many lines it has missed.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::watch;

/// The most bytes of lines that are kept of one component.
pub const MAX_COMPONENT_BYTES: usize = 256 * 1024;

/// The most lines that are kept of one component.
pub const MAX_COMPONENT_LINES: usize = 1000;

/// The most bytes of lines that are kept in all.
pub const MAX_TOTAL_BYTES: usize = 4 * 1024 * 1024;

/// The most components with a ring of their own. The lines of further components share the host's ring.
const MAX_RINGS: usize = 1024;

/// The bytes that a line counts beside its text, for what the host keeps of it.
const LINE_OVERHEAD_BYTES: usize = 128;

/// The most followers at once.
const MAX_FOLLOWERS: usize = 16;

/// The most bytes of lines that a follower reads at once.
const MAX_BATCH_BYTES: usize = 64 * 1024;

/// A line of the log.
#[derive(Debug)]
pub struct RecentLine {
    /// The number of the line on this host, from 1.
    pub sequence: u64,
    /// When the line was logged.
    pub time: Timestamp,
    /// The level.
    pub level: tracing::Level,
    /// The component that the line belongs to; empty for a line of the host.
    pub component: String,
    /// The request that the line belongs to.
    pub request_id: Option<String>,
    /// The line as a JSON object, without control characters.
    pub json: String,
}

/// The lines that a reader asks for.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Lines of this component only; empty for the lines of the host.
    pub component: Option<String>,
    /// Lines of this request only.
    pub request_id: Option<String>,
    /// Lines of this level, and of more severe ones.
    pub level: Option<tracing::Level>,
    /// Lines from this moment on.
    pub since: Option<Timestamp>,
}

impl Wanted {
    /// Whether only lines of the host are asked for.
    #[must_use]
    pub fn is_of_host(&self) -> bool {
        self.component.as_deref() == Some("")
    }

    fn has_ring(&self, line: &RecentLine) -> bool {
        self.component
            .as_ref()
            .is_none_or(|component| *component == line.component)
    }

    fn has(&self, line: &RecentLine) -> bool {
        self.has_ring(line)
            && self.level.is_none_or(|level| line.level <= level)
            && self.since.is_none_or(|since| line.time >= since)
            && self
                .request_id
                .as_ref()
                .is_none_or(|wanted| line.request_id.as_ref() == Some(wanted))
    }
}

/// The last lines. Clones share them.
#[derive(Clone, Debug)]
pub struct Recent(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    rings: Mutex<Rings>,
    /// The number of the last line, for followers that wait for the next.
    last: watch::Sender<u64>,
    followers: AtomicUsize,
}

#[derive(Debug, Default)]
struct Rings {
    /// The number of the last line.
    last: u64,
    bytes: usize,
    by_component: HashMap<String, Ring>,
}

/// The last lines of a component.
#[derive(Debug, Default)]
struct Ring {
    lines: VecDeque<Arc<RecentLine>>,
    bytes: usize,
    /// How many lines the ring has given up.
    given_up: u64,
}

impl Default for Recent {
    fn default() -> Self {
        Self(Arc::new(Shared {
            rings: Mutex::default(),
            last: watch::Sender::new(0),
            followers: AtomicUsize::new(0),
        }))
    }
}

impl Recent {
    /// Adds a line. `make` gets the line's number.
    pub(super) fn add(&self, make: impl FnOnce(u64) -> RecentLine) {
        let mut rings = self.rings();
        let sequence = rings.last + 1;
        rings.last = sequence;
        rings.push(make(sequence));
        drop(rings);
        self.0.last.send_replace(sequence);
    }

    /// The last `most` lines that are wanted, the oldest first.
    #[must_use]
    pub fn read(&self, wanted: &Wanted, most: usize) -> Vec<Arc<RecentLine>> {
        newest(self.rings().wanted(wanted, 0), most)
    }

    /// Reads like [`read`](Self::read), and then every further line. None if there are too many followers.
    #[must_use]
    pub fn follow(&self, wanted: Wanted, most: usize) -> Option<Follower> {
        let place = Place::take(self)?;
        let next = self.0.last.subscribe();
        let rings = self.rings();
        let first = newest(rings.wanted(&wanted, 0), most);
        let read = rings.read_so_far(&wanted);
        let after = rings.last;
        drop(rings);
        Some(Follower {
            place,
            wanted,
            next,
            after,
            read,
            batch: Batch {
                lines: first,
                missed: 0,
            },
        })
    }

    fn rings(&self) -> MutexGuard<'_, Rings> {
        self.0.rings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rings {
    fn push(&mut self, line: RecentLine) {
        let bytes = line.bytes();
        let has_room = self.by_component.len() < MAX_RINGS || self.by_component.contains_key(&line.component);
        let name = if has_room {
            line.component.clone()
        } else {
            String::new()
        };
        let ring = self.by_component.entry(name).or_default();
        ring.lines.push_back(Arc::new(line));
        ring.bytes += bytes;
        self.bytes += bytes;
        while ring.lines.len() > MAX_COMPONENT_LINES || ring.bytes > MAX_COMPONENT_BYTES {
            self.bytes -= ring.give_up();
        }
        while self.bytes > MAX_TOTAL_BYTES {
            let Some(largest) = self.by_component.values_mut().max_by_key(|ring| ring.bytes) else {
                return;
            };
            self.bytes -= largest.give_up();
        }
    }

    /// The lines after the number `after` that are wanted, in the order of their numbers.
    fn wanted(&self, wanted: &Wanted, after: u64) -> Vec<Arc<RecentLine>> {
        let rings = self.rings_of(wanted).map(|(_, ring)| ring.after(after));
        let mut lines: Vec<_> = rings.flatten().filter(|line| wanted.has(line)).cloned().collect();
        lines.sort_unstable_by_key(|line| line.sequence);
        lines
    }

    /// The rings that can have wanted lines.
    fn rings_of(&self, wanted: &Wanted) -> impl Iterator<Item = (&String, &Ring)> {
        let component = wanted.component.clone();
        self.by_component.iter().filter(move |(name, _)| {
            component
                .as_ref()
                .is_none_or(|component| component == *name || name.is_empty())
        })
    }

    /// How many lines each ring has had.
    fn read_so_far(&self, wanted: &Wanted) -> BTreeMap<String, u64> {
        self.rings_of(wanted)
            .map(|(name, ring)| (name.clone(), ring.had()))
            .collect()
    }
}

impl Ring {
    /// Drops the oldest line, and returns its bytes.
    fn give_up(&mut self) -> usize {
        let bytes = self.lines.pop_front().map_or(0, |line| line.bytes());
        self.bytes -= bytes;
        self.given_up += 1;
        bytes
    }

    /// How many lines the ring has had.
    fn had(&self) -> u64 {
        self.given_up + self.lines.len() as u64
    }

    /// The lines after the number `after`.
    fn after(&self, after: u64) -> impl Iterator<Item = &Arc<RecentLine>> {
        let begin = self.lines.partition_point(|line| line.sequence <= after);
        self.lines.range(begin..)
    }
}

impl RecentLine {
    fn bytes(&self) -> usize {
        self.json.len() + LINE_OVERHEAD_BYTES
    }
}

fn newest(mut lines: Vec<Arc<RecentLine>>, most: usize) -> Vec<Arc<RecentLine>> {
    lines.drain(..lines.len().saturating_sub(most));
    lines
}

/// A reader of lines as they are logged. It takes a place among the followers until it is dropped.
#[derive(Debug)]
pub struct Follower {
    place: Place,
    wanted: Wanted,
    next: watch::Receiver<u64>,
    /// The number of the last line that was looked at.
    after: u64,
    /// How many lines of each ring were looked at or missed.
    read: BTreeMap<String, u64>,
    batch: Batch,
}

/// Lines that a follower has read.
#[derive(Debug, Default)]
pub struct Batch {
    /// The lines, the oldest first.
    pub lines: Vec<Arc<RecentLine>>,
    /// How many lines were given up before the follower could read them: of the wanted component, but of any level and
    /// request.
    pub missed: u64,
}

impl Follower {
    /// Waits for further lines. Never returns an empty batch.
    pub async fn next(&mut self) -> Batch {
        loop {
            if !self.batch.lines.is_empty() || self.batch.missed > 0 {
                return std::mem::take(&mut self.batch);
            }
            if *self.next.borrow_and_update() == self.after {
                // The sender lives as long as `place`.
                let _ = self.next.changed().await;
            }
            self.batch = self.look();
        }
    }

    /// Reads the lines that have come, at most [`MAX_BATCH_BYTES`] and one line.
    fn look(&mut self) -> Batch {
        let recent = self.place.0.clone();
        let rings = recent.rings();
        let mut missed = 0;
        let is_of_all = self.wanted.component.is_none();
        // The host's ring has a wanted component's lines only if there are very many components.
        for (name, ring) in rings
            .rings_of(&self.wanted)
            .filter(|(name, _)| is_of_all || !name.is_empty())
        {
            let read = match self.read.get_mut(name) {
                Some(read) => read,
                None => self.read.entry(name.clone()).or_insert(0),
            };
            missed += ring.given_up.saturating_sub(*read);
            *read = (*read).max(ring.given_up);
        }
        let (mut lines, mut bytes) = (rings.wanted(&self.wanted, self.after), 0);
        let fits = lines.iter().take_while(|line| {
            let fits = bytes < MAX_BATCH_BYTES;
            bytes += line.bytes();
            fits
        });
        let fits = fits.count();
        let is_all = fits == lines.len();
        lines.truncate(fits);
        self.after = match lines.last() {
            Some(last) if !is_all => last.sequence,
            _ => rings.last,
        };
        for (name, ring) in rings.rings_of(&self.wanted) {
            let unread = ring.after(self.after).count() as u64;
            self.read.insert(name.clone(), ring.had() - unread);
        }
        Batch { lines, missed }
    }
}

/// A place among the followers.
#[derive(Debug)]
struct Place(Recent);

impl Place {
    fn take(recent: &Recent) -> Option<Self> {
        let place = Self(recent.clone());
        let before = recent.0.followers.fetch_add(1, Ordering::Relaxed);
        (before < MAX_FOLLOWERS).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.followers.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use futures_util::FutureExt as _;
    use tracing::Level;

    use super::*;

    fn add(recent: &Recent, component: &str, text: &str) {
        add_line(recent, component, Level::INFO, "r", text);
    }

    fn add_line(recent: &Recent, component: &str, level: Level, request_id: &str, text: &str) {
        recent.add(|sequence| RecentLine {
            sequence,
            time: Timestamp::from_second(i64::try_from(sequence).unwrap()).unwrap(),
            level,
            component: component.to_owned(),
            request_id: Some(request_id.to_owned()),
            json: text.to_owned(),
        });
    }

    fn texts(lines: &[Arc<RecentLine>]) -> Vec<&str> {
        lines.iter().map(|line| &*line.json).collect()
    }

    fn of(component: &str) -> Wanted {
        Wanted {
            component: Some(component.to_owned()),
            ..Wanted::default()
        }
    }

    #[test]
    fn a_component_pushes_out_its_own_lines_only() {
        let recent = Recent::default();
        add(&recent, "quiet", "once");
        for number in 0..MAX_COMPONENT_LINES + 10 {
            add(&recent, "loud", &number.to_string());
        }
        assert_eq!(texts(&recent.read(&of("quiet"), 10)), ["once"]);
        let loud = recent.read(&of("loud"), usize::MAX);
        assert_eq!(loud.len(), MAX_COMPONENT_LINES);
        assert_eq!(loud[0].json, "10");
        assert_eq!(
            recent.read(&Wanted::default(), usize::MAX).len(),
            MAX_COMPONENT_LINES + 1
        );
    }

    #[test]
    fn bytes_are_bounded_for_each_component_and_in_all() {
        let recent = Recent::default();
        add(&recent, "quiet", "once");
        let large = "x".repeat(10_000);
        for round in 0..100 {
            for component in 0..30 {
                add(&recent, &format!("loud-{component}"), &large);
            }
            let rings = recent.rings();
            let sum: usize = rings.by_component.values().map(|ring| ring.bytes).sum();
            assert_eq!(sum, rings.bytes);
            assert!(rings.bytes <= MAX_TOTAL_BYTES, "{round}: {}", rings.bytes);
            let largest = rings.by_component.values().map(|ring| ring.bytes).max();
            assert!(largest <= Some(MAX_COMPONENT_BYTES), "{round}: {largest:?}");
        }
        assert_eq!(texts(&recent.read(&of("quiet"), 10)), ["once"]);
    }

    #[test]
    fn components_without_a_ring_share_the_hosts() {
        let recent = Recent::default();
        for number in 0..MAX_RINGS + 10 {
            add(&recent, &format!("c{number}"), "a line");
        }
        assert!(recent.rings().by_component.len() <= MAX_RINGS + 1);
        assert_eq!(recent.read(&of(&format!("c{}", MAX_RINGS + 5)), 10).len(), 1);
    }

    #[test]
    fn lines_are_chosen_by_component_request_level_and_time() {
        let recent = Recent::default();
        add_line(&recent, "a", Level::INFO, "one", "1");
        add_line(&recent, "b", Level::ERROR, "one", "2");
        add_line(&recent, "a", Level::WARN, "two", "3");
        add_line(&recent, "", Level::DEBUG, "two", "4");
        let read = |wanted: Wanted| texts(&recent.read(&wanted, 10)).join(" ");
        assert_eq!(read(Wanted::default()), "1 2 3 4");
        assert_eq!(texts(&recent.read(&Wanted::default(), 2)), ["3", "4"]);
        assert_eq!(read(of("a")), "1 3");
        let wanted = Wanted {
            request_id: Some("one".to_owned()),
            ..Wanted::default()
        };
        assert_eq!(read(wanted), "1 2");
        let wanted = Wanted {
            level: Some(Level::WARN),
            ..Wanted::default()
        };
        assert_eq!(read(wanted), "2 3");
        let wanted = Wanted {
            since: Some(Timestamp::from_second(3).unwrap()),
            ..Wanted::default()
        };
        assert_eq!(read(wanted), "3 4");
    }

    #[tokio::test]
    async fn a_follower_gets_each_wanted_line_once() {
        let recent = Recent::default();
        add(&recent, "a", "before");
        let mut follower = recent.follow(of("a"), 10).unwrap();
        assert_eq!(texts(&follower.next().await.lines), ["before"]);
        assert!(follower.next().now_or_never().is_none());
        add(&recent, "b", "another's");
        assert!(follower.next().now_or_never().is_none());
        add(&recent, "a", "one");
        add(&recent, "a", "two");
        let batch = follower.next().await;
        assert_eq!((texts(&batch.lines), batch.missed), (vec!["one", "two"], 0));
        add(&recent, "a", "three");
        assert_eq!(texts(&follower.next().await.lines), ["three"]);
    }

    #[tokio::test]
    async fn a_follower_that_is_too_slow_is_told_how_many_lines_it_missed() {
        let recent = Recent::default();
        let mut follower = recent.follow(of("a"), 10).unwrap();
        add(&recent, "a", "read");
        assert_eq!(texts(&follower.next().await.lines), ["read"]);
        let total = 3 * MAX_COMPONENT_LINES;
        for number in 0..total {
            add(&recent, "a", &number.to_string());
            add(&recent, "b", "another's");
        }
        let (mut missed, mut lines) = (0, Vec::new());
        while let Some(batch) = follower.next().now_or_never() {
            missed += batch.missed;
            assert!(batch.lines.len() <= MAX_BATCH_BYTES / LINE_OVERHEAD_BYTES + 1);
            lines.extend(batch.lines);
        }
        assert_eq!(lines.len(), MAX_COMPONENT_LINES);
        assert_eq!(missed, (total - MAX_COMPONENT_LINES) as u64);
        assert_eq!(lines.last().unwrap().json, (total - 1).to_string());
    }

    #[tokio::test]
    async fn lines_that_are_given_up_between_two_batches_are_counted_once() {
        let recent = Recent::default();
        let mut follower = recent.follow(Wanted::default(), 0).unwrap();
        let large = "x".repeat(MAX_BATCH_BYTES / 2);
        let (mut added, mut counted) = (0, 0);
        for _ in 0..20 {
            for _ in 0..5 {
                add(&recent, "a", &large);
                added += 1;
            }
            let batch = follower.next().await;
            counted += batch.missed + batch.lines.len() as u64;
        }
        while let Some(batch) = follower.next().now_or_never() {
            counted += batch.missed + batch.lines.len() as u64;
        }
        assert_eq!(counted, added);
    }

    #[test]
    fn followers_are_bounded_in_number() {
        let recent = Recent::default();
        let follow = || recent.follow(Wanted::default(), 0);
        let mut followers: Vec<_> = (0..MAX_FOLLOWERS).map(|_| follow().unwrap()).collect();
        assert!(follow().is_none());
        assert!(follow().is_none());
        followers.pop();
        assert!(follow().is_some());
    }
}
