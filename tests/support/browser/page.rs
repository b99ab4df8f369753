//! A page, and what a person does with it. Elements are found by role and name, as a screen reader says them; each step
//! waits until it can be done.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::devtools::DevTools;
use crate::support::patience::eventually;

/// Scrolls an element into view, as a person does, and returns its middle; null if another element lies above.
const MIDDLE: &str = "function () {
    this.scrollIntoView({ block: 'center', behavior: 'instant' });
    const { x, y, width, height } = this.getBoundingClientRect();
    const middle = [x + width / 2, y + height / 2];
    return this.contains(document.elementFromPoint(...middle)) ? middle : null;
}";

/// A tab of the browser.
pub(crate) struct Page<'a> {
    devtools: &'a DevTools,
    session: String,
    /// The URL of the host's listener, without a path.
    base: String,
}

impl<'a> Page<'a> {
    pub(super) async fn new(devtools: &'a DevTools, session: &str, base: String) -> Self {
        let page = Self {
            devtools,
            session: session.to_owned(),
            base,
        };
        for domain in ["Page", "Runtime", "Log", "Network", "DOM", "Accessibility"] {
            page.call(&format!("{domain}.enable"), json!({})).await;
        }
        // Several pages are open at once, and each must seem to be the one in front.
        page.call("Emulation.setFocusEmulationEnabled", json!({ "enabled": true }))
            .await;
        page
    }

    async fn call(&self, method: &str, parameters: Value) -> Value {
        self.devtools.call(Some(&self.session), method, parameters).await
    }

    async fn try_call(&self, method: &str, parameters: Value) -> Option<Value> {
        self.devtools
            .try_call(Some(&self.session), method, parameters)
            .await
            .ok()
    }

    /// Opens a path of the host.
    pub(crate) async fn open(&self, path: &str) {
        let answer = self
            .call("Page.navigate", json!({ "url": format!("{}{path}", self.base) }))
            .await;
        assert!(answer.get("errorText").is_none(), "{path}: {answer}");
        self.shows("document.readyState", json!("complete")).await;
    }

    /// The value of an expression.
    pub(crate) async fn value(&self, expression: &str) -> Value {
        let parameters = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        // A page that is being left has no value.
        let answer = self.try_call("Runtime.evaluate", parameters).await;
        answer.map_or(Value::Null, |answer| answer["result"]["value"].clone())
    }

    /// Waits until the expression has this value.
    #[track_caller]
    pub(crate) fn shows(&self, expression: impl Into<String>, expected: Value) -> impl Future<Output = ()> {
        let expression = expression.into();
        eventually(expected, async move || self.value(&expression).await)
    }

    /// Waits until the page's visible text has this text.
    #[track_caller]
    pub(crate) fn sees(&self, text: &str) -> impl Future<Output = ()> {
        self.shows(
            format!("document.body.innerText.includes({})", json!(text)),
            json!(true),
        )
    }

    /// Waits until the visible text lacks this text.
    #[track_caller]
    pub(crate) fn sees_no(&self, text: &str) -> impl Future<Output = ()> {
        self.shows(
            format!("document.body.innerText.includes({})", json!(text)),
            json!(false),
        )
    }

    /// Waits until the page has this path.
    #[track_caller]
    pub(crate) fn is_at(&self, path: &str) -> impl Future<Output = ()> {
        self.shows("location.pathname + location.search", json!(path))
    }

    /// Waits until the titles of the list's tasks are these, in this order.
    #[track_caller]
    pub(crate) fn lists(&self, titles: &[&str]) -> impl Future<Output = ()> {
        let shown = "[...document.querySelectorAll('#list .title')].map((title) => title.textContent)";
        self.shows(shown, json!(titles))
    }

    /// The element of this role and name, if it is the only one.
    async fn find(&self, role: &str, name: &str) -> Option<Value> {
        let document = self
            .try_call("Runtime.evaluate", json!({ "expression": "document" }))
            .await?;
        let query =
            json!({ "objectId": document["result"]["objectId"], "role": role, "accessibleName": name });
        let found = self.try_call("Accessibility.queryAXTree", query).await?;
        let nodes = found["nodes"].as_array()?.iter();
        let mut nodes = nodes.filter(|node| node["ignored"] == false);
        let node = nodes.next()?["backendDOMNodeId"].clone();
        nodes.next().is_none().then_some(node)
    }

    /// Waits until there is one element of this role and name.
    #[track_caller]
    pub(crate) fn has(&self, role: &str, name: &str) -> impl Future<Output = ()> {
        let wanted = (role.to_owned(), name.to_owned());
        eventually(Ok(()), async move || {
            self.find(&wanted.0, &wanted.1)
                .await
                .map(drop)
                .ok_or_else(|| format!("{wanted:?}"))
        })
    }

    /// Clicks in the middle of the element of this role and name.
    #[track_caller]
    pub(crate) fn click(&self, role: &str, name: &str) -> impl Future<Output = ()> {
        let wanted = (role.to_owned(), name.to_owned());
        eventually(Ok(()), async move || {
            self.try_click(&wanted.0, &wanted.1)
                .await
                .ok_or_else(|| format!("no click on {wanted:?}"))
        })
    }

    async fn try_click(&self, role: &str, name: &str) -> Option<()> {
        let node = json!({ "backendNodeId": self.find(role, name).await? });
        let object = self.try_call("DOM.resolveNode", node).await?["object"]["objectId"].clone();
        let call = json!({ "objectId": object, "functionDeclaration": MIDDLE, "returnByValue": true });
        let middle = self.try_call("Runtime.callFunctionOn", call).await?["result"]["value"].clone();
        let (x, y) = (middle[0].as_f64()?, middle[1].as_f64()?);
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({ "type": kind, "x": x, "y": y, "button": "left", "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", event).await;
        }
        Some(())
    }

    /// Clicks into a field, and writes this text in place of what is there.
    pub(crate) async fn write(&self, role: &str, name: &str, text: &str) {
        self.click(role, name).await;
        self.value("document.activeElement.select?.()").await;
        if text.is_empty() {
            self.press("Backspace").await;
        } else {
            self.insert(text).await;
        }
    }

    /// Writes text where the focus is.
    pub(crate) async fn insert(&self, text: &str) {
        self.call("Input.insertText", json!({ "text": text })).await;
    }

    /// Chooses an option of a list, as a click on it does.
    pub(crate) async fn choose(&self, label: &str, option: &str) {
        self.has("combobox", label).await;
        let choose = format!(
            "(() => {{ const select = [...document.querySelectorAll('select')].find((one) =>
                 one.labels[0].firstChild.textContent.trim() === {label} && one.checkVisibility());
               select.value = [...select.options].find((one) => one.text === {option}).value;
               select.dispatchEvent(new Event('input', {{ bubbles: true }}));
               select.dispatchEvent(new Event('change', {{ bubbles: true }})); return true; }})()",
            label = json!(label),
            option = json!(option)
        );
        assert_eq!(self.value(&choose).await, json!(true), "{label}: {option}");
    }

    /// Chooses a file in the field of this selector, as the system's dialog does.
    pub(crate) async fn choose_file(&self, selector: &str, file: &Path) {
        let field = format!("document.querySelector({})", json!(selector));
        self.shows(format!("{field} !== null"), json!(true)).await;
        let field = self
            .call("Runtime.evaluate", json!({ "expression": field }))
            .await;
        let files = json!({ "objectId": field["result"]["objectId"], "files": [file] });
        self.call("DOM.setFileInputFiles", files).await;
    }

    /// Presses and releases a key: `Tab`, `Shift+Tab`, `Enter`, `Escape`, `Space` and the like.
    pub(crate) async fn press(&self, key: &str) {
        let (modifiers, key) = key.strip_prefix("Shift+").map_or((0, key), |key| (8, key));
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            "Escape" => (27, ""),
            "Space" => (32, " "),
            "Backspace" => (8, ""),
            "ArrowDown" => (40, ""),
            other => panic!("no such key: {other}"),
        };
        let name = if key == "Space" { " " } else { key };
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({ "type": kind, "key": name, "code": key, "windowsVirtualKeyCode": code, "modifiers": modifiers });
            if kind == "keyDown" && !text.is_empty() {
                event["text"] = json!(text);
            }
            self.call("Input.dispatchKeyEvent", event).await;
        }
    }

    /// The role and the name of the element with the focus.
    pub(crate) async fn focused(&self) -> (String, String) {
        let element = self
            .try_call(
                "Runtime.evaluate",
                json!({ "expression": "document.activeElement" }),
            )
            .await;
        let element = element.map(|element| element["result"]["objectId"].clone());
        let query = json!({ "objectId": element, "fetchRelatives": false });
        let tree = self
            .try_call("Accessibility.getPartialAXTree", query)
            .await
            .unwrap_or_default();
        let text = |key: &str| {
            tree["nodes"][0][key]["value"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        (text("role"), text("name"))
    }

    /// Presses `Tab` until the element of this role and name has the focus, as a person without a mouse does.
    pub(crate) async fn tab_to(&self, role: &str, name: &str) {
        let mut passed = Vec::new();
        for _ in 0..60 {
            self.press("Tab").await;
            let focused = self.focused().await;
            if focused == (role.to_owned(), name.to_owned()) {
                return;
            }
            passed.push(focused);
        }
        panic!("no Tab leads to {role} {name:?}, but to {passed:?}");
    }

    /// Waits until the element of this role and name has the focus.
    #[track_caller]
    pub(crate) fn has_focus(&self, role: &str, name: &str) -> impl Future<Output = ()> {
        eventually((role.to_owned(), name.to_owned()), async move || {
            self.focused().await
        })
    }

    /// Takes the browser off the network, or back on.
    pub(crate) async fn set_offline(&self, offline: bool) {
        let conditions =
            json!({ "offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 });
        self.call("Network.emulateNetworkConditions", conditions).await;
    }

    /// Sets the size of the screen, in CSS pixels.
    pub(crate) async fn set_size(&self, width: u32, height: u32) {
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.call("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Prefers `light` or `dark` pages.
    pub(crate) async fn set_scheme(&self, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": features }))
            .await;
    }

    /// The value of a cookie of the host.
    pub(crate) async fn cookie(&self, name: &str) -> Option<String> {
        let cookies = self
            .call("Network.getCookies", json!({ "urls": [self.base] }))
            .await;
        let cookie = cookies["cookies"]
            .as_array()
            .unwrap()
            .iter()
            .find(|cookie| cookie["name"] == name)?;
        cookie["value"].as_str().map(str::to_owned)
    }

    /// The rules that the page breaks and that matter, as axe-core finds them: `rule: element`.
    pub(crate) async fn faults_by(&self, axe: &str) -> Vec<String> {
        let frame = self.call("Page.getFrameTree", json!({})).await["frameTree"]["frame"]["id"].clone();
        // A world of its own, so that the page's policy holds for the page and not for axe-core.
        let world = self
            .call("Page.createIsolatedWorld", json!({ "frameId": frame }))
            .await;
        let context = &world["executionContextId"];
        self.call(
            "Runtime.evaluate",
            json!({ "expression": axe, "contextId": context }),
        )
        .await;
        let run = "axe.run().then(({ violations }) => violations.map(({ id, impact, nodes }) =>
                     [impact, nodes.map((node) => `${id}: ${node.html}`)]))";
        let run =
            json!({ "expression": run, "contextId": context, "returnByValue": true, "awaitPromise": true });
        let found = self.call("Runtime.evaluate", run).await;
        let found = found["result"]["value"]
            .as_array()
            .unwrap_or_else(|| panic!("{found}"))
            .clone();
        let matters = found
            .iter()
            .filter(|violation| violation[0] == "serious" || violation[0] == "critical");
        matters
            .flat_map(|violation| violation[1].as_array().unwrap())
            .map(|node| node.as_str().unwrap().to_owned())
            .collect()
    }

    /// The page as a picture in PNG.
    pub(crate) async fn picture(&self) -> Vec<u8> {
        let picture = self
            .call("Page.captureScreenshot", json!({ "format": "png" }))
            .await;
        STANDARD.decode(picture["data"].as_str().unwrap()).unwrap()
    }

    /// The errors that the page has logged: exceptions, refusals by its policy, its own, and those of its requests.
    pub(crate) fn errors(&self) -> Vec<String> {
        let error = |event: Value| match event["method"].as_str()? {
            "Runtime.exceptionThrown" => Some(event["params"]["exceptionDetails"].to_string()),
            "Runtime.consoleAPICalled" if event["params"]["type"] == "error" => {
                Some(event["params"]["args"].to_string())
            }
            "Log.entryAdded" if event["params"]["entry"]["level"] == "error" => {
                let entry = &event["params"]["entry"];
                Some(format!("{}: {} {}", entry["source"], entry["text"], entry["url"]))
            }
            _ => None,
        };
        self.devtools
            .events(&self.session)
            .into_iter()
            .filter_map(error)
            .collect()
    }

    /// Fails if the page has logged an error.
    #[track_caller]
    pub(crate) fn is_flawless(&self) {
        assert_eq!(self.errors(), [] as [String; 0]);
    }

    /// Fails if the page has logged an error, other than that a request failed.
    #[track_caller]
    pub(crate) fn is_flawless_but_for_requests(&self) {
        let mut errors = self.errors();
        errors.retain(|error| !error.starts_with("\"network\""));
        assert_eq!(errors, [] as [String; 0]);
    }
}
