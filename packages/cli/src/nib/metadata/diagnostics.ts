import { type Diagnostic, diagnosticJson, renderDiagnostics } from "@blockvisor/image";

/** Findings with their code frames. `sources` maps file names, as the findings have them, to texts. */
export function diagnosticText(
  diagnostics: readonly Diagnostic[],
  sources: Readonly<Record<string, string>>,
  color = false,
): string {
  return renderDiagnostics(diagnostics, { sources, color });
}

export const diagnosticData = diagnosticJson;
