//! The output of commands. Either stream may be closed, full, or an unread pipe, and no command fails because of that
//! alone.

use std::io::{self, ErrorKind, Write};

use crate::logging::Queue;

/// Whether the output has a reader.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reader {
    /// The output has a reader, as far as is known.
    Reads,
    /// The reader has closed the output, as `head -1` does.
    HasGone,
}

/// Prints `text` on standard output.
///
/// # Errors
///
/// If the output cannot be written for any reason other than a closed reader.
pub(super) fn print(text: &str) -> io::Result<Reader> {
    print_to(&mut io::stdout().lock(), text)
}

fn print_to(out: &mut impl Write, text: &str) -> io::Result<Reader> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(Reader::Reads),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Reader::HasGone),
        Err(error) => Err(error),
    }
}

/// Prints on standard error why a command failed, and waits only briefly for a reader.
pub(super) fn complain(line: &str) {
    if let Ok(queue) = Queue::start(io::stderr()) {
        queue.push(format!("{line}\n").as_bytes());
        queue.flush();
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use std::fs::File;
    use std::io::pipe;

    use super::*;

    #[test]
    fn a_reader_that_has_gone_is_no_failure_and_a_full_disk_is_one() {
        let (reader, mut writer) = pipe().unwrap();
        assert_eq!(print_to(&mut writer, "a line\n").unwrap(), Reader::Reads);
        drop(reader);
        assert_eq!(print_to(&mut writer, "a line\n").unwrap(), Reader::HasGone);
        let mut full = File::options().write(true).open("/dev/full").unwrap();
        assert_eq!(
            print_to(&mut full, "a line\n").unwrap_err().kind(),
            ErrorKind::StorageFull
        );
    }
}
