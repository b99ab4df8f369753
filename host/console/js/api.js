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

/** How long a request without a stream may take, in milliseconds. */
const TIMEOUT = 10_000;

/** Sends a request with the token. Returns the response, or throws a `Failure`. */
export async function send(path, { method = "GET", headers = {}, ...options } = {}) {
  const known = token();
  const all = known === null ? headers : { ...headers, authorization: `Bearer ${known}` };
  if (!/^[\x20-\x7e]*$/.test(known ?? "")) throw new Failure("A token has letters without accents, digits and signs only.", 401);
  let response;
  try {
    response = await fetch(path, { method, headers: all, cache: "no-store", ...options });
  } catch (error) {
    if (error.name === "AbortError" || error.name === "TimeoutError") throw error;
    throw new Failure("The host cannot be reached.", 0);
  }
  if (response.ok) return response;
  if (response.status === 401) dispatchEvent(new Event(REFUSED));
  throw new Failure(await reason(response), response.status);
}

/** The text of a response, which comes soon or fails. */
export async function text(path, accept) {
  try {
    const response = await send(path, { headers: { accept }, signal: AbortSignal.timeout(TIMEOUT) });
    return await response.text();
  } catch (error) {
    throw error.name === "TimeoutError" ? new Failure("The host does not answer.", 0) : error;
  }
}

/** The JSON of a response, likewise. */
export const json = async (path) => JSON.parse(await text(path, "application/json"));

async function reason(response) {
  try {
    const { detail } = await response.json();
    if (typeof detail === "string") return `${detail}.`;
  } catch {
    // Another program than the host has answered.
  }
  return `The host answered ${response.status}.`;
}
