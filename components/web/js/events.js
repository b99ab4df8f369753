// Server-sent events of a response, one after the other (HTML, 9.2). `EventSource` cannot send a body.

/** Yields `{ name, data }` for each event, with the data as JSON. */
export async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop();
      // A comment keeps the connection alive, and is no event.
      for (const block of blocks) if (block.includes("data: ")) yield parse(block);
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
