import type { Call, Verb } from "../command/verb.ts";
import { DaemonClient } from "../daemon/client.ts";
import type { Output } from "../output/output.ts";
import { completionScript, type Shell } from "./scripts.ts";
import { expectedAfter, type Suggestion } from "./words.ts";

export async function printScript({ out, args }: Call<object, [shell: Shell]>, root: Verb): Promise<void> {
  const script = completionScript(args[0], root.name);
  out.raw(script);
  out.document({ shell: args[0], script });
}

/** Never fails: a suggestion that cannot be had is none. */
export async function printSuggestions(
  { out, args }: Call<object, [words: readonly string[]]>,
  root: Verb,
): Promise<void> {
  const expected = expectedAfter(root, args[0]);
  if (expected.kind === "words") {
    for (const { word, summary } of expected.words) out.line(`${word}\t${summary}`);
    return;
  }
  switch (expected.completes) {
    case "file":
    case "directory":
      out.line(`:${expected.completes}`);
      return;
    default:
      for (const { word, summary } of await suggestions(out, expected.completes)) out.line(`${word}\t${summary}`);
  }
}

async function suggestions(
  out: Output,
  completes: "node" | "job" | "variant" | "none",
): Promise<readonly Suggestion[]> {
  try {
    if (completes === "node") return await nodeNames(out);
    if (completes === "job") return await jobNames(out);
    if (completes === "variant") return await variantKeys();
  } catch {
    // No daemon, no file: nothing to suggest.
  }
  return [];
}

async function nodeNames(out: Output): Promise<readonly Suggestion[]> {
  const { nodes = [] } = await new DaemonClient(out).call("ListNodes", { local: true });
  return nodes.map(({ name = "", imageKey }) => ({ word: name, summary: imageKey?.variantKey ?? "" }));
}

/** Jobs of the node that would be meant without naming one. */
async function jobNames(out: Output): Promise<readonly Suggestion[]> {
  const { whichNode } = await import("../bv/node/which-node.ts");
  const daemon = new DaemonClient(out);
  const { jobs = [] } = await daemon.call("ListJobs", { node: await whichNode(daemon, undefined) });
  return jobs.map(({ name = "" }) => ({ word: name, summary: "" }));
}

async function variantKeys(): Promise<readonly Suggestion[]> {
  const { readImage } = await import("../nib/metadata/read-image.ts");
  return readImage("babel.yaml").image.variants.map(({ key }) => ({ word: key, summary: "" }));
}
