import type { AgentDescription } from "../bundle/build.ts";

/** The bundle with a door for a debugger, on loopback, on any port. */
export function inspectable<Bundle extends { readonly description: AgentDescription }>(bundle: Bundle): Bundle {
  const { command } = bundle.description;
  // The first of Node's own options; those before are the loader's.
  const node = command.findIndex((part) => part.startsWith("--max"));
  const withDoor = [...command.slice(0, node), "--inspect=127.0.0.1:0", ...command.slice(node)];
  return { ...bundle, description: { ...bundle.description, command: withDoor } };
}

/** Has an inspectable process collect all its garbage: what is left in its memory is what it holds on to. */
export async function collectGarbage(stderr: string): Promise<void> {
  const url = /ws:\/\/127\.0\.0\.1:\S+/.exec(stderr)?.[0];
  if (url === undefined) throw new Error(`no debugger listens: ${stderr}`);
  const socket = new WebSocket(url);
  try {
    await heard(socket, "open");
    for (const id of [1, 2]) {
      socket.send(JSON.stringify({ id, method: "HeapProfiler.collectGarbage" }));
      await heard(socket, "message");
    }
  } finally {
    socket.close();
  }
}

function heard(socket: WebSocket, event: "open" | "message"): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.addEventListener(event, () => resolve(), { once: true });
    socket.addEventListener("error", () => reject(new Error("the debugger does not answer")), { once: true });
  });
}
