// The fields of a task, in the form that adds one and in the dialog that changes one.

import { fromField, toField } from "./dates.js";
import { byId } from "./elements.js";

/** Puts the fields beside the title into a form. */
export function addFields(form) {
  form.querySelector(".fields").append(byId("task-fields").content.cloneNode(true));
}

/** The fields as the API takes them. */
export function read(form) {
  const { title, description, due_date, priority, category, tags } = form.elements;
  return {
    title: title.value.trim(),
    description: description.value.trim() || null,
    due_date: fromField(due_date.value),
    priority: priority.value,
    category: category.value.trim() || null,
    tags: tags.value.split(",").map((tag) => tag.trim()).filter(Boolean),
  };
}

/** Only the fields that differ from those of `task`, so that a field that the form shows less exactly stays as it is. */
export function changes(form, task) {
  const before = { ...task, due_date: fromField(toField(task.due_date)) };
  const differs = ([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name]);
  return Object.fromEntries(Object.entries(read(form)).filter(differs));
}

/** Shows a task in the form. */
export function fill(form, task) {
  const { title, description, due_date, priority, category, tags } = form.elements;
  title.value = task.title;
  description.value = task.description ?? "";
  due_date.value = toField(task.due_date);
  select(priority, task.priority);
  category.value = task.category ?? "";
  tags.value = task.tags.join(", ");
}

/** Selects a value, which other programs may have chosen freely. */
function select(field, value) {
  if (![...field.options].some((option) => option.value === value)) field.add(new Option(value, value));
  field.value = value;
}
