//! A directory that changes while the host serves it.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tempfile::TempDir;

use super::{Site, table};
use crate::support::app::{App, AppBuilder};
use crate::support::patience::eventually;
use crate::support::{Answer, Send as _};

/// A host that watches the files of a site. The manifest is in the returned folder.
fn watching(site: &Site) -> (AppBuilder, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("berth.toml");
    fs::write(&manifest, table(&site.directory(), "routes = [\"/{*rest}\"]")).unwrap();
    (App::here().watching(&manifest), folder)
}

async fn shows(app: &App, path: &str, content: &str) {
    let wanted = (200, content.to_owned());
    eventually(wanted, async || {
        let answer = app.get(path).answer().await;
        (answer.status, answer.text())
    })
    .await;
}

#[tokio::test]
async fn saved_files_go_live_under_watch() {
    let site = Site::new(&[("index.html", "one"), ("old.txt", "old")]);
    let (builder, _folder) = watching(&site);
    let app = builder.start().await;
    shows(&app, "/index.html", "one").await;
    site.write("index.html", "two");
    site.write("new.txt", "new");
    fs::remove_file(site.directory().join("old.txt")).unwrap();
    shows(&app, "/index.html", "two").await;
    shows(&app, "/new.txt", "new").await;
    assert_eq!(app.get("/old.txt").answer().await.status, 404);
}

#[tokio::test]
async fn without_watch_the_files_stay_as_they_were_at_the_start() {
    let site = Site::new(&[("index.html", "one")]);
    let app = site.everywhere().start().await;
    fs::remove_file(site.directory().join("index.html")).unwrap();
    assert_eq!(app.get("/index.html").answer().await.expect(200).text(), "one");
}

#[tokio::test]
async fn a_directory_that_cannot_be_served_changes_nothing_until_it_can() {
    let site = Site::new(&[("index.html", "one")]);
    let (builder, _folder) = watching(&site);
    let app = builder.start().await;
    let elsewhere = site.0.path().join("elsewhere");
    fs::rename(site.directory(), &elsewhere).unwrap();
    app.process.wait_for("its last files stay live");
    assert_eq!(app.get("/index.html").answer().await.expect(200).text(), "one");
    fs::write(elsewhere.join("index.html"), "two").unwrap();
    fs::rename(elsewhere, site.directory()).unwrap();
    shows(&app, "/index.html", "two").await;
}

/// Both files of a release have its number, and so has the name of the second.
fn release(site: &Site, number: usize) {
    let folder = site.0.path().join(format!("release{number}"));
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("index.html"), number.to_string()).unwrap();
    fs::write(folder.join(format!("app.{number}.js")), number.to_string()).unwrap();
    let link = site.0.path().join("next");
    symlink(&folder, &link).unwrap();
    fs::rename(link, site.0.path().join("current")).unwrap();
}

#[tokio::test]
async fn no_request_sees_a_mixture_while_releases_are_swapped_under_load() {
    let site = Site::new(&[]);
    release(&site, 0);
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("berth.toml");
    let current = site.0.path().join("current");
    fs::write(&manifest, table(&current, "routes = [\"/{*rest}\"]")).unwrap();
    let app = Arc::new(App::here().watching(&manifest).start().await);
    let is_over = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (app, is_over) = (Arc::clone(&app), Arc::clone(&is_over));
            tokio::spawn(async move {
                let mut requests = 0;
                while !is_over.load(Ordering::Relaxed) {
                    let page: Answer = app.get("/index.html").answer().await.expect(200);
                    let number = page.text();
                    let script = app.get(&format!("/app.{number}.js")).answer().await;
                    // The release may have been replaced between both requests. What is served is whole, and its tag
                    // belongs to it.
                    if script.status == 200 {
                        assert_eq!(script.text(), number);
                        assert_eq!(script.header("etag"), page.header("etag"));
                    } else {
                        let next = app.get("/index.html").answer().await.expect(200).text();
                        assert!(
                            next.parse::<usize>().unwrap() > number.parse().unwrap(),
                            "{next} after {number}"
                        );
                    }
                    requests += 1;
                }
                requests
            })
        })
        .collect();
    for number in 1..=5 {
        release(&site, number);
        shows(&app, "/index.html", &number.to_string()).await;
        assert_eq!(
            app.get(&format!("/app.{}.js", number - 1)).answer().await.status,
            404
        );
    }
    is_over.store(true, Ordering::Relaxed);
    for client in clients {
        assert!(client.await.unwrap() > 0);
    }
}

#[tokio::test]
async fn another_table_needs_a_start() {
    let site = Site::new(&[("index.html", "one")]);
    let (builder, folder) = watching(&site);
    let app = builder.start().await;
    let moved = table(&site.directory(), "routes = [\"/static/{*rest}\"]");
    fs::write(folder.path().join("berth.toml"), moved).unwrap();
    app.process.wait_for("[files] has changed: start the host again");
    assert_eq!(app.get("/index.html").answer().await.expect(200).text(), "one");
}
