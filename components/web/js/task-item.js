// A task as the list shows it.

import { isPast, shown } from "./dates.js";
import { element } from "./elements.js";

/** The list's item for `task`. `on` has the reactions: `tick`, `edit` and `remove`, each called with the task. */
export function item(task, on) {
  const { id, title, completed } = task;
  const check = element("input", {
    type: "checkbox",
    id: `task-${id}`,
    change: () => on.tick(task, check.checked),
  });
  check.checked = completed;
  return element("li", { class: completed ? "task done" : "task", "data-id": id },
    check,
    element("div", { class: "grow" },
      element("label", { for: check.id, class: "title" }, title),
      task.description && element("p", { class: "quiet" }, task.description),
      element("p", { class: "facts" }, ...facts(task))),
    element("div", { class: "actions" },
      element("button", { type: "button", "aria-label": `Edit ${title}`, click: () => on.edit(task) }, "Edit"),
      element("button", { type: "button", "aria-label": `Delete ${title}`, click: () => on.remove(task) }, "Delete")));
}

function facts({ due_date, completed, priority, category, tags }) {
  const late = due_date && !completed && isPast(due_date);
  return [
    due_date && element("span", { class: late ? "fact late" : "fact" }, `${late ? "Overdue: " : "Due "}${shown(due_date)}`),
    priority !== "medium" && element("span", { class: `fact ${priority === "low" ? "" : "important"}` }, `Priority: ${priority}`),
    category && element("span", { class: "fact" }, category),
    ...tags.map((tag) => element("span", { class: "fact" }, `#${tag}`)),
  ];
}
