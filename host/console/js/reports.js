// The report of a swap.

import { element } from "./elements.js";
import { list, table } from "./tables.js";
import { time } from "./units.js";

/** The outcome in a sentence. */
export function sentence({ outcome, number, replaced, milliseconds, failure }) {
  const version = number ? `version ${number}` : "the version";
  const took = `in ${time(milliseconds / 1000)}`;
  switch (outcome) {
    case "live":
      return `${version} went live${replaced ? ` in place of version ${replaced}` : ""} ${took}`;
    case "unchanged":
      return `${version} was live already`;
    case "passed":
      return `${version} passed the dry run ${took}`;
    default:
      return `${version} was refused at the step ${failure?.step} ${took}`;
  }
}

/** The whole report. */
export const report = (one) => element("div", { class: "stack" }, table("Steps", STEPS, one.steps), findings(one));

/** The report without its steps. */
export function findings(one) {
  const { failure, digest, probes, changes } = one;
  return element(
    "div",
    { class: "stack" },
    failure && element("p", { class: "error" }, failure.reason),
    failure?.temporary && element("p", {}, "Another attempt may succeed."),
    element("p", { class: "quiet" }, "SHA-256 ", element("code", {}, digest)),
    probes.length > 0 && table("Probes", PROBES, probes),
    ...Object.entries(changes).map(([kind, change]) => difference(kind, change)),
  );
}

const STEPS = [
  { name: "Step", cell: ({ step }) => step },
  { name: "State", cell: ({ state }) => element("span", { class: tone(state) }, state) },
  { name: "Time", number: true, cell: ({ milliseconds }) => time(milliseconds / 1000) },
  { name: "Remark", cell: ({ detail }) => detail },
];

const PROBES = [
  { name: "Probe", cell: ({ request }) => request },
  { name: "Status", cell: ({ status }) => status && String(status) },
  { name: "Time", number: true, cell: ({ milliseconds }) => time(milliseconds / 1000) },
];

/** The class of a step's state. */
export const tone = (state) => ({ passed: "good", failed: "bad" })[state];

function difference(kind, { gained, lost }) {
  const lines = [...gained.map((one) => `gained ${one}`), ...lost.map((one) => `lost ${one}`)];
  if (lines.length === 0) return undefined;
  return element("div", {}, element("h4", {}, kind.charAt(0).toUpperCase() + kind.slice(1)), list(lines));
}
