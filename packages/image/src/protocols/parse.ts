import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { type Parsed, parseYaml } from "../yaml/parse.ts";
import type { Protocol } from "./model.ts";
import { protocolsShape } from "./shape.ts";

export type ParsedProtocols = Parsed<readonly Protocol[]>;

/** Decodes `protocols.yaml`; an empty file is an empty list. */
export function parseProtocols(text: string, file = "protocols.yaml"): ParsedProtocols {
  return parseYaml(file, text, protocolsShape, []);
}

/** All findings about the whole file, so that nothing is pushed when one entry is wrong. */
export function validateProtocols(parsed: ParsedProtocols): Diagnostic[] {
  const findings: Diagnostic[] = [...parsed.diagnostics];
  const seen = new Set<string>();
  (parsed.draft ?? []).forEach((protocol, index) => {
    const path = `[${index}].key`;
    if (parsed.isBroken(path)) return;
    const finding = (code: string, message: string, help: string): void => {
      findings.push({
        code,
        severity: "error",
        message,
        file: parsed.source.file,
        range: parsed.rangeAt(path),
        path,
        help,
      });
    };
    if (/[^a-z0-9-]/.test(protocol.key)) {
      finding("NIB203", `protocol key "${protocol.key}" may only hold a-z, 0-9 and -`, "use lower-kebab-case");
    } else if (protocol.key.length < 3) {
      finding("NIB204", `protocol key "${protocol.key}" needs at least 3 characters`, "choose a longer key");
    }
    if (seen.has(protocol.key))
      finding("NIB206", `protocol key "${protocol.key}" is used twice`, "keys must be unique");
    seen.add(protocol.key);
  });
  return findings;
}
