// The live log, with filters.

import { send } from "./api.js";
import { element } from "./elements.js";
import { moment } from "./units.js";

/** The choice of the host's own lines, which is no name of a component. */
const HOST = ":host";

/** How many lines the page shows. */
const SHOWN = 1000;

/** How long the view waits before it asks again for a log that has broken off, in milliseconds. */
const PAUSE = 2000;

const LEVELS = ["error", "warn", "info", "debug", "trace"];

/** Makes the view; `filters` may name a component, a level and a request. */
export async function log(filters, { host }) {
  const lines = element("ol", { class: "plain lines", tabindex: "0", "aria-label": "Lines" });
  const state = element("p", { class: "quiet", role: "status" });
  const form = filterForm(filters, host.components.map(({ name }) => name));
  let follower = follow(queryOf(form), lines, state);
  const again = (event) => {
    event.preventDefault();
    follower.abort();
    lines.replaceChildren();
    follower = follow(queryOf(form), lines, state);
  };
  form.addEventListener("change", again);
  form.addEventListener("submit", again);
  const node = element("section", { class: "panel" }, element("h2", {}, "Log"), form, state, lines);
  return { title: "Log", node, close: () => follower.abort() };
}

function filterForm(filters, components) {
  const option = (value, text) => element("option", { value }, text);
  const component = element("select", { name: "component" }, option("", "All, and the host"), option(HOST, "The host alone"), ...components.map((name) => option(name, name)));
  const level = element("select", { name: "level" }, option("", "All"), ...LEVELS.map((name) => option(name, name)));
  const request = element("input", { name: "request_id", autocomplete: "off", spellcheck: "false" });
  component.value = filters.get("host") ? HOST : (filters.get("component") ?? "");
  level.value = filters.get("level") ?? "";
  request.value = filters.get("request") ?? "";
  return element(
    "form",
    { class: "row", role: "search", "aria-label": "Lines to show" },
    element("label", {}, "Component", component),
    element("label", {}, "Level, or more severe", level),
    element("label", {}, "Request", request),
  );
}

function queryOf(form) {
  const given = [...new FormData(form)].filter(([, value]) => value.trim());
  return new URLSearchParams(given.map(([name, value]) => (value === HOST ? ["host", "true"] : [name, value])));
}

/** Shows the last lines and those that follow, until the returned controller aborts. */
function follow(query, lines, state) {
  const controller = new AbortController();
  const { signal } = controller;
  const run = async () => {
    while (!signal.aborted) {
      try {
        const response = await send(`/admin/logs?follow=true&lines=${SHOWN}&${query}`, { signal });
        lines.replaceChildren();
        state.textContent = "Live.";
        for await (const line of jsonLines(response)) append(lines, line);
        state.textContent = "The log has broken off.";
      } catch (error) {
        if (signal.aborted) return;
        state.textContent = error.message;
        if (error.status >= 400 && error.status < 500) return;
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  };
  run();
  return controller;
}

/** The values of JSON lines; empty lines keep the connection alive. */
async function* jsonLines(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    for (const part of parts) if (part) yield JSON.parse(part);
  }
}

function append(lines, line) {
  // A reader at the end stays there; a reader who has scrolled up is not moved.
  const isAtEnd = lines.scrollTop + lines.clientHeight >= lines.scrollHeight - 4;
  lines.append(shown(line));
  if (lines.childElementCount > SHOWN) lines.firstElementChild.remove();
  if (isAtEnd) lines.scrollTop = lines.scrollHeight;
}

/** The fields that a line shows in their own places, or that say nothing to a reader. */
const OWN = new Set(["timestamp", "level", "message", "component", "target", "span", "sequence", "backtrace"]);

function shown(line) {
  const { timestamp, level, component = "host", message = "", span, backtrace } = line;
  const request = line.request_id ?? span?.request_id;
  const fields = Object.entries(line).filter(([name]) => !OWN.has(name) && name !== "request_id");
  const rest = fields.map(([name, value]) => ` ${name}=${typeof value === "string" ? value : JSON.stringify(value)}`).join("");
  return element(
    "li",
    { class: "line" },
    element("time", { datetime: timestamp }, moment(timestamp)),
    " ",
    element("span", { class: { ERROR: "bad", WARN: "warn" }[level] }, level),
    ` ${component}: ${message}${rest}`,
    request && " ",
    request && element("a", { href: `#log?request=${encodeURIComponent(request)}` }, request),
    backtrace && `\n${backtrace}`,
  );
}
