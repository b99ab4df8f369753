// All components, each with its version and its gauges.

import { json } from "./api.js";
import { componentGauges } from "./component-gauges.js";
import { element } from "./elements.js";

/** Makes the view. */
export async function components() {
  const summaries = await json("/admin/components");
  const cards = summaries.map(card);
  const node = element("div", { class: "stack" }, element("h2", {}, "Components"), ...cards.map((one) => one.node));
  if (summaries.length === 0) node.append(element("p", { class: "quiet" }, "The manifest has no component."));
  return {
    title: "Components",
    node,
    draw: (history) => cards.forEach((one) => one.draw(history)),
    async refresh() {
      for (const now of await json("/admin/components")) cards.find((one) => one.name === now.name)?.tell(now);
    },
  };
}

function card(summary) {
  const gauges = componentGauges(summary.name);
  const link = element("a", { href: `#components/${summary.name}` }, summary.name);
  const words = element("p", {}, ...state(summary));
  const head = element("div", { class: "row spread" }, element("h3", {}, link), words);
  const node = element("section", { class: "panel", "aria-label": summary.name }, head, gauges.node);
  return { name: summary.name, node, draw: gauges.show, tell: (now) => words.replaceChildren(...state(now)) };
}

/** The live version and the rollout, in words. */
export function state({ live, wanted, rollout, replicas }) {
  const version = live ? `version ${live.number}` : "no version is live";
  const isWhole = replicas.every((one) => one.state === "live" && one.number === wanted);
  return [`${version}, `, element("span", { class: isWhole ? "good" : "bad" }, rollout)];
}
