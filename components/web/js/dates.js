// Due dates: a time in UTC for the server, the reader's own time on the page.

const SHOWN = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** A timestamp as a field of the type `datetime-local` has it; empty without one. */
export function toField(timestamp) {
  if (!timestamp) return "";
  const date = new Date(timestamp);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** The timestamp of such a field; null if it is empty. */
export function fromField(value) {
  return value ? new Date(value).toISOString() : null;
}

/** A timestamp in words. */
export const shown = (timestamp) => SHOWN.format(new Date(timestamp));

/** Whether the time has passed. */
export const isPast = (timestamp) => new Date(timestamp) < new Date();
