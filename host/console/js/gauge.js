// A number with a line of its last minutes.

import { element } from "./elements.js";

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT] = [100, 24];

/** A list of gauges. */
export const gauges = (...all) => element("dl", { class: "gauges" }, ...all.map(({ node }) => node));

/** Makes a gauge. `show(values, text)` draws the values; the text is the last one in words. */
export function gauge(name) {
  const value = element("span", {}, "–");
  const line = drawn("polyline", {});
  const base = drawn("line", { x1: 0, x2: WIDTH, y1: HEIGHT, y2: HEIGHT });
  const picture = drawn("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  picture.append(base, line);
  return {
    node: element("div", { class: "gauge" }, element("dt", {}, name), element("dd", {}, value, picture)),
    show(values, text) {
      value.textContent = text;
      line.setAttribute("points", points(values));
    },
  };
}

/** The values from left to right, the newest at the right edge; the largest reaches the top. */
function points(values) {
  const top = Math.max(...values, Number.MIN_VALUE);
  const step = WIDTH / Math.max(values.length - 1, 1);
  return values.map((value, index) => `${(index * step).toFixed(1)},${(HEIGHT - (value / top) * HEIGHT).toFixed(1)}`).join(" ");
}

function drawn(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}
