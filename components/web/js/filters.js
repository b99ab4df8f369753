// What the list shows: the form, and the address of the page, so that a reload and a bookmark show the same.

import { byId } from "./elements.js";

/** How long after the last key a search begins, in milliseconds. */
const PAUSE = 250;

const form = byId("filters");

/** Shows what the address says, and calls `changed` whenever something else is to be shown. */
export function start(changed) {
  const shown = new URLSearchParams(location.search);
  for (const field of fields()) {
    const value = shown.get(field.name);
    if (value !== null) field.value = value;
  }
  const apply = () => {
    history.replaceState(null, "", address());
    changed();
  };
  let timer;
  form.addEventListener("input", (event) => {
    clearTimeout(timer);
    timer = setTimeout(apply, event.target.matches("input") ? PAUSE : 0);
  });
  form.addEventListener("reset", () => setTimeout(apply));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(timer);
    apply();
  });
}

/** The query of the API for what is to be shown. */
export function query() {
  const query = new URLSearchParams(given());
  const [sort, order] = form.elements.sort.value.split(":");
  query.set("sort", sort);
  query.set("order", order);
  return query;
}

/** Whether the list may leave tasks out. */
export const isNarrowed = () => given().some(([name]) => name !== "sort");

function address() {
  const query = new URLSearchParams(given()).toString();
  return query ? `?${query}` : location.pathname;
}

/** The fields that differ from their default. */
function given() {
  const values = fields().map(({ name, value }) => [name, value.trim()]);
  const defaults = { status: "all", sort: "created_at:desc" };
  return values.filter(([name, value]) => value && value !== defaults[name]);
}

const fields = () => [...form.elements].filter((field) => field.name);
