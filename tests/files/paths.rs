//! The paths that lead to a file, and those that must not.

use std::fs;
use std::os::unix::fs::symlink;

use super::Site;
use crate::support::raw::{exchange, failure, status};
use crate::support::{Component, Send as _, User};

const HTML: &str = "text/html,application/xhtml+xml,*/*;q=0.8";

#[tokio::test]
async fn a_file_is_at_its_path_and_an_index_at_its_directory() {
    let site = Site::new(&[
        ("index.html", "the index"),
        ("about/index.html", "about"),
        ("a b/ü.txt", "spaces and umlauts"),
    ]);
    let app = site.everywhere().start().await;
    for (path, content) in [
        ("/index.html", "the index"),
        ("/about", "about"),
        ("/about/", "about"),
        ("/about/index.html", "about"),
        ("/a%20b/%C3%BC.txt", "spaces and umlauts"),
        ("/about?query=/../x", "about"),
    ] {
        let answer = app.get(path).answer().await.expect(200);
        assert_eq!(answer.text(), content, "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert!(answer.header("x-request-id").is_some() && answer.header("x-component").is_none());
    }
    assert_eq!(
        app.get("/nothing").answer().await.failure(),
        (404, "Not Found".to_owned())
    );
}

#[tokio::test]
async fn at_the_root_browsers_get_the_index_and_programs_get_json() {
    let site = Site::new(&[("index.html", "the index")]);
    let app = site.everywhere().start().await;
    let page = app.get("/").header("accept", HTML).answer().await.expect(200);
    assert_eq!(
        (page.text().as_str(), page.header("vary")),
        ("the index", Some("accept"))
    );
    for accept in ["*/*", "application/json", "application/json, text/plain, */*"] {
        let answer = app.get("/").header("accept", accept).answer().await.expect(200);
        assert_eq!(answer.json()["docs"], "/docs", "{accept}");
        assert_eq!(
            answer.header("vary"),
            Some("accept"),
            "caches must keep them apart"
        );
    }
    assert_eq!(app.get("/").answer().await.json()["name"], "berth");
    let answer = app.post("/").header("accept", HTML).answer().await.expect(405);
    assert_eq!(answer.header("allow"), Some("GET,HEAD"));

    let without_index = Site::new(&[("a.txt", "")]);
    let app = without_index.everywhere().start().await;
    let answer = app.get("/").header("accept", HTML).answer().await.expect(200);
    assert_eq!(answer.json()["name"], "berth");
}

#[tokio::test]
async fn no_path_leads_out_of_the_directory() {
    let site = Site::new(&[
        ("index.html", "the index"),
        ("below/file.txt", "below"),
        (".env", "secret"),
        (".git/config", "secret"),
        ("below/.hidden", "secret"),
    ]);
    fs::write(site.0.path().join("secret.txt"), "secret").unwrap();
    symlink("../secret.txt", site.directory().join("link.txt")).unwrap();
    symlink("/etc/passwd", site.directory().join("passwd")).unwrap();
    symlink("..", site.directory().join("up")).unwrap();
    symlink("below/file.txt", site.directory().join("inside.txt")).unwrap();
    // Without a fallback every path that is no file's must be 404.
    let app = site
        .saying("routes = [\"/{*rest}\", \"/static/{*rest}\"]")
        .start()
        .await;
    assert_eq!(app.get("/inside.txt").answer().await.expect(200).text(), "below");
    for path in [
        "/../secret.txt",
        "/below/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/%2E%2E%2Fsecret.txt",
        "/..%2fsecret.txt",
        "/..%5csecret.txt",
        "/..\\secret.txt",
        "/%252e%252e/secret.txt",
        "/%c0%ae%c0%ae/secret.txt",
        "/....//secret.txt",
        "/static/../secret.txt",
        "/static/%2e%2e/%2e%2e/secret.txt",
        "/static//etc/passwd",
        "//etc/passwd",
        "/%2fetc%2fpasswd",
        "/below/./file.txt",
        "/below//file.txt",
        "/below%2ffile.txt",
        "/index.html%00",
        "/index.html%00.txt",
        "/below/file.txt%0a",
        "/.env",
        "/%2eenv",
        "/.git/config",
        "/below/.hidden",
        "/static/.env",
        "/link.txt",
        "/passwd",
        "/up/secret.txt",
        "/up",
        "/below",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let answer = exchange(&app, request).await;
        assert!(
            !answer.contains("secret") && !answer.contains("root:"),
            "{path}: {answer}"
        );
        // Bytes that no target may have are refused before a route is looked up.
        let (status, detail) = failure(&answer);
        let expected = [("404", "Not Found"), ("400", "Malformed request")];
        assert!(expected.contains(&(status, &detail)), "{path}: {answer}");
    }
}

#[tokio::test]
async fn files_are_only_read() {
    let site = Site::new(&[("a.txt", "content"), ("index.html", "the index")]);
    let app = site
        .saying("routes = [\"/{*rest}\"]\nfallback = \"index.html\"")
        .start()
        .await;
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        let answer = app.request(method, "/a.txt").answer().await.expect(405);
        assert_eq!(answer.header("allow"), Some("GET,HEAD"), "{method}");
        assert_eq!(answer.json()["detail"], "Method Not Allowed");
        let answer = app
            .request(method, "/nothing")
            .header("accept", HTML)
            .answer()
            .await;
        assert_eq!(answer.status, 404, "{method}: the fallback is only read, too");
    }
    for method in ["TRACE", "CONNECT"] {
        let target = if method == "CONNECT" { "x:1" } else { "/a.txt" };
        let request = format!("{method} {target} HTTP/1.1\r\nhost: x:1\r\nconnection: close\r\n\r\n");
        assert_eq!(status(&exchange(&app, request).await), "405", "{method}");
    }
    let head = exchange(
        &app,
        "HEAD /a.txt HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    )
    .await;
    assert!(
        head.starts_with("HTTP/1.1 200") && head.contains("content-length: 7\r\n"),
        "{head}"
    );
    assert!(head.ends_with("\r\n\r\n"), "no body: {head}");
}

#[tokio::test]
async fn a_fallback_answers_the_pages_of_browsers_only() {
    let site = Site::new(&[("index.html", "the application"), ("a.js", "")]);
    let app = site
        .saying("routes = [\"/{*rest}\"]\nfallback = \"index.html\"")
        .start()
        .await;
    let page = app
        .get("/tasks/7")
        .header("accept", HTML)
        .answer()
        .await
        .expect(200);
    assert_eq!(
        (page.text().as_str(), page.header("vary")),
        ("the application", Some("accept"))
    );
    for accept in ["*/*", "application/json", "text/css,*/*;q=0.1"] {
        let answer = app.get("/missing.js").header("accept", accept).answer().await;
        assert_eq!(answer.status, 404, "{accept}");
    }
    // The host's own paths stay the host's.
    for path in ["/auth/nothing", "/docs/nothing"] {
        assert_eq!(
            app.get(path).header("accept", HTML).answer().await.status,
            404,
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_more_literal_route_wins_whosever_it_is() {
    let site = Site::new(&[("index.html", "the index"), ("a.txt", "a file")]);
    let hello = || Component::new("hello").at("/hello");
    let app = site.beside([hello()], "routes = [\"/{*rest}\"]").start().await;
    assert_eq!(
        app.get("/hello/a.txt").answer().await.header("x-component"),
        Some("hello@1")
    );
    assert_eq!(app.get("/a.txt").answer().await.expect(200).text(), "a file");

    let everything = Component::new("hello").route("/{*rest}");
    let app = site
        .beside([everything], "routes = [\"/static/{*rest}\", \"/a.txt\"]")
        .start()
        .await;
    assert_eq!(
        app.get("/static/a.txt").answer().await.expect(200).text(),
        "a file"
    );
    assert_eq!(app.get("/a.txt").answer().await.expect(200).text(), "a file");
    assert_eq!(app.get("/static/none").answer().await.status, 404);
    let root = app.get("/").header("accept", HTML).answer().await;
    assert_eq!(root.header("x-component"), Some("hello@1"));
}

#[tokio::test]
async fn files_need_a_login_if_the_manifest_says_so() {
    let site = Site::new(&[("a.txt", "private"), ("logo.1f.svg", "<svg/>")]);
    let lines = "routes = [\"/{*rest}\"]\nauthentication = \"required\"\nimmutable = [\"logo.1f.svg\"]";
    let app = site.saying(lines).start().await;
    assert_eq!(
        app.get("/a.txt").answer().await.failure(),
        (401, "Not authenticated".to_owned())
    );
    assert_eq!(
        app.get("/nothing").answer().await.status,
        401,
        "names are private, too"
    );
    let user: User<'_> = app.user("ann");
    let answer = user.get("/a.txt").await.expect(200);
    assert_eq!(answer.header("cache-control"), Some("private, no-cache"));
    let logo = user.get("/logo.1f.svg").await.expect(200);
    assert_eq!(
        logo.header("cache-control"),
        Some("private, max-age=31536000, immutable")
    );
    let forged = app.get("/a.txt").bearer_auth("forged").answer().await;
    assert_eq!(
        forged.failure(),
        (401, "Could not validate credentials".to_owned())
    );

    let open = site.everywhere().start().await;
    open.get("/a.txt")
        .bearer_auth("forged")
        .answer()
        .await
        .expect(200);
}
