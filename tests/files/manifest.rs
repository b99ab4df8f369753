//! What `[files.NAME]` may say, and what `berth check` says about it.

use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use super::Site;
use crate::support::{App, Component};

#[test]
fn a_check_tells_the_routes_the_size_and_what_is_left_out() {
    let site = Site::new(&[("index.html", "0123456789"), ("a.js", "")]);
    symlink("/etc/passwd", site.directory().join("passwd")).unwrap();
    let output = site.everywhere().run("check");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for line in [
        "files.site: good, 2 files of 10 B at /{*rest}",
        "files.site: passwd is not served: the link leads out of the directory",
        "files.site: /{*rest} does not get /health, /ready",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(!text.contains("no components"), "{text}");

    let output = site.everywhere().saying("--json").run("check");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let left_out = json!([{ "path": "passwd", "reason": "the link leads out of the directory" }]);
    let expected = json!([{
        "name": "site", "routes": ["/{*rest}"], "files": 2, "bytes": 10, "needs_login": false, "left_out": left_out,
    }]);
    assert_eq!(json["files"], expected);
}

#[test]
fn what_the_manifest_may_not_say_of_files_is_refused() {
    let site = Site::new(&[("index.html", "")]);
    let everywhere = "routes = [\"/{*rest}\"]";
    let with = |line: &str| site.saying(&format!("{everywhere}\n{line}"));
    let hello = Component::new("hello").route("/hello/{*rest}");
    let refusals = [
        ("an unknown key", with("fallbak = \"index.html\"")),
        ("no routes", site.saying("")),
        ("a parameter", site.saying("routes = [\"/{user}/x\"]")),
        ("a route that is none", site.saying("routes = [\"static\"]")),
        ("a route of the host's", site.saying("routes = [\"/health\"]")),
        (
            "a route of a component's",
            site.beside([hello], "routes = [\"/hello/{*all}\"]"),
        ),
        ("a route twice", site.saying("routes = [\"/a\", \"/a\"]")),
        (
            "a fallback that is not there",
            with("fallback = \"nothing.html\""),
        ),
        ("a fallback outside", with("fallback = \"../index.html\"")),
        ("a path that is none", with("immutable = [\"/assets\"]")),
        ("a header that is none", with("headers = { \"a b\" = \"x\" }")),
        ("a header of the host's", with("headers = { etag = \"x\" }")),
        ("a cookie", with("headers = { set-cookie = \"a=b\" }")),
        ("a value of two lines", with("headers = { x-a = \"a\\nb\" }")),
        ("a login that is none", with("authentication = \"optional\"")),
        (
            "a missing directory",
            App::serving([]).preceded_by("[files.site]\ndirectory = \"nowhere\"\nroutes = [\"/\"]\n"),
        ),
        (
            "a name that is none",
            App::serving([])
                .preceded_by(&super::table(&site.directory(), everywhere).replace("site", "My_Site")),
        ),
        (
            "files that are no table",
            App::serving([]).preceded_by("files = \"public\"\n"),
        ),
    ];
    let refusal = |output: std::process::Output| {
        let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        assert_eq!(output.status.code(), Some(1), "{text}");
        let text = text.replace(&*site.directory().to_string_lossy(), "…/public");
        // The directory of the manifest is of this run.
        let words = text.split(' ').map(|word| match word.find("/tmp") {
            Some(_) => word
                .rsplit('/')
                .next()
                .map(|end| format!("…/{end}"))
                .unwrap_or_default(),
            None => word.to_owned(),
        });
        words.collect::<Vec<_>>().join(" ")
    };
    let text: Vec<_> = refusals
        .into_iter()
        .map(|(what, builder)| format!("{what}:\n  {}", refusal(builder.run("check"))))
        .collect();
    insta::assert_snapshot!(text.join("\n"));
}
