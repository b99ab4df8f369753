//! The host's sources contain no word of the application that the project's components make up.

use std::fs;
use std::path::{Path, PathBuf};

/// Words that only an application has. They are manifest keys or parts of components, and never the host's own.
const APPLICATION_WORDS: [&str; 10] = [
    "todo",
    "/tasks",
    "`task`",
    "/chat",
    "\"ai\"",
    "`ai`",
    "/stats",
    "dashboard",
    "conversations",
    "total-count",
];

/// Places of Cohere's API and of the capability of that name, which contain a word of the application.
const CAPABILITY_WORDS: [&str; 3] = ["cohere/chat", "v2/chat", "reference/chat"];

/// The lines of the text that contain a word of the application, without the unit tests at the end of the text.
fn lines_about_the_application(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let numbered = code.lines().enumerate().map(|(index, line)| (index + 1, line));
    numbered.filter(|(_, line)| {
        let mut line = line.to_lowercase();
        for word in CAPABILITY_WORDS {
            line = line.replace(word, "");
        }
        APPLICATION_WORDS.iter().any(|word| line.contains(word))
    })
}

/// The files below `folder` that make up the host: no tests, benchmarks, snapshots or lock files.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            if !["tests", "benches", "snapshots"].contains(&name) {
                files.extend(sources(&path));
            }
        } else if !["tests.rs", "Cargo.lock"].contains(&name) && !name.starts_with("test_") {
            files.push(path);
        }
    }
    files
}

#[test]
fn the_host_knows_no_application() {
    let files = sources(Path::new(env!("CARGO_MANIFEST_DIR")));
    assert!(files.len() > 200, "{} files", files.len());
    let mut hits = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let lines = lines_about_the_application(&text);
        hits.extend(lines.map(|(number, line)| format!("{}:{number}: {}", file.display(), line.trim())));
    }
    assert!(
        hits.is_empty(),
        "write a neutral example, or make the word a key of the manifest:\n{}",
        hits.join("\n")
    );
}

#[test]
fn a_word_of_the_application_is_found_and_a_word_of_a_capability_is_not() {
    let text = "const SERVICE: &str = \"Todo-backend\";\n/// `berth:cohere/chat`\n\"x-total-count\"\n\
                let task = spawn();\n#[cfg(test)]\nmod tests {\n    \"todo\"\n}";
    let lines: Vec<_> = lines_about_the_application(text).map(|(line, _)| line).collect();
    assert_eq!(lines, [1, 3]);
}
