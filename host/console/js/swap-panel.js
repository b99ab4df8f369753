// Pushes and rollbacks of one component, with their steps as they happen.

import { Failure, send } from "./api.js";
import { element } from "./elements.js";
import { events } from "./events.js";
import { findings, sentence, tone } from "./reports.js";
import { time } from "./units.js";

const BROKEN_OFF = "The connection has ended, and the swap goes on. Its report will be below “Swaps”.";

/** A text that a header can have. */
const IN_HEADER = /^[\x20-\x7e]*$/;

/** Makes the panel. `ended` is called after each swap. */
export function swapPanel(name, allowsChanges, ended) {
  const steps = element("ol", { class: "plain", "aria-live": "polite", "aria-label": "Steps" });
  const outcome = element("p", { role: "status", tabindex: "-1" });
  const details = element("div", {});
  const alert = element("p", { class: "error", role: "alert" });
  const path = `/admin/components/${encodeURIComponent(name)}`;
  let isBusy = false;

  const showReport = (data) => {
    outcome.className = tone(data.outcome === "refused" ? "failed" : "passed");
    outcome.textContent = `${sentence(data)}.`;
    details.replaceChildren(findings(data));
  };

  /** Runs a swap, and shows its steps and its report. */
  const run = async (url, options) => {
    if (isBusy) {
      alert.textContent = "A swap is under way. Wait for its end.";
      return;
    }
    isBusy = true;
    for (const one of [steps, details]) one.replaceChildren();
    for (const one of [outcome, alert]) one.textContent = "";
    let isOver = false;
    try {
      const headers = { ...options.headers, accept: "text/event-stream" };
      const response = await send(url, { ...options, headers });
      for await (const { name: kind, data } of events(response)) {
        if (kind === "step") showStep(steps, data);
        else showReport(data);
        isOver ||= kind === "report";
      }
      if (!isOver) throw new Failure(BROKEN_OFF, 0);
      await ended();
      // The button of a rollback is gone, and with it the focus.
      if (document.activeElement === document.body) outcome.focus();
    } catch (error) {
      alert.textContent = error instanceof Failure ? error.message : BROKEN_OFF;
    } finally {
      isBusy = false;
    }
  };

  const push = (file, isDryRun, by) =>
    run(`${path}${isDryRun ? "?dry_run=true" : ""}`, {
      method: "PUT",
      body: file,
      headers: { "content-type": "application/wasm", ...(by && { "x-pushed-by": by }) },
    });
  const restore = (number, isDryRun) =>
    run(`${path}/rollback`, {
      method: "POST",
      body: JSON.stringify({ to: number, dry_run: isDryRun }),
      headers: { "content-type": "application/json" },
    });

  const dialog = rollBackDialog(name, restore);
  const form = allowsChanges
    ? pushForm(alert, push)
    : element("p", { class: "quiet" }, "This host has no ADMIN_TOKEN, and so allows no change.");
  const node = element("section", { class: "panel", "aria-label": "Push" }, element("h3", {}, "Push"), form, alert, steps, outcome, details, dialog.node);
  return { node, rollBack: dialog.open };
}

function pushForm(alert, push) {
  const file = element("input", { id: "file", type: "file", accept: ".wasm,application/wasm" });
  const by = element("input", { id: "by", maxlength: "100", autocomplete: "off" });
  const isDryRun = element("input", { type: "checkbox" });
  const submit = (event) => {
    event.preventDefault();
    const [chosen] = file.files;
    if (!chosen) alert.textContent = "Choose the file of a component.";
    else if (!IN_HEADER.test(by.value)) alert.textContent = "Write your name without accents: it is sent in a header.";
    else push(chosen, isDryRun.checked, by.value.trim());
  };
  return element(
    "form",
    { class: "row", submit, novalidate: true },
    element("label", { for: "file" }, "Component", file),
    element("label", { for: "by" }, "Your name", by),
    element("label", { class: "check" }, isDryRun, "Dry run"),
    element("button", { type: "submit", class: "primary" }, "Push"),
  );
}

function showStep(steps, { step, state, milliseconds, detail }) {
  const known = [...steps.children].find((one) => one.dataset.step === step);
  const line = known ?? element("li", { "data-step": step });
  const words = [`${step}: `, element("span", { class: tone(state) }, state === "started" ? "under way" : state)];
  if (state !== "started") words.push(` in ${time(milliseconds / 1000)}`);
  if (detail) words.push(`, ${detail}`);
  line.replaceChildren(...words);
  if (!known) steps.append(line);
}

function rollBackDialog(name, restore) {
  const question = element("p", {});
  let number;
  const choose = (isDryRun) => () => {
    node.close();
    restore(number, isDryRun);
  };
  const node = element(
    "dialog",
    { "aria-label": "Roll back" },
    element(
      "form",
      { method: "dialog" },
      question,
      element(
        "div",
        { class: "row" },
        element("button", { type: "button", class: "primary", click: choose(false) }, "Roll back"),
        element("button", { type: "button", click: choose(true) }, "Dry run"),
        element("button", { autofocus: true }, "Cancel"),
      ),
    ),
  );
  const open = (to) => {
    number = to;
    question.textContent = `Make version ${to} of ${name} live again?`;
    node.showModal();
  };
  return { node, open };
}
