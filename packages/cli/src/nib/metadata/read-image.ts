import {
  type Diagnostic,
  type EffectiveVariant,
  effectiveVariant,
  type Image,
  nodeProperties,
  type ParsedImage,
  parseImage,
  pickVariant,
} from "@blockvisor/image";
import { Failure } from "../../failure/failure.ts";
import { readText } from "../../files/read-text.ts";
import type { Output } from "../../output/output.ts";
import { diagnosticData, diagnosticText } from "./diagnostics.ts";

/** A `babel.yaml` that could be parsed; its meaning is not judged yet. */
export interface ImageFile {
  readonly path: string;
  readonly parsed: ParsedImage;
  readonly image: Image;
}

/** Reads and parses only: what `container-uri`, `play` and `upgrade` ask of the file (nib-and-images §3.11). */
export function readImage(path: string): ImageFile {
  const parsed = parseImageFile(path);
  if (parsed.value) return { path, parsed, image: parsed.value };
  throw invalidMetadata(path, parsed.diagnostics, { [path]: parsed.source.text });
}

/** Parses and keeps the findings, for commands that show them all. */
export function parseImageFile(path: string): ParsedImage {
  return parseImage(readText(path, "make one with `nib image create`, or name it with --path"), path);
}

export function invalidMetadata(
  path: string,
  diagnostics: readonly Diagnostic[],
  sources: Readonly<Record<string, string>>,
): Failure {
  const errors = diagnostics.filter(({ severity }) => severity === "error");
  return new Failure(
    "invalid-metadata",
    `${path} has ${errors.length === 1 ? "an error" : `${errors.length} errors`}`,
    {
      excerpt: diagnosticText(errors, sources),
      data: { diagnostics: errors.map(diagnosticData) },
      hint: "correct it and try again; `nib image check --lint-only` checks everything",
      ...(errors[0]?.range && {
        at: { file: path, line: errors[0].range.start.line, column: errors[0].range.start.column },
      }),
    },
  );
}

/** The variant a command works on (§5.1), with the image's values applied. */
export function chooseVariant(file: ImageFile, key: string | undefined): EffectiveVariant {
  const picked = pickVariant(file.image, key);
  if (picked.kind === "picked") return effectiveVariant(file.image, picked.variant);
  throw new Failure(picked.kind === "ambiguous" ? "variant-ambiguous" : "variant-unknown", picked.message, {
    hint: picked.help,
    at: { file: file.path },
  });
}

interface PropsOptions {
  readonly props?: string;
}

/**
 * Default values overridden by `--props` (§5.2). Values that no property allows are errors; unknown keys are warnings, since a
 * node may be given more than its image declares.
 */
export function chooseProperties(
  out: Output,
  variant: EffectiveVariant,
  { props }: PropsOptions,
): Readonly<Record<string, string>> {
  const { values, problems } = nodeProperties(variant, propsText(props));
  for (const { kind, message, help } of problems) {
    if (kind !== "unknown") throw new Failure("invalid-properties", `--props: ${message}`, { hint: help });
    out.warn({ code: "NIB233", message: `--props: ${message}; ${help}` });
  }
  return values;
}

/** The values of `--props` alone, for a plugin without a babel.yaml. */
export function givenProperties({ props }: PropsOptions): Readonly<Record<string, string>> {
  const { values, problems } = nodeProperties({ properties: [] }, propsText(props));
  const wrong = problems.find(({ kind }) => kind !== "unknown");
  if (wrong) throw new Failure("invalid-properties", `--props: ${wrong.message}`, { hint: wrong.help });
  return values;
}

function propsText(props: string | undefined): string | undefined {
  return props?.startsWith("@") ? readText(props.slice(1), "--props @FILE reads the values from a file") : props;
}
