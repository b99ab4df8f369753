// The list of tasks: it is read from the server after each change, so that it shows what is stored.

import { json, leaveIfLoggedOut, send } from "./api.js";
import { byId, element } from "./elements.js";
import * as filters from "./filters.js";
import { busyWhile, hasInvalidField, sentence, showError } from "./notices.js";
import { addFields, changes, fill, read } from "./task-form.js";
import { item } from "./task-item.js";

/** How many tasks are read at once. */
const PAGE = 50;

const list = byId("list");
const count = byId("count");
const more = byId("more");
const undo = byId("undo");
const add = byId("add");
const edit = byId("edit");
const editForm = edit.querySelector("form");

/** How many tasks the list shows at most. */
let limit = PAGE;
/** The number of the last reading: a response that is overtaken by another is dropped. */
let reading = 0;
/** The task in the dialog. */
let edited;

/** Shows the tasks, and reacts to the reader. */
export function start() {
  addFields(add);
  addFields(editForm);
  filters.start(() => {
    limit = PAGE;
    reload();
  });
  more.addEventListener("click", () => {
    limit += PAGE;
    reload();
  });
  add.addEventListener("submit", addTask);
  editForm.addEventListener("submit", saveTask);
  editForm.elements.cancel.addEventListener("click", () => edit.close());
  edit.addEventListener("close", () => focusTask(edited.id, "button"));
  return reload();
}

/** Reads the list again. */
export async function reload() {
  const mine = ++reading;
  try {
    const [tasks, total] = await readTasks();
    if (mine !== reading) return;
    show(tasks, total);
    showError(byId("tasks-error"));
  } catch (error) {
    if (mine === reading && !leaveIfLoggedOut(error)) showError(byId("tasks-error"), error);
  }
}

/** Reads the list again after the connection was lost, which no message needs to say any longer. */
export function recover() {
  showError(add.querySelector("[role=alert]"));
  return reload();
}

/** The first `limit` tasks, in as many requests as the API needs, and the number of all. */
async function readTasks() {
  const query = filters.query();
  query.set("limit", PAGE);
  const tasks = [];
  let total;
  do {
    query.set("offset", tasks.length);
    const response = await send("GET", `/api/tasks?${query}`);
    total = Number(response.headers.get("x-total-count"));
    const page = await response.json();
    if (page.length === 0) break;
    tasks.push(...page);
  } while (tasks.length < Math.min(limit, total));
  return [tasks, total];
}

function show(tasks, total) {
  const focused = document.activeElement?.closest?.("#list [data-id]")?.dataset.id;
  const within = focused && tagOf(document.activeElement);
  list.replaceChildren(...tasks.map((task) => item(task, { tick, edit: openEditor, remove })));
  if (focused) focusTask(focused, within);
  more.hidden = tasks.length >= total;
  count.textContent = summary(tasks.length, total);
}

function summary(shown, total) {
  if (total === 0) return filters.isNarrowed() ? "No task matches." : "No tasks yet. Add the first one above.";
  const tasks = total === 1 ? "1 task" : `${total} tasks`;
  return shown < total ? `${shown} of ${tasks}` : tasks;
}

function addTask(event) {
  event.preventDefault();
  if (hasInvalidField(add)) return;
  busyWhile(add, async () => {
    const added = await attempt(() => json("POST", "/api/tasks", read(add)), add.querySelector("[role=alert]"));
    if (!added) return;
    add.reset();
    say(`Added: ${added.title}`);
    await reload();
    add.elements.title.focus();
  });
}

async function tick(task, completed) {
  const ticked = await attempt(() => json("PATCH", `/api/tasks/${task.id}/complete`, { completed }));
  if (ticked) say(`${completed ? "Done" : "Open again"}: ${task.title}`);
  await reload();
}

function openEditor(task) {
  edited = task;
  showError(editForm.querySelector("[role=alert]"));
  fill(editForm, task);
  edit.showModal();
}

function saveTask(event) {
  event.preventDefault();
  if (hasInvalidField(editForm)) return;
  busyWhile(editForm, async () => {
    const save = () => json("PATCH", `/api/tasks/${edited.id}`, changes(editForm, edited));
    const saved = await attempt(save, editForm.querySelector("[role=alert]"));
    if (!saved) return;
    say(`Saved: ${saved.title}`);
    await reload();
    edit.close();
  });
}

async function remove(task) {
  const next = neighbour(task.id);
  const removed = await attempt(async () => {
    await json("DELETE", `/api/tasks/${task.id}`);
    return true;
  });
  if (!removed) return reload();
  say(`Deleted: ${task.title}`, element("button", { type: "button", click: () => restore(task) }, "Undo"));
  await reload();
  if (!focusTask(next, "button")) byId("tasks").focus();
}

/** Adds a deleted task again. It has a new number, since the server forgets the old one. */
async function restore(task) {
  const { title, description, completed, priority, category, tags, due_date } = task;
  const fields = { title, description, completed, priority, category, tags, due_date };
  const restored = await attempt(() => json("POST", "/api/tasks", fields));
  if (!restored) return;
  say(`Restored: ${title}`);
  await reload();
  focusTask(restored.id, "input");
}

/** Runs `work` and returns its result; nothing after a failure, which is shown. */
async function attempt(work, place = byId("tasks-error")) {
  try {
    const result = await work();
    showError(place);
    return result;
  } catch (error) {
    if (!leaveIfLoggedOut(error)) place.textContent = sentence(error);
    return undefined;
  }
}

/** Says what has happened, and offers to undo it until something else happens. */
function say(text, ...actions) {
  const close = element("button", { type: "button", "aria-label": "Close this message", click: () => undo.replaceChildren() }, "×");
  undo.replaceChildren(element("p", {}, text), ...actions, close);
}

/** The number of the task after this one, or else of the one before. */
function neighbour(id) {
  const here = list.querySelector(`[data-id="${id}"]`);
  return (here?.nextElementSibling ?? here?.previousElementSibling)?.dataset.id;
}

/** Focuses an element of the task's item, and returns whether the task is shown. */
function focusTask(id, selector) {
  const found = list.querySelector(`[data-id="${id}"] ${selector}`);
  found?.focus();
  return Boolean(found);
}

/** A selector of the element within its item. */
function tagOf(focused) {
  if (focused.matches("input")) return "input";
  return focused.matches("button:last-child") ? "button:last-child" : "button";
}
