// The routes of the host, and what the manifest allows each component.

import { element } from "./elements.js";
import { list, table } from "./tables.js";

/** Makes the view. */
export async function routes(_filters, { host }) {
  const columns = [
    { name: "Route", cell: ({ pattern }) => element("code", {}, pattern) },
    { name: "Answered by", cell: answeredBy },
  ];
  const node = element(
    "div",
    { class: "stack" },
    element("h2", {}, "Routes and grants"),
    element("section", { class: "panel" }, table("Routes", columns, host.routes)),
    ...host.components.map(grants),
  );
  return { title: "Routes and grants", node };
}

function answeredBy({ kind, name }) {
  if (kind === "host") return "the host";
  if (kind === "files") return `files, ${name}`;
  return element("a", { href: `#components/${name}` }, name);
}

function grants({ name, authentication, capabilities, rows_owner: owner, imports, outgoing, probes, config, environment }) {
  const facts = [
    ["Capabilities", capabilities],
    ["Login", [authentication]],
    ["Rows", [owner ? `of their caller, by the column ${owner}` : "all rows, whoever calls"]],
    ["Calls", Object.entries(imports).map(([wit, callee]) => `${wit} of ${callee}`)],
    ["Outgoing requests", outgoing],
    ["Probes", probes],
    ["Settings", config],
    ["Environment", environment],
  ];
  const columns = [
    { name: "Grant", cell: ([grant]) => grant },
    { name: "Value", cell: ([, values]) => (values.length > 0 ? list(values) : "none") },
  ];
  return element("section", { class: "panel" }, table(name, columns, facts));
}
