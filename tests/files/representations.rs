//! Tags, dates, ranges, compressed forms and the rules for caches.

use super::Site;
use crate::support::Send as _;
use crate::support::raw::exchange;

/// Longer than what is kept in memory.
fn large() -> Vec<u8> {
    (0..700_000_u32)
        .map(|position| u8::try_from(position % 251).unwrap())
        .collect()
}

#[tokio::test]
async fn a_client_that_has_the_file_gets_no_body() {
    let site = Site::new(&[("a.txt", "one")]);
    let app = site.everywhere().start().await;
    let first = app.get("/a.txt").answer().await.expect(200);
    let (tag, date) = (
        first.header("etag").unwrap(),
        first.header("last-modified").unwrap(),
    );
    assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag} is strong");
    assert_eq!(first.header("cache-control"), Some("no-cache"));
    assert_eq!(first.header("content-type"), Some("text/plain; charset=utf-8"));
    for (name, value) in [
        ("if-none-match", tag),
        ("if-none-match", "*"),
        ("if-modified-since", date),
    ] {
        for method in ["GET", "HEAD"] {
            let answer = app
                .request(method, "/a.txt")
                .header(name, value)
                .answer()
                .await
                .expect(304);
            assert!(answer.body.is_empty() && answer.header("etag") == Some(tag));
            assert_eq!(answer.header("content-type"), None);
        }
    }
    for (name, value) in [
        ("if-none-match", "\"x\""),
        ("if-modified-since", "Thu, 01 Jan 1970 00:00:00 GMT"),
    ] {
        app.get("/a.txt").header(name, value).answer().await.expect(200);
    }
}

#[tokio::test]
async fn ranges_of_small_and_large_files_are_served() {
    let site = Site::new(&[("small", "0123456789")]);
    site.write("large", large());
    let app = site.everywhere().start().await;
    for (path, whole) in [("/small", b"0123456789".to_vec()), ("/large", large())] {
        let length = whole.len();
        let all = app.get(path).answer().await.expect(200);
        assert!(
            all.body == whole && all.header("accept-ranges") == Some("bytes"),
            "{path}"
        );
        let tag = all.header("etag").unwrap();
        for (range, from, to) in [
            ("bytes=0-0".to_owned(), 0, 1),
            ("bytes=2-5".to_owned(), 2, 6),
            ("bytes=7-".to_owned(), 7, length),
            ("bytes=-4".to_owned(), length - 4, length),
            (format!("bytes=1-{length}"), 1, length),
        ] {
            let answer = app.get(path).header("range", &range).answer().await.expect(206);
            assert!(answer.body == whole[from..to], "{path} {range}");
            let content_range = format!("bytes {from}-{}/{length}", to - 1);
            assert_eq!(answer.header("content-range"), Some(&*content_range));
            assert_eq!(answer.header("content-length"), Some(&*(to - from).to_string()));
        }
        let beyond = app
            .get(path)
            .header("range", format!("bytes={length}-"))
            .answer()
            .await;
        assert_eq!(
            beyond.header("content-range"),
            Some(&*format!("bytes */{length}"))
        );
        assert_eq!(beyond.failure(), (416, "Range Not Satisfiable".to_owned()));
        for ignored in ["bytes=5-2", "lines=0-1", "bytes=0-1,3-4", "nonsense"] {
            assert_eq!(
                app.get(path)
                    .header("range", ignored)
                    .answer()
                    .await
                    .expect(200)
                    .body
                    .len(),
                length
            );
        }
        let conditional = |condition: &str| {
            app.get(path)
                .header("range", "bytes=0-1")
                .header("if-range", condition)
        };
        conditional(tag).answer().await.expect(206);
        conditional("\"another\"").answer().await.expect(200);
        let head = app
            .request("HEAD", path)
            .header("range", "bytes=0-1")
            .answer()
            .await
            .expect(200);
        assert_eq!(head.header("content-length"), Some(&*length.to_string()));
    }
}

#[tokio::test]
async fn a_compressed_form_goes_to_clients_that_want_it() {
    let site = Site::new(&[
        ("a.js", "plain"),
        ("a.js.br", "by brotli"),
        ("a.js.gz", "by gzip"),
        ("b.js", "plain"),
    ]);
    let app = site.everywhere().start().await;
    let asked = async |path: &str, accept: &str| {
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: x\r\naccept-encoding: {accept}\r\nconnection: close\r\n\r\n"
        );
        exchange(&app, request).await
    };
    for (accept, coding, body) in [
        ("gzip, deflate, br, zstd", "br", "by brotli"),
        ("gzip", "gzip", "by gzip"),
        ("br;q=0, gzip;q=0.1", "gzip", "by gzip"),
    ] {
        let answer = asked("/a.js", accept).await;
        assert!(
            answer.contains(&format!("content-encoding: {coding}\r\n")),
            "{answer}"
        );
        assert!(
            answer.ends_with(body) && answer.contains("vary: accept-encoding\r\n"),
            "{answer}"
        );
        assert!(
            answer.contains("content-type: text/javascript; charset=utf-8\r\n"),
            "{answer}"
        );
    }
    for (path, accept) in [
        ("/a.js", "identity"),
        ("/a.js", "gzip;q=0"),
        ("/b.js", "br, gzip"),
    ] {
        let answer = asked(path, accept).await;
        assert!(
            answer.ends_with("plain") && !answer.contains("content-encoding"),
            "{answer}"
        );
    }
    let tag = |answer: &str| {
        answer
            .split("etag: ")
            .nth(1)
            .unwrap()
            .split("\r\n")
            .next()
            .unwrap()
            .to_owned()
    };
    assert_ne!(
        tag(&asked("/a.js", "br").await),
        tag(&asked("/a.js", "identity").await)
    );
    // For those that want the file of this name.
    assert!(asked("/a.js.gz", "identity").await.ends_with("by gzip"));
}

#[tokio::test]
async fn headers_and_the_rules_for_caches_are_the_manifests() {
    let site = Site::new(&[("index.html", ""), ("assets/app.1f2e.js", ""), ("assets.js", "")]);
    let lines = "routes = [\"/{*rest}\"]\nimmutable = [\"assets/\"]\nheaders = { content-security-policy = \"default-src 'self'\" }";
    let app = site.saying(lines).start().await;
    for (path, cached) in [
        ("/index.html", "no-cache"),
        ("/assets.js", "no-cache"),
        ("/assets/app.1f2e.js", "public, max-age=31536000, immutable"),
    ] {
        let answer = app.get(path).answer().await.expect(200);
        assert_eq!(answer.header("cache-control"), Some(cached), "{path}");
        assert_eq!(
            answer.header("content-security-policy"),
            Some("default-src 'self'")
        );
    }
}
