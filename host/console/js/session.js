// The operator's token: this tab alone keeps it, until it is closed.

const KEY = "berth-admin-token";

/** The token; null if the operator has not signed in. */
export const token = () => sessionStorage.getItem(KEY);

/** Keeps a token. */
export const keep = (value) => sessionStorage.setItem(KEY, value);

/** Forgets the token. */
export const forget = () => sessionStorage.removeItem(KEY);
