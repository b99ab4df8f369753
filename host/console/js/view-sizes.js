// The sizes that the start of the host chose, how much of each is in use, and what the host itself refused.

import { element } from "./elements.js";
import { onChange } from "./on-change.js";
import { table } from "./tables.js";
import { bytes, count, time } from "./units.js";

const SIZES = [
  ["Memory of all instances", "BERTH_GUEST_MEMORY", "guest_memory_bytes", bytes, (host) => bytes(host.guestMemory)],
  ["Memory of the compiler", "BERTH_COMPILE_MEMORY", "compile_memory_bytes", bytes],
  ["Requests at once", "BERTH_MAX_IN_FLIGHT", "max_in_flight", count, (host) => count(host.inFlight)],
  ["Connections of clients", "BERTH_MAX_CONNECTIONS", "max_connections", count, (host) => count(host.connections)],
  ["Connections of one client", "BERTH_MAX_CONNECTIONS_PER_CLIENT", "max_connections_per_client", count],
  ["Database connections of each component", "BERTH_DATABASE_CONNECTIONS", "component_connections", count],
  ["Database connections of the host", "", "host_connections", count, (host) => count(host.databaseConnections)],
  ["A request's head", "BERTH_MAX_HEADER_SIZE", "max_header_bytes", bytes],
  ["Time for a request's head", "BERTH_HEADER_TIMEOUT", "header_timeout_seconds", time],
  ["Time for a client that does not read", "BERTH_WRITE_TIMEOUT", "write_timeout_seconds", time],
  ["Time for requests when the host stops", "BERTH_DRAIN_TIMEOUT", "drain_timeout_seconds", time],
];

/** Makes the view. */
export async function sizes(_filters, { host }) {
  const now = element("div", { class: "stack" });
  const node = element(
    "section",
    { class: "panel" },
    element("h2", {}, "Sizes"),
    element("p", { class: "quiet" }, `Chosen for ${host.sizes.machine}.`),
    now,
  );
  const show = onChange((last) => now.replaceChildren(sizeTable(host.sizes, last), loginTable(last), refusalTable(last)));
  const draw = ({ last }) => {
    if (last) show(last.host);
  };
  return { title: "Sizes", node, draw };
}

function sizeTable(sizes, now) {
  const columns = [
    { name: "Size", cell: ([name]) => name },
    { name: "Variable", cell: ([, variable]) => variable && element("code", {}, variable) },
    { name: "Value", number: true, cell: ([, , key, inWords]) => inWords(sizes[key]) },
    { name: "In use", number: true, cell: ([, , , , use]) => use?.(now) },
  ];
  return table("Sizes of this host", columns, SIZES);
}

function loginTable({ logins }) {
  const columns = [
    { name: "Logins", cell: ([outcome]) => outcome },
    { name: "Since the start", number: true, cell: ([outcome, times]) => element("span", { class: outcome !== "ok" && times > 0 && "bad" }, count(times)) },
  ];
  const link = element("a", { href: "#log?host=true" }, "Refused logins are in the log");
  return element("div", {}, table("Logins", columns, logins), element("p", { class: "quiet" }, link, ", with the client's address."));
}

function refusalTable({ refused, refusedConnections, lostLines }) {
  const rows = [
    ["Requests above the most at once", refused],
    ["Connections above the most", refusedConnections],
    ["Lines of the log that were lost", lostLines],
  ];
  const columns = [
    { name: "Refused or lost", cell: ([name]) => name },
    { name: "Since the start", number: true, cell: ([, times]) => element("span", { class: times > 0 && "bad" }, count(times)) },
  ];
  return table("Refused or lost", columns, rows);
}
