// Where the console begins: it signs the operator in, shows the view that the address names, and keeps the numbers fresh.

import { REFUSED, json, text } from "./api.js";
import { byId, element } from "./elements.js";
import { parse } from "./exposition.js";
import { History } from "./history.js";
import { reading } from "./reading.js";
import { forget, keep, token } from "./session.js";
import { component } from "./view-component.js";
import { components } from "./view-components.js";
import { hosts } from "./view-hosts.js";
import { log } from "./view-log.js";
import { routes } from "./view-routes.js";
import { sizes } from "./view-sizes.js";
import { traps } from "./view-traps.js";

/** The time between readings of the metrics, in milliseconds. */
const INTERVAL = 2000;

/** How many readings pass until the view asks for what else has changed. */
const READINGS = 3;

const VIEWS = { components, hosts, traps, log, routes, sizes };

const history = new History();
/** The view that is shown. */
let current = {};
/** Whether the host has answered this operator. */
let isSignedIn = false;
/** The number of the view that was asked for last: an answer that comes late is not shown. */
let asked = 0;

/** The view, its argument and its filters, as in `#components/NAME` and `#log?level=warn`. */
function place() {
  const [path, query = ""] = location.hash.slice(1).split("?");
  const [name, argument] = path.split("/");
  return { name: Object.hasOwn(VIEWS, name) ? name : "components", argument: decoded(argument), filters: new URLSearchParams(query) };
}

/** The name in an address; the text itself if it is not one that a link of the console has. */
function decoded(argument = "") {
  try {
    return decodeURIComponent(argument);
  } catch {
    return argument;
  }
}

async function showView() {
  const { name, argument, filters } = place();
  const number = ++asked;
  current.close?.();
  current = {};
  try {
    const host = await json("/admin/host");
    isSignedIn = true;
    const view = name === "components" && argument ? await component(argument, { host }) : await VIEWS[name](filters, { host });
    if (number !== asked) return view.close?.();
    current = view;
    show(view.node, view.title, name);
    byId("about").textContent = `${host.version}, ${host.environment}`;
    view.draw?.(history);
    trouble();
  } catch (error) {
    if (number === asked) fail(error, name);
  }
}

function show(node, title, name) {
  byId("view").replaceChildren(node);
  document.title = `${title} – Berth console`;
  for (const link of byId("views").children) {
    if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function fail(error, name) {
  if (error.status === 401) return;
  if (error.status === undefined) console.error(error);
  // A host that starts, or is away, is asked again.
  current = { refresh: showView };
  show(element("h2", {}, "This view cannot be shown"), "Trouble", name);
  trouble(error.status === undefined ? "Something went wrong on this page. Load it again." : error.message);
}

/** Shows a trouble in words, or that it is over. */
function trouble(words = "") {
  if (byId("trouble").textContent !== words) byId("trouble").textContent = words;
}

/** Keeps the view fresh, while the page is visible and the operator is signed in. */
async function freshen(count = 1) {
  try {
    if (!document.hidden) await readOnce(count);
  } catch (error) {
    if (error.status === undefined) console.error(error);
    else if (error.status !== 401) trouble(error.message);
  } finally {
    setTimeout(freshen, INTERVAL, count + 1);
  }
}

async function readOnce(count) {
  if (isSignedIn) {
    history.add(reading(parse(await text("/metrics", "text/plain")), performance.now() / 1000));
    current.draw?.(history);
  }
  if (count % READINGS === 0) await current.refresh?.();
  // A view that cannot be shown has its own words.
  if (current.refresh !== showView) trouble();
}

/** Shows the form to sign in, and nothing else. */
function askForToken(words = "") {
  forget();
  isSignedIn = false;
  asked += 1;
  current.close?.();
  current = {};
  byId("view").replaceChildren();
  for (const id of ["views", "sign-out"]) byId(id).hidden = true;
  const form = byId("sign-in");
  form.hidden = false;
  form.querySelector("[role=alert]").textContent = words;
  form.elements.token.value = "";
  form.elements.token.focus();
  trouble();
}

function begin() {
  byId("sign-in").hidden = true;
  byId("views").hidden = false;
  byId("sign-out").hidden = token() === null;
  showView();
}

byId("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.currentTarget;
  const given = form.elements.token.value.trim();
  if (!given) return askForToken("Enter the token.");
  keep(given);
  try {
    await json("/admin/host");
    begin();
  } catch (error) {
    askForToken(error.status === 401 ? "That is not the token of this host." : error.message);
  }
});
byId("sign-out").addEventListener("click", () => askForToken());
addEventListener(REFUSED, () => {
  if (byId("sign-in").hidden) askForToken(token() === null ? "" : "The host no longer knows this token.");
});
byId("skip").addEventListener("click", (event) => {
  // The address names the view, so the link must not change it.
  event.preventDefault();
  byId("view").focus();
});
addEventListener("hashchange", async () => {
  if (!byId("sign-in").hidden) return;
  await showView();
  byId("view").focus();
});

begin();
setTimeout(freshen, INTERVAL);
