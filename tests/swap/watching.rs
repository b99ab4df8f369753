//! `berth serve --watch`: what is saved goes live.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tempfile::TempDir;

use super::answer_of;
use crate::support::components::manifest;
use crate::support::patience::eventually;
use crate::support::versions::{version, versioned};
use crate::support::{App, Component, Send as _};

/// Where the fixture `hello` is.
const HELLO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/hello.wasm");

/// A host that watches a folder with a manifest and a component.
struct Watching {
    app: App,
    folder: TempDir,
}

impl Watching {
    async fn start(components: impl FnOnce(&Path) -> Vec<Component>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("berth.toml");
        fs::write(&file, manifest(components(folder.path()))).unwrap();
        let app = App::here().watching(&file).start().await;
        Self { app, folder }
    }

    /// With the fixture `version` alone.
    async fn one() -> Self {
        Self::start(|folder| vec![versioned(folder, "name=one")]).await
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn save(&self, settings: &str) {
        fs::write(self.path("version.wasm"), version(settings)).unwrap();
    }

    fn save_manifest(&self, components: impl IntoIterator<Item = Component>) {
        fs::write(self.path("berth.toml"), manifest(components)).unwrap();
    }

    async fn becomes(&self, answer: &str) {
        eventually(answer.to_owned(), async || answer_of(&self.app).await).await;
    }

    async fn status(&self, path: &str) -> u16 {
        self.app.get(path).answer().await.status
    }
}

#[tokio::test]
async fn what_is_saved_goes_live_and_what_was_there_before_keeps_its_number() {
    let watching = Watching::one().await;
    watching.save("name=two");
    watching.becomes("version@2 two").await;
    watching.save("name=one");
    watching.becomes("version@1 one").await;
    assert_eq!(
        watching.app.operator().history("version").await,
        ["2 retired", "1 live"]
    );
}

#[tokio::test]
async fn a_file_that_is_written_in_halves_changes_nothing_until_it_is_whole() {
    let watching = Watching::one().await;
    let whole = version("name=two");
    fs::write(watching.path("version.wasm"), &whole[..whole.len() / 2]).unwrap();
    watching.app.process.wait_for("a version was refused");
    assert_eq!(answer_of(&watching.app).await, "version@1 one");
    fs::write(watching.path("version.wasm"), &whole).unwrap();
    watching.becomes("version@3 two").await;
}

#[tokio::test]
async fn a_file_that_is_renamed_over_another_goes_live() {
    let watching = Watching::one().await;
    fs::write(watching.path("version.wasm.new"), version("name=two")).unwrap();
    fs::rename(watching.path("version.wasm.new"), watching.path("version.wasm")).unwrap();
    watching.becomes("version@2 two").await;
}

#[tokio::test]
async fn a_file_that_is_only_touched_is_no_news() {
    let watching = Watching::start(|folder| {
        fs::copy(HELLO, folder.join("hello.wasm")).unwrap();
        let hello = Component::from_file("hello", &folder.join("hello.wasm")).at("/hello");
        vec![hello, versioned(folder, "name=one")]
    });
    let watching = watching.await;
    let touch = || {
        let file = fs::File::options()
            .write(true)
            .open(watching.path("hello.wasm"))
            .unwrap();
        file.set_modified(SystemTime::now()).unwrap();
    };
    // Files are looked at in turn, so a look at this one comes before each change that is seen of the other.
    for number in 2..5 {
        touch();
        watching.save(&format!("name={number}"));
        watching.becomes(&format!("version@{number} {number}")).await;
    }
    let log = watching.app.process.log();
    let swaps = log
        .lines()
        .filter(|line| line.contains("\"live\"") && line.contains("\"hello\""));
    assert_eq!(swaps.count(), 1, "{log}");
    assert!(!log.contains("was refused"), "{log}");
}

#[tokio::test]
async fn a_file_that_is_gone_leaves_its_version_live_until_it_is_back() {
    let watching = Watching::one().await;
    fs::remove_file(watching.path("version.wasm")).unwrap();
    watching.app.process.wait_for("its last version stays live");
    assert_eq!(answer_of(&watching.app).await, "version@1 one");
    watching.save("name=two");
    watching.becomes("version@2 two").await;
}

#[tokio::test]
async fn a_file_that_is_saved_with_the_same_bytes_takes_the_place_of_what_was_pushed() {
    let watching = Watching::one().await;
    watching
        .app
        .operator()
        .push_live("version", version("name=two"))
        .await;
    watching.becomes("version@2 two").await;
    watching.save("name=one");
    watching.becomes("version@1 one").await;
}

#[tokio::test]
async fn a_file_that_was_refused_goes_live_once_the_manifest_grants_what_it_needs() {
    let ungranted =
        |folder: &Path| Component::from_file("version", &folder.join("version.wasm")).at("/version");
    let watching = Watching::start(|folder| {
        fs::copy(HELLO, folder.join("version.wasm")).unwrap();
        vec![ungranted(folder)]
    });
    let watching = watching.await;
    watching.save("name=two");
    watching.app.process.wait_for("is not granted");
    let folder = watching.folder.path().to_owned();
    watching.save_manifest([ungranted(&folder).granted(&["postgres"])]);
    watching.becomes("version@2 two").await;
}

#[tokio::test]
async fn a_manifest_that_was_refused_for_a_file_is_taken_when_the_file_is_saved() {
    let watching = Watching::one().await;
    let folder = watching.folder.path().to_owned();
    let manifest = [versioned(&folder, "name=two probe=fails")
        .at("/also")
        .saying("probe = \"GET /version/probe\"")];
    watching.save_manifest(manifest);
    watching.app.process.wait_for("the host stays as it is");
    watching.save("name=three");
    eventually(200, async || watching.status("/also").await).await;
    assert!(answer_of(&watching.app).await.ends_with(" three"));
}

#[tokio::test]
async fn links_are_followed_to_where_they_lead_now() {
    let watching = Watching::start(|folder| {
        for (directory, settings) in [("first", "name=one"), ("second", "name=two")] {
            fs::create_dir(folder.join(directory)).unwrap();
            fs::write(folder.join(directory).join("version.wasm"), version(settings)).unwrap();
        }
        // As Kubernetes mounts a volume: the file is a link into a directory that is one, too.
        symlink("first", folder.join("..data")).unwrap();
        symlink("..data/version.wasm", folder.join("version.wasm")).unwrap();
        let file = folder.join("version.wasm");
        vec![
            Component::from_file("version", &file)
                .at("/version")
                .granted(&["postgres"]),
        ]
    });
    let watching = watching.await;
    assert_eq!(answer_of(&watching.app).await, "version@1 one");
    symlink("second", watching.path("..new")).unwrap();
    fs::rename(watching.path("..new"), watching.path("..data")).unwrap();
    watching.becomes("version@2 two").await;
}

#[tokio::test]
async fn components_of_one_file_change_together() {
    let watching = Watching::start(|folder| {
        let file = folder.join("version.wasm");
        fs::write(&file, version("name=one")).unwrap();
        let component = |name, path| {
            Component::from_file(name, &file)
                .at(path)
                .granted(&["postgres"])
                .called(name)
        };
        vec![component("version", "/version"), component("other", "/other")]
    });
    let watching = watching.await;
    watching.save("name=two");
    watching.becomes("version@2 two").await;
    assert_eq!(watching.app.get("/other").answer().await.text(), "two");
}

#[tokio::test]
async fn a_manifest_that_is_saved_changes_routes_limits_and_settings() {
    let shows = |greeting: &str| {
        let granted = ["config", "identity", "logging"];
        Component::new("shows")
            .at("/shows")
            .granted(&granted)
            .saying(&format!("config = {{ greeting = {greeting:?} }}"))
    };
    let watching = Watching::start(|_| vec![shows("hello")]).await;
    let text = async |path: &str| watching.app.get(path).answer().await.text();
    assert!(
        text("/shows/config").await.contains("hello"),
        "{}",
        text("/shows/config").await
    );
    watching.save_manifest([shows("good day").at("/also")]);
    eventually(true, async || text("/also/config").await.contains("good day")).await;
    let answer = watching.app.get("/shows/config").answer().await.expect(200);
    assert_eq!(
        answer.header("x-component"),
        Some("shows@1"),
        "it is the same version"
    );

    watching.save_manifest([shows("good day").limited("body", "1")]);
    eventually(404, async || watching.status("/also/config").await).await;
    let long = watching.app.post("/shows").body("more than one byte");
    assert_eq!(long.answer().await.status, 413);
}

#[tokio::test]
async fn numbers_go_on_when_the_manifest_changes_limits_and_grants() {
    let rows = || Component::new("rows").at("/rows").limited("log_lines", "1");
    let watching = Watching::start(|_| vec![rows().granted(&["postgres"]).limited("log_burst", "1s")]).await;
    let counted = async || {
        let page = watching
            .app
            .operator()
            .request_at("GET", "/metrics")
            .answer()
            .await;
        let page = page.expect(200).text();
        let names = [
            "berth_component_log_lines_dropped_total{component=\"rows\"}",
            "berth_database_pool_wait_duration_seconds_count{component=\"rows\",pool=\"own\"}",
        ];
        names.map(|name| {
            let line = page.lines().find_map(|line| line.strip_prefix(name));
            line.map_or(0.0, |value| value.trim().parse::<f64>().unwrap())
        })
    };
    let notices = [(
        "sql",
        "DO $$ BEGIN FOR i IN 1..50 LOOP RAISE WARNING 'x'; END LOOP; END $$",
    )];
    let request = watching.app.get("/rows/steps?end=commit").query(&notices);
    request.answer().await.expect(200);
    let before = counted().await;
    assert!(before.iter().all(|count| *count > 0.0), "{before:?}");

    watching.save_manifest([rows().granted(&["postgres"]).limited("log_burst", "2s")]);
    let is_live_again = async || watching.app.process.log().matches("\"message\":\"live\"").count() == 2;
    eventually(true, is_live_again).await;
    let after = counted().await;
    let has_grown = before.iter().zip(after).all(|(before, after)| *before <= after);
    assert!(has_grown, "{before:?} {after:?}");
}

#[tokio::test]
async fn components_come_and_go_with_the_manifest() {
    let watching = Watching::one().await;
    let folder = watching.folder.path().to_owned();
    watching.save_manifest([
        versioned(&folder, "name=one"),
        Component::new("hello").at("/hello"),
    ]);
    eventually(200, async || watching.status("/hello").await).await;
    assert_eq!(answer_of(&watching.app).await, "version@1 one");
    watching.save_manifest([Component::new("hello").at("/hello")]);
    eventually(404, async || watching.status("/version").await).await;
    let health = watching.app.get("/health").answer().await.json();
    let names: Vec<_> = health["components"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(names, ["hello"]);
}

#[tokio::test]
async fn a_manifest_that_cannot_be_used_changes_nothing_and_is_taken_once_it_can() {
    let watching = Watching::one().await;
    let built_later = Component::from_file("later", &watching.path("later.wasm")).at("/later");
    let folder = watching.folder.path().to_owned();
    fs::write(watching.path("berth.toml"), "[components.version\n").unwrap();
    watching.app.process.wait_for("the host stays as it is");
    assert_eq!(answer_of(&watching.app).await, "version@1 one");

    watching.save_manifest([versioned(&folder, "name=one"), built_later]);
    watching.app.process.wait_for("there is no file");
    assert_eq!(answer_of(&watching.app).await, "version@1 one");
    fs::copy(HELLO, watching.path("later.wasm")).unwrap();
    eventually(200, async || watching.status("/later").await).await;
}

#[tokio::test]
async fn the_hosts_own_routes_stay_until_it_starts_again() {
    let watching = Watching::start(|_| vec![Component::new("hello").at("/hello")]).await;
    let moved =
        "[http]\nhealth = \"/healthz\"\n".to_owned() + &manifest([Component::new("hello").at("/health")]);
    fs::write(watching.path("berth.toml"), moved).unwrap();
    watching
        .app
        .process
        .wait_for("[http] has changed: start the host again");
    assert_eq!(
        watching.app.get("/health").answer().await.json()["status"],
        "healthy"
    );
    assert_eq!(watching.status("/hello").await, 200);
    watching.save_manifest([Component::new("hello").at("/also")]);
    eventually(200, async || watching.status("/also").await).await;
}
