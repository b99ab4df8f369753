// The hosts on the database, and the version of each component on them.

import { json } from "./api.js";
import { element } from "./elements.js";
import { onChange } from "./on-change.js";
import { table } from "./tables.js";
import { moment } from "./units.js";

const COLUMNS = [
  { name: "Host", cell: ({ host, this: isThis }) => (isThis ? `${host} (this one)` : host) },
  { name: "Component", cell: ({ name }) => element("a", { href: `#components/${name}` }, name) },
  { name: "Version", number: true, cell: ({ number, wanted }) => (number === wanted ? String(number) : `${number ?? "none"} of ${wanted ?? "none"}`) },
  { name: "State", cell: ({ state, detail }) => [element("span", { class: state === "live" ? "good" : "bad" }, state), detail ? `: ${detail}` : ""] },
  { name: "Last report", cell: ({ seen_at: at }) => moment(at) },
];

/** Makes the view. */
export async function hosts() {
  const place = element("div", {});
  const show = onChange((rows) => place.replaceChildren(table("Rollout", COLUMNS, rows)));
  const refresh = async () => show(hostsOf(await json("/admin/components")));
  await refresh();
  return { title: "Hosts", node: element("section", { class: "panel" }, element("h2", {}, "Hosts"), place), refresh };
}

function hostsOf(summaries) {
  const rows = summaries.flatMap(({ name, wanted, replicas }) => replicas.map((one) => ({ name, wanted, ...one })));
  rows.sort((one, other) => one.host.localeCompare(other.host) || one.name.localeCompare(other.name));
  return rows;
}
