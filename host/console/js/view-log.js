// The live log, with filters.

import { Failure, send } from "./api.js";
import { element } from "./elements.js";
import { parts } from "./events.js";
import { moment } from "./units.js";

/** The choice of the host's own lines, which is no name of a component. */
const HOST = ":host";

/** How many lines the page shows. */
const SHOWN = 1000;

/** How long the view waits before it asks again for a log that has broken off, in milliseconds. */
const PAUSE = 2000;

/** After how long a silent log counts as broken off, in milliseconds: the host sends an empty line every 15 seconds. */
const SILENCE = 40_000;

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
  const stopped = new AbortController();
  const run = async () => {
    while (!stopped.signal.aborted) {
      try {
        await read(query, lines, state, stopped.signal);
        state.textContent = "The log has broken off.";
      } catch (error) {
        if (stopped.signal.aborted) return;
        state.textContent = error instanceof Failure ? error.message : "The log has broken off.";
        if (error.status >= 400 && error.status < 500) return;
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  };
  run();
  return stopped;
}

/** Reads one response to its end. */
async function read(query, lines, state, stopped) {
  const silent = new AbortController();
  const signal = AbortSignal.any([stopped, silent.signal]);
  let timer = setTimeout(() => silent.abort(), SILENCE);
  try {
    const response = await send(`/admin/logs?follow=true&lines=${SHOWN}&${query}`, { signal });
    lines.replaceChildren();
    state.textContent = "Live.";
    for await (const some of parts(response, "\n")) {
      clearTimeout(timer);
      timer = setTimeout(() => silent.abort(), SILENCE);
      // An empty line keeps the connection alive.
      append(lines, some.filter((line) => line).map((line) => JSON.parse(line)));
    }
  } finally {
    clearTimeout(timer);
  }
}

function append(lines, some) {
  if (some.length === 0) return;
  // A reader at the end stays there; a reader who has scrolled up is not moved.
  const isAtEnd = lines.scrollTop + lines.clientHeight >= lines.scrollHeight - 4;
  lines.append(...some.map(shown));
  while (lines.childElementCount > SHOWN) lines.firstElementChild.remove();
  if (isAtEnd) lines.scrollTop = lines.scrollHeight;
}

/** The fields that a line shows in their own places, or that say nothing to a reader. */
const OWN = new Set(["timestamp", "level", "message", "component", "target", "span", "sequence", "backtrace"]);

function shown(line) {
  const { timestamp, level, component = "the host", message = "", span, backtrace } = line;
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
