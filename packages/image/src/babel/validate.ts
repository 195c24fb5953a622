import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { sortDiagnostics } from "../diagnostics/render.ts";
import { withoutIgnored } from "../yaml/ignore.ts";
import type { ParsedImage } from "./parse.ts";
import { archivePointers } from "./rules/archive-pointers.ts";
import { firewall } from "./rules/firewall.ts";
import { metadata } from "./rules/metadata.ts";
import { names } from "./rules/names.ts";
import { propertyDefaults } from "./rules/property-defaults.ts";
import { publication } from "./rules/publication.ts";
import { containerUri, skuCode, version } from "./rules/release.ts";
import { resources } from "./rules/resources.ts";
import type { Rule, RuleContext } from "./rules/rule.ts";

const RULES: readonly Rule[] = [
  version,
  containerUri,
  skuCode,
  names,
  propertyDefaults,
  archivePointers,
  firewall,
  resources,
  metadata,
];

export interface ValidateOptions {
  /** Only this variant; default all. */
  readonly variant?: string;
  /** `push` also asks whether other machines can use the image. */
  readonly purpose?: "check" | "push";
}

/** Every finding about the file: syntax, types and meaning, in the order of the file (spec nib-and-images.md §3.11, §9.3). */
export function validateImage(parsed: ParsedImage, options: ValidateOptions = {}): Diagnostic[] {
  const { draft: image, source } = parsed;
  const findings: Diagnostic[] = [...parsed.diagnostics];
  if (image) {
    const variants = image.variants
      .map((variant, index) => ({ variant, index }))
      .filter(({ variant }) => options.variant === undefined || variant.key === options.variant);
    const context: RuleContext = {
      image,
      variants,
      isBroken: parsed.isBroken,
      report({ replace, severity = "error", ...finding }) {
        if (parsed.isBroken(finding.path)) return;
        const range = parsed.rangeAt(finding.path);
        findings.push({
          severity,
          ...finding,
          file: source.file,
          range,
          ...(replace !== undefined && { fix: { title: `Change to ${replace}`, range, text: replace } }),
        });
      },
    };
    for (const rule of options.purpose === "push" ? [...RULES, publication] : RULES) rule(context);
  }
  return sortDiagnostics(withoutIgnored(findings, source));
}
