import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import type { Call } from "../../../command/verb.ts";
import { DaemonClient } from "../../../daemon/client.ts";
import { Failure, reason } from "../../../failure/failure.ts";
import { whichNode } from "../which-node.ts";
import type { NodeLogsOptions } from "./verb.ts";

const shownBytes = 64 * 1024;
const bundledBytes = 4 * 1024 * 1024;

/** `bv node logs`. */
export async function nodeLogs(call: Call<NodeLogsOptions, [node?: string]>): Promise<void> {
  const { out, args, options, signal } = call;
  const daemon = new DaemonClient(out);
  const node = await whichNode(daemon, args[0]);
  const { supportBundle: bundle } = options;
  const request = { node, tailBytes: bundle === undefined ? shownBytes : bundledBytes, bundle: bundle !== undefined };
  const files = new Map<string, Buffer>();
  for await (const { name = "", content = "" } of daemon.stream("ReadNodeLogs", request, { signal })) {
    files.set(name, Buffer.concat([files.get(name) ?? Buffer.alloc(0), Buffer.from(content, "base64")]));
  }
  if (bundle !== undefined) {
    await writeBundle(resolve(bundle), node, files);
    out.line(`Wrote ${bundle}`);
    out.document({ file: resolve(bundle), names: [...files.keys()] });
    return;
  }
  const logs = [...files].map(([name, content]) => ({ name, lines: lastLines(content, options.lines) }));
  for (const { name, lines } of logs) {
    out.line(out.paint("bold", `==> ${name} <==`));
    for (const line of lines) out.line(out.foreign(line));
  }
  if (logs.length === 0) out.line("This node has printed nothing yet.");
  out.document({ logs });
}

function lastLines(content: Buffer, count: number): readonly string[] {
  const lines = content.toString("utf8").split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines.slice(Math.max(0, lines.length - count));
}

/** Readable by the one who asked for it: logs may tell more than everyone should know. */
async function writeBundle(file: string, node: string, files: ReadonlyMap<string, Buffer>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "bv-support-"));
  const top = `support-${node}`;
  try {
    mkdirSync(join(folder, top));
    for (const [name, content] of files) {
      if (name.split("/").includes("..")) continue;
      const path = join(folder, top, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, content);
    }
    writeFileSync(file, "", { mode: 0o600 });
    await promisify(execFile)("tar", ["-czf", file, "-C", folder, top]);
  } catch (error) {
    throw new Failure("file-unwritable", `${file} cannot be written: ${reason(error)}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
