// The page of tasks and chat: for the logged-in, and otherwise the way to the login.

import { json } from "./api.js";
import * as chat from "./chat.js";
import { byId } from "./elements.js";
import { sentence, showError, watchConnection } from "./notices.js";
import * as tasks from "./tasks.js";

watchConnection(tasks.recover);
byId("log-out").addEventListener("click", logOut);
await start();

async function start() {
  let session;
  try {
    session = await json("GET", "/auth/session");
  } catch (error) {
    showError(byId("tasks-error"), error);
    return;
  }
  if (session === null) {
    location.replace("/login");
    return;
  }
  const { name, email } = session.user;
  byId("account").textContent = name ?? email ?? "";
  byId("log-out").hidden = false;
  await Promise.all([tasks.start(), chat.start(tasks.reload)]);
}

async function logOut() {
  try {
    await json("POST", "/auth/logout");
    location.assign("/login");
  } catch (error) {
    byId("offline").textContent = sentence(error);
  }
}
