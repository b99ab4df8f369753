// The last failures of components on this host, with their backtraces.

import { json } from "./api.js";
import { element } from "./elements.js";
import { moment } from "./units.js";

/** Makes the view; `filters` may name a component. */
export async function traps(filters) {
  const component = filters.get("component");
  const query = component ? `?component=${encodeURIComponent(component)}` : "";
  const heading = component ? `Traps of ${component}` : "Traps";
  const none = element("p", { class: "quiet" }, component ? `${component} has not failed since the host started.` : "No component has failed since the host started.");
  const place = element("div", { class: "stack" }, none);
  const shown = new Map();
  const refresh = async () => {
    const all = (await json(`/admin/traps${query}`)).map((one) => [JSON.stringify([one.time, one.request_id]), one]);
    // The oldest come first; each is put above those before it, and those that are open stay.
    for (const [key, one] of all) {
      if (shown.has(key)) continue;
      shown.set(key, trap(one));
      place.prepend(shown.get(key));
    }
    const known = new Set(all.map(([key]) => key));
    for (const [key, node] of shown) {
      if (known.has(key) || node.open) continue;
      node.remove();
      shown.delete(key);
    }
    none.hidden = shown.size > 0;
  };
  await refresh();
  return { title: heading, node: element("section", { class: "panel" }, element("h2", {}, heading), place), refresh };
}

function trap({ time, component, version, request_id: request, route, reason, backtrace }) {
  const title = `${moment(time)} ${component}${version ? `@${version}` : ""}: ${reason}`;
  return element(
    "details",
    {},
    element("summary", {}, title),
    element(
      "div",
      { class: "stack" },
      route && element("p", {}, "Route ", element("code", {}, route)),
      element("p", {}, "Request ", element("code", {}, request), " ", element("a", { href: `#log?request=${encodeURIComponent(request)}` }, "Its log")),
      backtrace ? element("pre", { tabindex: "0" }, backtrace) : element("p", { class: "quiet" }, "There is no backtrace, since the component was not running."),
    ),
  );
}
