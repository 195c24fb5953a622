import type { Output } from "../output/output.ts";
import { failureCode, failureExit } from "./codes.ts";
import { Failure, reason } from "./failure.ts";
import { foreignFailure } from "./foreign.ts";

/** Prints a failure, in the one form every command has, and gives the exit code for it. */
export function renderFailure(error: unknown, out: Output): number {
  const failure = error instanceof Failure ? error : (foreignFailure(error) ?? unexpected(error));
  const code = failureCode(out.program, failure.kind);
  const { hint, causes = [], candidates = [], excerpt, at, data } = failure.details;
  if (out.format === "json") {
    const lists = { ...(causes.length > 0 && { causes }), ...(candidates.length > 0 && { candidates }) };
    out.failure({ code, message: failure.message, hint, ...lists, ...at, data });
  }
  if (out.format === "text" || out.program === "nib") {
    const paint = out.errorPaint;
    const lines = [`${paint("red", "Error:")} ${failure.message} ${paint("dim", `(${code})`)}`];
    for (const cause of causes) lines.push(`  ${paint("dim", "cause:")} ${cause}`);
    if (failure.kind === "node-ambiguous") lines.push(...candidates.map((candidate) => `  could be: ${candidate}`));
    if (excerpt)
      lines.push(
        "",
        ...excerpt
          .trimEnd()
          .split("\n")
          .map((line) => `  ${line}`),
        "",
      );
    if (hint) lines.push(`  ${paint("cyan", "next:")}  ${hint}`);
    out.complain(lines.join("\n"));
  }
  if (error instanceof Error && !(error instanceof Failure)) out.note(2, error.stack ?? error.message);
  return failureExit(out.program, failure.kind);
}

function unexpected(error: unknown): Failure {
  return new Failure("internal", `something went wrong that this program did not foresee: ${reason(error)}`, {
    hint: "run it again with -vv and report what it prints",
  });
}
