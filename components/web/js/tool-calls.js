// The assistant's tool calls in words, as they happen.

import { element } from "./elements.js";

const WORDS = {
  add_task: ({ title }) => `Add task “${title}”`,
  list_tasks: ({ search, status }) => `Look at ${status && status !== "all" ? `${status} ` : ""}tasks${search ? ` with “${search}”` : ""}`,
  complete_task: ({ task_id }) => `Complete task ${task_id}`,
  update_task: ({ task_id }) => `Change task ${task_id}`,
  delete_task: ({ task_id }) => `Delete task ${task_id}`,
};

/** An item for a call of the tool `name`, which runs. */
export function toolCall(name, given) {
  const words = WORDS[name]?.(given ?? {}) ?? name;
  const state = element("span", { class: "state" }, "working…");
  return element("li", { class: "tool" }, `${words}: `, state);
}

/** Shows the result of the call in its item. */
export function showResult(item, result) {
  const failed = Boolean(result?.error);
  item.classList.add(failed ? "failed" : "finished");
  item.querySelector(".state").textContent = failed ? "did not work" : "done";
}
