import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { Source } from "./source.ts";

/** Drops findings that a comment `# nib-ignore NIB218` on their line or the line above silences. Errors of syntax stay. */
export function withoutIgnored(findings: readonly Diagnostic[], source: Source): Diagnostic[] {
  return findings.filter((finding) => {
    if (!finding.range || finding.code === "NIB101") return true;
    const { line } = finding.range.start;
    return ![source.line(line), source.line(line - 1)].some((text) => ignoredCodes(text).includes(finding.code));
  });
}

function ignoredCodes(line: string): string[] {
  return /#\s*nib-ignore\s+(NIB\d+(?:[\s,]+NIB\d+)*)/.exec(line)?.[1]?.split(/[\s,]+/) ?? [];
}
