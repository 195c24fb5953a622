import type { Diagnostic } from "@blockvisor/image";
import type { Source } from "@blockvisor/rhai";

/** A part of a script, as a diagnostic names it. */
export function placeOf(
  source: Source,
  { start, end }: { readonly start: number; readonly end: number },
): Pick<Diagnostic, "file"> & Required<Pick<Diagnostic, "range">> {
  const [from, to] = [source.position(start), source.position(end)];
  return {
    file: source.name,
    range: { start: { line: from.line, column: from.column }, end: { line: to.line, column: to.column } },
  };
}
