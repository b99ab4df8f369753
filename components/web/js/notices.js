// Messages that a reader of the page sees and a screen reader says.

import { Failure } from "./api.js";
import { byId } from "./elements.js";

const OFFLINE = "You are offline. What you see may be old, and changes cannot be saved until you are online again.";

/** Shows a failure in an element with `role="alert"`; without one, removes what it shows. */
export function showError(place, error) {
  place.textContent = error ? sentence(error) : "";
}

/** A failure in words. */
export function sentence(error) {
  if (error instanceof Failure) return error.message;
  console.error(error);
  return "Something went wrong on this page. Load it again.";
}

/** Shows while the browser is offline that it is. Calls `back` when it is online again. */
export function watchConnection(back = () => {}) {
  const show = () => {
    byId("offline").textContent = navigator.onLine ? "" : OFFLINE;
  };
  addEventListener("offline", show);
  addEventListener("online", () => {
    show();
    back();
  });
  show();
}

/** Disables the buttons of a form while `work` runs, so that nothing is sent twice. */
export async function busyWhile(form, work) {
  const buttons = form.querySelectorAll("button");
  if (form.getAttribute("aria-busy") === "true") return;
  form.setAttribute("aria-busy", "true");
  for (const button of buttons) button.setAttribute("aria-disabled", "true");
  try {
    await work();
  } finally {
    form.removeAttribute("aria-busy");
    for (const button of buttons) button.removeAttribute("aria-disabled");
  }
}

/** Shows the first field of a form that cannot be sent as it is, in words and by the focus. Returns whether there is one. */
export function hasInvalidField(form) {
  const invalid = form.querySelector(":invalid:not(fieldset)");
  const alert = form.querySelector("[role=alert]");
  for (const field of form.elements) field.removeAttribute("aria-invalid");
  showError(alert);
  if (!invalid) return false;
  const label = invalid.labels[0]?.firstChild?.textContent.trim();
  alert.textContent = `${label}: ${invalid.validationMessage}`;
  invalid.setAttribute("aria-invalid", "true");
  invalid.focus();
  return true;
}
