// Server-sent events of a response, one after the other (HTML, 9.2). `EventSource` cannot send a body.

/** Yields `{ name, data }` for each event, with the data as JSON. */
export async function* events(response) {
  for await (const blocks of parts(response, "\n\n")) {
    // A comment keeps the connection alive, and is no event.
    for (const block of blocks) if (block.includes("data: ")) yield parse(block);
  }
}

/** Yields the whole parts of each piece of a response that comes; a piece may end none. */
export async function* parts(response, separator) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const all = (rest + value).split(separator);
      rest = all.pop();
      yield all;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function parse(block) {
  let name = "message";
  const data = [];
  for (const line of block.split("\n")) {
    if (line.startsWith("event: ")) name = line.slice(7);
    if (line.startsWith("data: ")) data.push(line.slice(6));
  }
  return { name, data: JSON.parse(data.join("\n")) };
}
