import { readFileSync, rmSync } from "node:fs";

/**
 * Named places where a crash test may cut the process (`BV_FAILPOINT=name`, or `name@3` for the third pass).
 * The cut is SIGKILL to ourselves: nothing after it runs, as after `kill -9` or a power loss.
 *
 * `scope/name@n,scope/name@n,…` cuts several things at once, each at its own place: whoever gets to its place waits there, and when all have
 * got there the process is killed. So one death tests as many places as there are nodes.
 *
 * `file:PATH` takes the places from that file as soon as it is there, and removes it: what is done before that is not cut.
 */
interface Place {
  readonly scope: string | undefined;
  readonly name: string;
  passes: number;
}

let armed: Place[] = [];
/** Where places still come from. */
let source: { readonly kind: "environment" } | { readonly kind: "file"; readonly path: string } | undefined = {
  kind: "environment",
};

/** A place that is passed without a pause. */
export function failpoint(name: string): void {
  if (pass(name, undefined) !== "cut") return;
  kill();
}

/** A place of one of several things that go on at the same time, e.g. a node. */
export async function cutPoint(name: string, scope: string): Promise<void> {
  if (pass(name, undefined) === "cut") kill();
  if (pass(name, scope) !== "cut") return;
  if (armed.length === 0) kill();
  process.stderr.write(`held at ${scope}/${name}, ${armed.length} to come\n`);
  await new Promise(() => {});
}

function pass(name: string, scope: string | undefined): "cut" | "go on" {
  arm();
  const place = armed.find((candidate) => candidate.name === name && candidate.scope === scope);
  if (place === undefined) return "go on";
  place.passes -= 1;
  if (place.passes > 0) return "go on";
  armed = armed.filter((other) => other !== place);
  return "cut";
}

function arm(): void {
  if (source?.kind === "environment") {
    const text = process.env["BV_FAILPOINT"] ?? "";
    source = text.startsWith("file:") ? { kind: "file", path: text.slice("file:".length) } : undefined;
    if (source === undefined) armed = placesIn(text);
  }
  if (source === undefined) return;
  const text = contentOf(source.path);
  if (text === undefined) return;
  rmSync(source.path);
  armed = placesIn(text);
}

function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function placesIn(text: string): Place[] {
  return text.split(",").filter(Boolean).map(parse);
}

function kill(): never {
  process.kill(process.pid, "SIGKILL");
  // The signal is delivered on return to user space at the latest; nothing below may have an effect.
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

function parse(specification: string): Place {
  const [, scope, name = "", passes = "1"] = /^(?:([^/@]+)\/)?([^/@]*)(?:@(\d+))?$/.exec(specification) ?? [];
  return { scope, name, passes: Number(passes) };
}
