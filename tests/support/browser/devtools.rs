//! The protocol of Chromium's developer tools, over two pipes: JSON, with a NUL behind each message.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::support::process::WAIT_TIMEOUT;

/// The arguments: no window, no request of its own, and the protocol on the descriptors 3 and 4.
const ARGUMENTS: [&str; 13] = [
    "--headless=new",
    "--remote-debugging-pipe",
    // The tests run as root in containers, where the sandbox does not start. The pages are the project's own.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--no-first-run",
    "--lang=en-US",
    "--window-size=1280,900",
];

/// A running Chromium. It ends when this is dropped.
pub(super) struct DevTools {
    child: Child,
    input: Mutex<ChildStdin>,
    shared: Arc<Shared>,
    next: AtomicU64,
    _profile: TempDir,
}

#[derive(Default)]
struct Shared {
    /// The calls without an answer yet.
    calls: Mutex<HashMap<u64, oneshot::Sender<Value>>>,
    /// Every event, in order.
    events: Mutex<Vec<Value>>,
}

impl DevTools {
    /// Starts Chromium.
    pub(super) fn start(program: &Path) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null"])
            .arg(program)
            .args(ARGUMENTS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .env("TZ", "UTC")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let shared = Arc::new(Shared::default());
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let receiver = Arc::clone(&shared);
        thread::spawn(move || {
            for message in BufReader::new(output).split(0).map_while(Result::ok) {
                receiver.take(serde_json::from_slice(&message).unwrap());
            }
            // Callers that wait are told that there will be no answer.
            receiver.calls.lock().unwrap().clear();
        });
        Self {
            child,
            input: Mutex::new(input),
            shared,
            next: AtomicU64::new(1),
            _profile: profile,
        }
    }

    /// Calls a method of the browser, or of a page's session. Fails if the method does.
    #[track_caller]
    pub(super) fn call(
        &self,
        session: Option<&str>,
        method: &str,
        parameters: Value,
    ) -> impl Future<Output = Value> {
        let answer = self.try_call(session, method, parameters);
        let method = method.to_owned();
        async move { answer.await.unwrap_or_else(|error| panic!("{method}: {error}")) }
    }

    /// Calls a method that may fail, as one on an element that is no longer there.
    pub(super) fn try_call(
        &self,
        session: Option<&str>,
        method: &str,
        parameters: Value,
    ) -> impl Future<Output = Result<Value, Value>> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        self.shared.calls.lock().unwrap().insert(id, sender);
        let mut message = json!({ "id": id, "method": method });
        message["params"] = parameters;
        if let Some(session) = session {
            message["sessionId"] = json!(session);
        }
        let sent = self
            .input
            .lock()
            .unwrap()
            .write_all(format!("{message}\0").as_bytes());
        async move {
            sent.expect("Chromium takes calls");
            let answer = timeout(WAIT_TIMEOUT, answer).await.expect("Chromium answers");
            let mut answer = answer.expect("Chromium runs");
            match answer.get("error") {
                Some(error) => Err(error.clone()),
                None => Ok(answer["result"].take()),
            }
        }
    }

    /// The events of a session so far.
    pub(super) fn events(&self, session: &str) -> Vec<Value> {
        let events = self.shared.events.lock().unwrap();
        events
            .iter()
            .filter(|event| event["sessionId"] == session)
            .cloned()
            .collect()
    }
}

impl Shared {
    fn take(&self, message: Value) {
        match message["id"].as_u64() {
            Some(id) => {
                if let Some(call) = self.calls.lock().unwrap().remove(&id) {
                    let _ = call.send(message);
                }
            }
            None => self.events.lock().unwrap().push(message),
        }
    }
}

impl Drop for DevTools {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
