import { mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { writeDurable } from "../durable/index.ts";

const content = `# Written by blockvisord: its nodes reach the world through this machine.
net.ipv4.ip_forward = 1
`;

/**
 * Lets the machine forward from its start on (spec host-daemon DB-6.10); a file that says so already is left as it is. Only version 4: for
 * version 6 links have to be told to go on listening to routers first, which the daemon does whenever it opens a bridge. Where the folder
 * cannot be written nothing is lost but the time until then.
 */
export async function keepForwarding(file: string): Promise<void> {
  const present = await readFile(file, "utf8").catch(() => "");
  if (/^\s*net\.ipv4\.ip_forward\s*=\s*1\s*$/m.test(present)) return;
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeDurable(file, content, 0o644);
  } catch {}
}
