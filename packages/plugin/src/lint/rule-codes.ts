import type { Diagnostic } from "@blockvisor/image";
import type { Diagnostic as ScriptFinding, Source } from "@blockvisor/rhai";

/** Codes of what the language's own checker finds; everything else is NIB513. */
const CODES: Readonly<Record<string, string>> = {
  "unknown-function": "NIB506",
  "wrong-arity": "NIB506",
  "undefined-variable": "NIB511",
  "unknown-module": "NIB512",
  "unknown-export": "NIB512",
  "import-cycle": "NIB512",
};

const OTHER = "NIB513";

/** A finding of the language's checker or parser as the platform reports it. */
export function fromScriptFinding(
  finding: ScriptFinding,
  source: Source,
  code = CODES[finding.code] ?? OTHER,
): Diagnostic {
  const place = (offset: number) => {
    const { line, column } = source.position(offset);
    return { line, column };
  };
  return {
    code,
    severity: finding.severity,
    message: finding.message,
    file: source.name,
    range: { start: place(finding.start), end: place(finding.end) },
    ...(finding.hint !== undefined && { help: finding.hint }),
  };
}

/** Spelling of codes in `// nib:allow` comments. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  NIB302: ["variant-missing"],
  NIB305: ["template", "template-missing"],
  NIB502: ["property-undefined"],
  NIB503: ["property-unused"],
  NIB504: ["status-missing"],
  NIB505: ["config"],
  NIB506: ["undefined-fn", "unknown-function", "arity", "wrong-arity", "task-fn"],
  NIB507: ["cron"],
  NIB508: ["needs"],
  NIB511: ["undefined-var", "undefined-variable", "unknown-const"],
  NIB512: ["import"],
  NIB514: ["status-shape"],
  NIB517: ["shell-injection"],
  NIB518: ["health-constant"],
  NIB519: ["top-level-effects"],
  NIB520: ["secret-key"],
  NIB521: ["try-value"],
  NIB522: ["template"],
  NIB523: ["shell-syntax"],
  NIB524: ["result-type"],
  NIB525: ["variant-missing"],
};

/** Drops findings that `// nib:allow ID` on their line or the line above silences; ID is a code or one of its names. */
export function withoutAllowed(
  findings: readonly Diagnostic[],
  sources: Readonly<Record<string, string>>,
): Diagnostic[] {
  return findings.filter(({ code, file, range }) => {
    const text = file === undefined ? undefined : sources[file];
    if (!range || text === undefined || code === "NIB501") return true;
    const lines = text.split("\n");
    const { line } = range.start;
    return ![lines[line - 1], lines[line - 2]].some((one) => allows(one, code));
  });
}

function allows(line: string | undefined, code: string): boolean {
  const ids = /\/\/\s*nib:allow\s+([\w-]+(?:[\s,]+[\w-]+)*)/.exec(line ?? "")?.[1]?.split(/[\s,]+/) ?? [];
  return ids.some((id) => id === code || NAMES[code]?.includes(id));
}
