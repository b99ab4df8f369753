//! The steps of a page.

/// One thing to do.
#[derive(Debug, PartialEq)]
pub(super) enum Part {
    /// To run a command.
    Command {
        /// The command.
        line: String,
        /// The output that the page shows; `…` stands for any text. Empty if the page shows none.
        output: String,
    },
    /// To write a file.
    File {
        /// Its name.
        name: String,
        /// The contents.
        text: String,
    },
}

/// The blocks of `console`, command by command, and those of `python` whose first line is a comment with a name.
pub(super) fn parts(page: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    for block in page.split("\n```").skip(1).step_by(2) {
        match block.split_once('\n') {
            Some(("console", text)) => parts.extend(commands(text)),
            Some(("python", text)) => parts.extend(file(text)),
            _ => {}
        }
    }
    parts
}

fn commands(block: &str) -> Vec<Part> {
    let mut commands = Vec::new();
    for line in block.lines() {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(line), _) => commands.push(Part::Command {
                line: line.to_owned(),
                output: String::new(),
            }),
            (None, Some(Part::Command { output, .. })) => output.extend([line, "\n"]),
            (None, _) => panic!("no command leads to {line:?}"),
        }
    }
    commands
}

fn file(block: &str) -> Option<Part> {
    let (first, text) = block.split_once('\n')?;
    Some(Part::File {
        name: first.strip_prefix("# ")?.to_owned(),
        text: format!("{text}\n"),
    })
}

/// Whether `printed` is what a page shows as `shown`: the same, but for white space at its end, and for `…`.
pub(super) fn is_as_shown(printed: &str, shown: &str) -> bool {
    let pieces: Vec<_> = shown.trim_end().split('…').collect();
    let [first, middle @ .., last] = &*pieces else {
        return printed.trim_end() == shown.trim_end();
    };
    let Some(mut rest) = printed.trim_end().strip_prefix(first) else {
        return false;
    };
    for piece in middle {
        let Some((_, after)) = rest.split_once(piece.trim_end_matches(' ')) else {
            return false;
        };
        rest = after;
    }
    rest.ends_with(last)
}

#[test]
fn a_page_is_read_block_by_block() {
    let text = "A page.\n\n```console\n$ one --two\nout…\nput\n$ three\n```\n\n```toml\nx = 1\n```\n\n```python\n# app.py\nx\n```\n";
    let command = |line: &str, output: &str| Part::Command {
        line: line.to_owned(),
        output: output.to_owned(),
    };
    let file = Part::File {
        name: "app.py".to_owned(),
        text: "x\n".to_owned(),
    };
    assert_eq!(
        parts(text),
        [command("one --two", "out…\nput\n"), command("three", ""), file]
    );
}

#[test]
fn what_is_shown_may_leave_things_out() {
    for (printed, shown) in [
        ("a b c\n", "a b c"),
        ("a b c", "a…c"),
        ("a\nb\nc", "…\nc"),
        ("a\nb\nc", "a\n…"),
        ("abc", "…b…"),
        ("", ""),
    ] {
        assert!(is_as_shown(printed, shown), "{printed:?} {shown:?}");
    }
    for (printed, shown) in [
        ("a b", "a"),
        ("a b c", "a…d"),
        ("a b c", "b…c"),
        ("acb", "a…b…c"),
        ("a", ""),
    ] {
        assert!(!is_as_shown(printed, shown), "{printed:?} {shown:?}");
    }
}
