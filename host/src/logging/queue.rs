//! The queue of log lines, and the thread that writes them.
//!
//! A log may be a pipe without a reader, or a file on a full disk. Requests must neither wait for the log nor fail with
//! it: lines wait in bounded memory, and a line without room, or a line that cannot be written, is lost. Lost lines are
//! counted, and the count is logged as soon as the log can be written again.

use std::io::{self, ErrorKind, Write};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The capacity of the queue, in bytes of lines.
const MAX_WAITING_BYTES: usize = 1024 * 1024;

/// Bytes of memory that the empty queue keeps for the next lines.
const KEPT_BYTES: usize = 64 * 1024;

/// How long the thread collects lines after a write, because waking the thread for each line costs more than writing
/// it.
const GATHER_TIME: Duration = Duration::from_millis(1);

/// How long a flush waits for a log that accepts nothing.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// The waiting lines. Clones share the queue.
#[derive(Clone, Debug)]
pub struct Queue(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Signalled when a line arrives for a waiting thread.
    filled: Condvar,
    /// Signalled after a write.
    written: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<u8>,
    /// Lines that were lost since the log last reported the count.
    lost: u64,
    /// All lines that were lost.
    lost_since_start: u64,
    phase: Phase,
    /// How many writes have been made.
    batches: u64,
}

/// The state of the thread.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The thread waits for a line and must be woken.
    #[default]
    Waiting,
    /// The thread collects lines or writes them.
    Busy,
}

impl Queue {
    /// Starts the thread, which writes to `log` for as long as the process lives.
    pub fn start(log: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let writer = Writer {
            log,
            shared: Arc::clone(&shared),
            in_line: false,
        };
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || writer.run())?;
        Ok(Self(shared))
    }

    /// Adds a line, which ends with a line end. The line is lost if the queue is full.
    pub fn push(&self, line: &[u8]) {
        let mut state = self.0.state();
        if state.lines.len() + line.len() > MAX_WAITING_BYTES {
            state.lost += 1;
            state.lost_since_start += 1;
            return;
        }
        state.lines.extend_from_slice(line);
        if state.phase == Phase::Waiting {
            state.phase = Phase::Busy;
            drop(state);
            self.0.filled.notify_one();
        }
    }

    /// The number of lines that were lost so far.
    #[must_use]
    pub fn lost_lines(&self) -> u64 {
        self.0.state().lost_since_start
    }

    /// Waits until every line is written or lost, unless the log accepts nothing for a second.
    pub fn flush(&self) {
        let mut state = self.0.state();
        let (mut batches, mut deadline) = (state.batches, Instant::now() + FLUSH_TIMEOUT);
        while state.phase != Phase::Waiting {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            (state, _) = self
                .0
                .written
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner);
            if state.batches != batches {
                (batches, deadline) = (state.batches, Instant::now() + FLUSH_TIMEOUT);
            }
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The queue as the thread sees it.
struct Writer<W> {
    log: W,
    shared: Arc<Shared>,
    /// Whether the last written byte is in the middle of a line.
    in_line: bool,
}

impl<W: Write> Writer<W> {
    fn run(mut self) {
        let mut batch = Vec::new();
        loop {
            self.take(&mut batch);
            let lost = self.write(&batch);
            self.settle(lost);
            batch.clear();
            batch.shrink_to(KEPT_BYTES);
            thread::sleep(GATHER_TIME);
        }
    }

    /// Takes all waiting lines, once there are any.
    fn take(&self, batch: &mut Vec<u8>) {
        let mut state = self.shared.state();
        while state.lines.is_empty() {
            state.phase = Phase::Waiting;
            self.shared.written.notify_all();
            state = self
                .shared
                .filled
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.phase = Phase::Busy;
        mem::swap(&mut state.lines, batch);
    }

    /// Writes lines, and returns how many were lost.
    fn write(&mut self, batch: &[u8]) -> u64 {
        // A line that was cut off must not be joined with the next line.
        if self.in_line && self.log.write_all(b"\n").is_ok() {
            self.in_line = false;
        }
        let mut rest = batch;
        while !rest.is_empty() {
            match self.log.write(rest) {
                Ok(0) => return count_lines(rest),
                Ok(written) => {
                    self.in_line = rest.get(written.wrapping_sub(1)) != Some(&b'\n');
                    rest = rest.get(written..).unwrap_or_default();
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Another process has made the file non-blocking.
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(GATHER_TIME),
                Err(_) => return count_lines(rest),
            }
        }
        0
    }

    /// Counts lost lines, and logs the count if the log has just been written.
    fn settle(&self, lost: u64) {
        let mut state = self.shared.state();
        state.batches += 1;
        self.shared.written.notify_all();
        state.lost += lost;
        state.lost_since_start += lost;
        if lost > 0 || state.lost == 0 {
            return;
        }
        let lines = mem::take(&mut state.lost);
        drop(state);
        tracing::warn!(
            lines,
            "lines of the log were lost, since it could not be written for a while"
        );
    }
}

fn count_lines(bytes: &[u8]) -> u64 {
    bytes.split_inclusive(|&byte| byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use std::fs::File;
    use std::io::{Read, pipe};

    use super::*;

    #[test]
    fn lines_are_written_in_their_order_and_a_flush_waits_for_them() {
        let (mut reader, writer) = pipe().unwrap();
        let reading = thread::spawn(move || {
            let mut bytes = vec![0; 10_000 * 8];
            reader.read_exact(&mut bytes).unwrap();
            String::from_utf8(bytes).unwrap()
        });
        let queue = Queue::start(writer).unwrap();
        for number in 0..10_000 {
            queue.push(format!("{number:07}\n").as_bytes());
        }
        queue.flush();
        let lines = reading.join().unwrap();
        assert!(
            lines
                .lines()
                .enumerate()
                .all(|(index, line)| line.parse() == Ok(index))
        );
    }

    /// A log that accepts nothing and never returns, like a full pipe without a reader.
    struct Stuck;

    impl Write for Stuck {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            loop {
                thread::park();
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_log_that_nobody_reads_keeps_nobody_waiting() {
        let queue = Queue::start(Stuck).unwrap();
        let line = [b'x'; 1023].into_iter().chain([b'\n']).collect::<Vec<_>>();
        for _ in 0..4096 {
            queue.push(&line);
        }
        queue.flush();
        let state = queue.0.state();
        assert!(state.lines.len() <= MAX_WAITING_BYTES);
        assert!(state.lost > 1024, "{} lines were lost", state.lost);
    }

    #[test]
    fn lines_that_cannot_be_written_are_counted() {
        let queue = Queue::start(File::options().write(true).open("/dev/full").unwrap()).unwrap();
        for _ in 0..100 {
            queue.push(b"a line\n");
        }
        queue.flush();
        assert_eq!(queue.0.state().lost, 100);
    }

    /// A log that fails when it is full, and accepts lines again after it is emptied.
    struct Disk {
        written: Arc<Mutex<Vec<u8>>>,
        room: usize,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let room = self.room.min(bytes.len());
            self.room -= room;
            if room == 0 {
                self.room = 100;
                return Err(ErrorKind::StorageFull.into());
            }
            self.written.lock().unwrap().extend_from_slice(&bytes[..room]);
            Ok(room)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_after_one_that_broke_off_begins_anew() {
        let written = Arc::<Mutex<Vec<u8>>>::default();
        let queue = Queue::start(Disk {
            written: Arc::clone(&written),
            room: 10,
        })
        .unwrap();
        for line in ["first\n", "second\n", "third\n"] {
            queue.push(line.as_bytes());
            queue.flush();
        }
        assert_eq!(written.lock().unwrap().as_slice(), b"first\nseco\nthird\n");
        // The count was written to a log that this test does not read.
        assert_eq!(queue.0.state().lost, 0);
    }
}
