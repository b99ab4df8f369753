// One component: its gauges, its limits and failures, its versions, and its swaps.

import { json } from "./api.js";
import { componentGauges } from "./component-gauges.js";
import { element } from "./elements.js";
import { onChange } from "./on-change.js";
import { report, sentence } from "./reports.js";
import { swapPanel } from "./swap-panel.js";
import { table } from "./tables.js";
import { bytes, count, moment, time } from "./units.js";
import { state } from "./view-components.js";

/** Makes the view of the component `name`. */
export async function component(name, { host }) {
  const path = `/admin/components/${encodeURIComponent(name)}`;
  const load = () => Promise.all([path, `${path}/history`, `${path}/swaps`].map(json));
  const first = await load();
  const gauges = componentGauges(name);
  const counters = element("div", { class: "stack" });
  const versionsPanel = element("div", { class: "stack" });
  const noSwaps = element("p", { class: "quiet" }, "No swap is recorded.");
  const swapsPanel = element("div", { class: "stack" }, noSwaps);
  const heading = element("p", {});

  const showVersions = onChange((versions) => versionsPanel.replaceChildren(versionTable(versions, host.allows_changes && panel.rollBack)));
  const known = new Set();
  const fill = ([summary, versions, swaps]) => {
    heading.replaceChildren(...state(summary));
    showVersions(versions);
    // New ones are put above those before, and those that are open stay open.
    for (const one of swaps.toReversed()) {
      const key = JSON.stringify([one.host, one.ended_at]);
      if (!known.has(key)) swapsPanel.prepend(swap(one));
      known.add(key);
    }
    noSwaps.hidden = known.size > 0;
  };
  const refresh = async () => fill(await load());
  const panel = swapPanel(name, host.allows_changes, refresh);
  fill(first);

  const limits = host.components.find((one) => one.name === name)?.limits;
  const node = element(
    "div",
    { class: "stack" },
    element("div", { class: "row spread" }, element("h2", {}, name), heading),
    element("section", { class: "panel", "aria-label": "Numbers" }, gauges.node),
    panel.node,
    section("Versions", versionsPanel),
    section("Swaps", swapsPanel),
    section("Limits and failures", counters, links(name)),
  );
  const showCounters = onChange(({ reached, failures }) => {
    counters.replaceChildren(limitTable(limits, new Map(reached)), failureTable(failures));
  });
  const draw = (history) => {
    gauges.show(history);
    const now = history.last?.components.get(name);
    if (now && limits) showCounters({ reached: [...now.limits], failures: [...now.failures] });
  };
  return { title: name, node, draw, refresh };
}

function section(name, ...content) {
  return element("section", { class: "panel", "aria-label": name }, element("h3", {}, name), ...content);
}

function versionTable(versions, rollBack) {
  const columns = [
    { name: "Version", cell: ({ number }) => String(number) },
    { name: "State", cell: ({ state: now, reason }) => [element("span", { class: tone(now) }, now), reason ? `: ${reason}` : ""] },
    { name: "Last live", cell: ({ live_at: at }) => at && moment(at) },
    { name: "From", cell: ({ origin, by }) => `${origin}, ${by}` },
    { name: "Size", number: true, cell: ({ size }) => bytes(size) },
    { name: "SHA-256", cell: ({ digest }) => element("code", { title: digest }, digest.slice(0, 12)) },
  ];
  if (rollBack) columns.push({ name: "Change", cell: (version) => rollBackButton(version, rollBack) });
  return table("Versions", columns, versions);
}

const tone = (state) => ({ live: "good", refused: "bad" })[state];

function rollBackButton({ number, state, kept, live_at: at }, rollBack) {
  if (state !== "retired" || !at) return undefined;
  if (!kept) return "its bytes are not kept";
  return element("button", { type: "button", click: () => rollBack(number) }, `Roll back to ${number}`);
}

function swap({ host, ended_at: at, report: one }) {
  return element("details", {}, element("summary", {}, `${moment(at)}: ${sentence(one)}, on ${host}`), report(one));
}

const LIMITS = [
  ["memory", "memory_bytes", bytes],
  ["time", "time_seconds", time],
  ["cpu", "cpu_seconds", time],
  ["concurrency", "concurrency", count],
  ["body", "body_bytes", bytes],
  ["rows", "rows", count],
  ["result", "result_bytes", bytes],
  ["log", "log_lines_per_second", (value) => `${count(value)} lines a second`],
];

/** The limits of the manifest, and those that all components share, with how often each was reached. */
function limitTable(limits, reached) {
  const own = LIMITS.map(([name, key, inWords]) => ({ name, value: inWords(limits[key]), times: reached.get(name) ?? 0 }));
  const others = [...reached].filter(([name]) => LIMITS.every(([known]) => known !== name));
  const shared = others.map(([name, times]) => ({ name, times }));
  const columns = [
    { name: "Limit", cell: ({ name }) => name },
    { name: "Value", cell: ({ value }) => value },
    { name: "Reached since the start", number: true, cell: ({ times }) => element("span", { class: times > 0 && "bad" }, count(times)) },
  ];
  return table("Limits", columns, [...own, ...shared]);
}

function failureTable(failures) {
  const rows = failures.filter(([, times]) => times > 0);
  const columns = [
    { name: "Reason", cell: ([reason]) => reason },
    { name: "Times since the start", number: true, cell: ([, times]) => element("span", { class: "bad" }, count(times)) },
  ];
  return table("Failures", columns, rows);
}

function links(name) {
  const to = (view, text) => element("a", { href: `#${view}?component=${encodeURIComponent(name)}` }, text);
  return element("p", { class: "row" }, to("traps", `Traps of ${name}`), to("log", `Log of ${name}`));
}
