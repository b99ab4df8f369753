// Requests to the host, and their failures in words for people. The login is in a cookie that no script sees.

/** A request that failed: `message` is a sentence for the reader, `status` the response's, or 0 without a response. */
export class Failure extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

const UNREACHABLE = "The server cannot be reached. Check your connection, then try again.";

/** Sends `body`, if there is one, as JSON. Returns the response, or throws a `Failure`. */
export async function send(method, path, { body, accept = "application/json", ...options } = {}) {
  const headers = { accept };
  if (body !== undefined) headers["content-type"] = "application/json";
  let response;
  try {
    response = await fetch(path, { method, headers, body: JSON.stringify(body), ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure(UNREACHABLE, 0);
  }
  if (!response.ok) throw new Failure(await reason(response), response.status);
  return response;
}

/** Sends a request, and returns the JSON of its response; nothing for a response without a body. */
export async function json(method, path, body, options) {
  const response = await send(method, path, { body, ...options });
  return response.status === 204 ? undefined : response.json();
}

/** Leaves for the login page if the session has ended. Returns whether it does. */
export function leaveIfLoggedOut(error) {
  const ended = error.status === 401;
  if (ended) location.replace("/login?ended");
  return ended;
}

async function reason(response) {
  if (response.status === 429 || response.status === 503) return await busy(response);
  const detail = await detailOf(response);
  if (Array.isArray(detail)) return detail.map(fault).join(" ");
  if (typeof detail === "string" && response.status < 500) return `${detail}.`;
  return "Something went wrong on the server. Try again later.";
}

async function busy(response) {
  const detail = await detailOf(response);
  const seconds = Number(response.headers.get("retry-after"));
  const when = seconds > 1 ? `in ${seconds} seconds` : "in a moment";
  return typeof detail === "string" ? `${detail.replace(/, try again later$/, "")}. Try again ${when}.` : `Try again ${when}.`;
}

async function detailOf(response) {
  try {
    return (await response.json()).detail;
  } catch {
    return undefined;
  }
}

/** `String should have at least 1 character` of the field `title`. */
function fault({ loc, msg }) {
  const field = String(loc.at(-1) ?? "").replaceAll("_", " ");
  return `${field.charAt(0).toUpperCase()}${field.slice(1)}: ${msg}.`;
}
