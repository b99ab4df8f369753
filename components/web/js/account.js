// The pages to log in and to make an account. The host sets the cookie of the session.

import { json } from "./api.js";
import { byId } from "./elements.js";
import { busyWhile, hasInvalidField, showError, watchConnection } from "./notices.js";

const form = byId("account-form");
const alert = form.querySelector("[role=alert]");

watchConnection();
if (new URLSearchParams(location.search).has("ended")) {
  byId("reason").textContent = "Your session has ended. Log in to go on.";
}
form.elements.email.focus();

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (hasInvalidField(form)) return;
  busyWhile(form, async () => {
    try {
      await json("POST", `/auth/${form.dataset.action}`, fields());
      location.assign("/");
    } catch (error) {
      showError(alert, error);
      form.elements.password.focus();
    }
  });
});

function fields() {
  const { name, email, password } = form.elements;
  const body = { email: email.value, password: password.value };
  if (name instanceof HTMLInputElement && name.value.trim()) body.name = name.value.trim();
  return body;
}
