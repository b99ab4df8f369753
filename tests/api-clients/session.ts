// A session by openapi-fetch, with the types that openapi-typescript generates: node out/session.js URL.

import createClient from "openapi-fetch";

import type { paths } from "./api.js";

declare const process: { argv: string[] };

function ensure(holds: boolean, what: unknown): asserts holds {
  if (!holds) throw new Error(JSON.stringify(what));
}

const baseUrl = process.argv[2];
const email = `${crypto.randomUUID()}@example.com`;
const password = "correct horse";
const anonymous = createClient<paths>({ baseUrl });
const registered = await anonymous.POST("/auth/register", { body: { email, password } });
ensure(registered.data?.email === email, registered.error);
const login = await anonymous.POST("/auth/login", { body: { email, password } });
ensure(login.data !== undefined, login.error);
const client = createClient<paths>({ baseUrl, headers: { authorization: `Bearer ${login.data.access_token}` } });

const task = await client.POST("/api/tasks", { body: { title: "milk", priority: "high", due_date: "2030-01-01T00:00:00Z" } });
ensure(task.data !== undefined, task.error);
const path = { id: task.data.id };
const changed = await client.PATCH("/api/tasks/{id}", { params: { path }, body: { title: "oat milk", completed: true } });
ensure(changed.data?.priority === "high" && changed.data.due_date !== null, changed);
const done = await client.GET("/api/tasks", { params: { query: { status: "done", limit: 5 } } });
ensure(done.data?.map((one) => one.title).join() === "oat milk", done);

const chat = await client.POST("/api/chat", { body: { message: "add tea" } });
ensure(chat.data !== undefined, chat.error);
const conversation = { id: chat.data.conversation_id };
const messages = await client.GET("/api/conversations/{id}/messages", { params: { path: conversation } });
ensure(messages.data?.map((message) => message.role).join() === "user,assistant", messages);

const empty = await client.POST("/api/tasks", { body: { title: "" } });
ensure(empty.response.status === 422 && empty.error !== undefined, empty);
const gone = await client.GET("/api/tasks/{id}", { params: { path: { id: 2147483647 } } });
ensure(gone.response.status === 404 && gone.error !== undefined, gone);
console.log("TypeScript: the typed client registered, logged in, changed and listed tasks, chatted and read the messages.");
