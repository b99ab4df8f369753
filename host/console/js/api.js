// Requests to the admin API, and their failures in words.

import { token } from "./session.js";

/** A request that failed: `message` is a sentence for the reader, `status` the response's, or 0 without a response. */
export class Failure extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** The name of the event on `window` when the host refuses the token. */
export const REFUSED = "token-refused";

/** Sends a request with the token. Returns the response, or throws a `Failure`. */
export async function send(path, { method = "GET", headers = {}, ...options } = {}) {
  const known = token();
  const all = known === null ? headers : { ...headers, authorization: `Bearer ${known}` };
  let response;
  try {
    response = await fetch(path, { method, headers: all, cache: "no-store", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure("The host cannot be reached.", 0);
  }
  if (response.ok) return response;
  if (response.status === 401) dispatchEvent(new Event(REFUSED));
  throw new Failure(await reason(response), response.status);
}

/** The JSON of a response. */
export async function json(path) {
  return (await send(path, { headers: { accept: "application/json" } })).json();
}

async function reason(response) {
  try {
    const { detail } = await response.json();
    return `${detail}.`;
  } catch {
    return `The host answered ${response.status}.`;
  }
}
