// Tables of text and elements.

import { element } from "./elements.js";

/** Makes a table. Each column is `{ name, cell, number }`, and `cell` makes the content of a row's cell. The first heads its row. */
export function table(caption, columns, rows, none = "There are none.") {
  if (rows.length === 0) return element("p", { class: "quiet" }, `${caption}: ${none}`);
  const heads = columns.map(({ name, number }) => element("th", { scope: "col", class: number && "number" }, name));
  const body = rows.map((row) => element("tr", {}, ...columns.map((column, index) => cell(column, row, index === 0))));
  const made = element("table", {}, element("caption", {}, caption), element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...body));
  // It can be scrolled by keys where it is wider than the screen.
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, made);
}

function cell({ cell: make, number }, row, heads) {
  const content = make(row);
  const parts = Array.isArray(content) ? content : [content ?? "–"];
  return element(heads ? "th" : "td", { scope: heads && "row", class: number && "number" }, ...parts);
}

/** A list without bullets. */
export const list = (items) => element("ul", { class: "plain" }, ...items.map((item) => element("li", {}, item)));
