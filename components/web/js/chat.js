// The conversation with the assistant: its answers come piece by piece, and each tool call is shown as it happens.

import { Failure, json, leaveIfLoggedOut, send } from "./api.js";
import { byId, element } from "./elements.js";
import { events } from "./events.js";
import { busyWhile, hasInvalidField, showError } from "./notices.js";
import { showResult, toolCall } from "./tool-calls.js";

const BROKEN_OFF = "The answer broke off. What was done until then is done; ask again for the rest.";

const messages = byId("messages");
const form = byId("say");
const alert = byId("chat-error");

/** The number of the conversation; null before its first message. */
let conversation = null;

/** Shows the latest conversation, and calls `tasksChanged` after each tool call. */
export async function start(tasksChanged) {
  form.append(element("p", { class: "error", role: "alert" }));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!hasInvalidField(form)) busyWhile(form, () => ask(tasksChanged));
  });
  form.elements.message.addEventListener("keydown", (event) => {
    const sends = event.key === "Enter" && !event.shiftKey && !event.isComposing;
    if (!sends) return;
    event.preventDefault();
    form.requestSubmit();
  });
  byId("new-conversation").addEventListener("click", () => {
    conversation = null;
    messages.replaceChildren();
    showError(alert);
    form.elements.message.focus();
  });
  try {
    await showLatest();
  } catch (error) {
    if (!leaveIfLoggedOut(error)) showError(alert, error);
  }
}

async function showLatest() {
  conversation = (await json("GET", "/api/conversations/latest")).conversation_id;
  if (conversation === null) return;
  const said = await json("GET", `/api/conversations/${conversation}/messages`);
  for (const { role, content, tool_calls } of said) {
    const { text, calls } = show(role);
    text.textContent = content;
    for (const call of tool_calls ?? []) {
      const item = toolCall(call.name, call.arguments);
      showResult(item, call.result);
      calls.append(item);
    }
  }
}

async function ask(tasksChanged) {
  const message = form.elements.message.value.trim();
  showError(alert);
  show("user").text.textContent = message;
  const answer = show("assistant");
  // A screen reader says the answer when it is whole, and not piece by piece.
  messages.setAttribute("aria-busy", "true");
  form.elements.message.value = "";
  try {
    const body = { message, conversation_id: conversation };
    const response = await send("POST", "/api/chat", { body, accept: "text/event-stream" });
    await follow(response, answer, tasksChanged);
  } catch (error) {
    if (leaveIfLoggedOut(error)) return;
    answer.message.remove();
    // A message that was not sent is not lost.
    if (!form.elements.message.value) form.elements.message.value = message;
    showError(alert, error);
  } finally {
    messages.removeAttribute("aria-busy");
    answer.message.removeAttribute("aria-busy");
  }
}

/** Shows the events of an answer as they come. */
async function follow(response, { text, calls }, tasksChanged) {
  const running = new Map();
  let isWhole = false;
  try {
    for await (const { name, data } of events(response)) {
      if (name === "token") text.textContent += data.text;
      else if (name === "tool_call") {
        running.set(data.id, toolCall(data.name, data.arguments));
        calls.append(running.get(data.id));
      } else if (name === "tool_result") {
        showResult(running.get(data.id), data.result);
        tasksChanged();
      } else if (name === "error") {
        showError(alert, new Failure(`${data.detail}.`, 200));
        isWhole = true;
      } else if (name === "done") {
        conversation = data.conversation_id;
        text.textContent = data.response;
        isWhole = true;
      }
      scroll();
    }
  } catch (error) {
    // The connection has ended within the answer.
    if (!(error instanceof TypeError)) throw error;
  }
  if (!isWhole) showError(alert, new Failure(BROKEN_OFF, 0));
}

/** Adds an empty message. */
function show(role) {
  const mine = role === "user";
  const text = element("p", { class: "text" });
  const calls = element("ul", { class: "tools" });
  const message = element("article", { class: mine ? "message mine" : "message" },
    element("h3", { class: "who" }, mine ? "You" : "Assistant"), calls, text);
  messages.append(message);
  scroll();
  return { message, text, calls };
}

function scroll() {
  messages.scrollTop = messages.scrollHeight;
}
