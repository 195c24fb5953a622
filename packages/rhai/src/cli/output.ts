import { codeFrame } from "../errors/code-frame.ts";
import type { Diagnostic } from "../errors/diagnostic.ts";
import type { Source } from "../errors/position.ts";
import type { RhaiError, SourceLookup } from "../errors/rhai-error.ts";

/** Writes to standard output; resolves when the text is on its way, so that a slow reader slows the writer. */
export function write(text: string): Promise<void> {
  return new Promise((resolve) => {
    if (process.stdout.write(text)) resolve();
    else process.stdout.once("drain", resolve);
  });
}

export function writeError(text: string): void {
  process.stderr.write(`${printable(text)}\n`);
}

/** A failed script for people: what happened, where, what to do, and the calls that led there. */
export function renderError(error: RhaiError, sources?: SourceLookup): string {
  const { root } = error;
  const code = root.parseKind ?? root.kind;
  const what = error.message.split("\n")[0]!;
  const calls = error.callChain.map(({ name, module, source, position }) => {
    const called = module !== null ? `module '${module}'` : name?.startsWith("anon$") ? "a closure" : `'${name}'`;
    const place = position === null ? "" : ` at ${source || "script"}:${position.line}:${position.column}`;
    return `  in ${called}, called${place}`;
  });
  return [`error[${code}]: ${what}`, error.codeFrame(sources), ...calls].filter((line) => line !== "").join("\n");
}

export function renderDiagnostic(source: Source, diagnostic: Diagnostic): string {
  const { severity, code, message, hint } = diagnostic;
  return `${severity}[${code}]: ${message}\n${codeFrame(source, diagnostic, hint ?? null)}`;
}

/** Script text is other people's data: nothing in it may move the cursor or change colours of the terminal. */
function printable(text: string): string {
  return text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
}
