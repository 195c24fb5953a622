import { dirname, join } from "node:path";
import {
  type Diagnostic,
  diagnosticJson,
  type EffectiveVariant,
  githubCommands,
  sarifLog,
  validateImage,
} from "@blockvisor/image";
import type { PluginFiles, TemplateSource } from "@blockvisor/plugin";
import type { Call } from "../../../command/verb.ts";
import { failureCode, failureExit } from "../../../failure/codes.ts";
import { Failure } from "../../../failure/failure.ts";
import type { Output } from "../../../output/output.ts";
import { suiteVersion } from "../../../version.ts";
import { diagnosticText } from "../../metadata/diagnostics.ts";
import { givenSecrets } from "../../metadata/given-secrets.ts";
import { warnAboutOpenRules } from "../../metadata/open-rules.ts";
import { chooseProperties, chooseVariant, type ImageFile, readImage } from "../../metadata/read-image.ts";
import { type CheckOutcome, measured, passed, skipped } from "./outcome.ts";
import type { PluginCheck } from "./plugin-check.ts";
import type { NodeRun } from "./run-node.ts";
import type { CheckName, CheckOptions } from "./verb.ts";

interface PluginSource {
  readonly files: PluginFiles;
  /** Where the user finds a file of the plugin. */
  readonly place: (file: string) => string;
  /** Places → texts. */
  readonly sources: Readonly<Record<string, string>>;
  readonly templates: TemplateSource;
}

/** What is checked, once for all variants. */
interface Subject {
  readonly file: ImageFile;
  readonly plugin: PluginSource;
  readonly linter: PluginCheck;
  readonly sources: Readonly<Record<string, string>>;
}

const defaultChecks: readonly CheckName[] = ["plugin", "jobs-status"];

interface VariantOutcome {
  readonly key: string;
  readonly checks: readonly CheckOutcome[];
  readonly node?: NodeRun["node"];
}

/** `nib image check` (nib-and-images §5.6): metadata, then the plugin, then, where asked for, a node. */
export async function checkImage({
  out,
  args,
  options,
  signal,
}: Call<CheckOptions, [readonly CheckName[]]>): Promise<void> {
  const checks = chosenChecks(args[0], options);
  if (options.report !== "pretty") out.report();
  out.line(`Reading ${options.path}`);
  const file = readImage(options.path);
  const all = options.allVariants || (options.variant === undefined && checks.every((name) => name === "plugin"));
  const variants = all
    ? file.image.variants.map(({ key }) => chooseVariant(file, key))
    : [chooseVariant(file, options.variant)];
  await using opened = new AsyncDisposableStack();
  const plugin = await readPlugin(out, variants, options, signal, opened);
  const { PluginCheck } = await import("./plugin-check.ts");
  await using linter = new PluginCheck(
    plugin.files,
    plugin.templates,
    givenSecrets(options.secret),
    file.image.variants.map(({ key }) => key),
  );
  const subject: Subject = {
    file,
    linter,
    sources: { [options.path]: file.parsed.source.text, ...plugin.sources },
    plugin,
  };
  const outcomes: VariantOutcome[] = [];
  for (const variant of variants) {
    if (variants.length > 1) out.line(`Variant ${variant.variantKey}`);
    outcomes.push(await checkVariant(out, subject, variant, checks, options, signal));
  }
  report(out, outcomes, options);
}

function chosenChecks(named: readonly CheckName[], options: CheckOptions): readonly CheckName[] {
  const lintOnly = options.lintOnly ?? options.lint ?? false;
  const checks = [...new Set(named)];
  if (lintOnly && checks.some((name) => name !== "plugin")) {
    throw new Failure("usage", "--lint-only is the check 'plugin' alone", {
      hint: "leave out either it or the other checks",
    });
  }
  if (options.allVariants && options.variant !== undefined)
    throw new Failure("usage", "give either --variant or --all-variants");
  if (lintOnly) return ["plugin"];
  return checks.length > 0 ? checks : defaultChecks;
}

/** All variants share the container, so it is read once. */
async function readPlugin(
  out: Output,
  variants: readonly EffectiveVariant[],
  options: CheckOptions,
  signal: AbortSignal,
  opened: AsyncDisposableStack,
): Promise<PluginSource> {
  const { pluginDir } = options;
  if (pluginDir !== undefined) {
    const files = (await import("../../plugin-files/from-directory.ts")).pluginFilesFromDirectory(pluginDir);
    const place = (file: string) => join(pluginDir, file);
    const named = Object.entries(files).map(([file, text]) => [place(file), text]);
    const { templatesInDirectories } = await import("../../plugin-files/templates-in-directory.ts");
    const templates = templatesInDirectories([...new Set([pluginDir, dirname(options.path)])]);
    return { files, place, sources: Object.fromEntries(named), templates };
  }
  const { openPluginImage } = await import("../../plugin-files/from-image.ts");
  const image = opened.use(await openPluginImage(out, variants[0]?.containerUri ?? "", options.path, signal));
  return { files: image.plugin, place: (file) => file, sources: image.plugin, templates: image.templates };
}

async function checkVariant(
  out: Output,
  { file, linter, plugin: { files, place }, sources }: Subject,
  variant: EffectiveVariant,
  checks: readonly CheckName[],
  options: CheckOptions,
  signal: AbortSignal,
): Promise<VariantOutcome> {
  const strict = options.strict ?? false;
  const key = variant.variantKey;
  const properties = chooseProperties(out, variant, options);
  out.line(`Validating ${options.path}`);
  const metadata = await measured("metadata", strict, () => validateImage(file.parsed, { variant: key }));
  warnAboutOpenRules(out, variant, options.path);
  show(out, metadata, sources);
  out.line("Checking plugin");
  const plugin = await measured("plugin", strict, async () => {
    const findings = await linter.lint(variant, properties);
    return findings.map((finding) => {
      if (finding.file === undefined) return inMetadata(finding, file, key);
      return finding.file in files ? { ...finding, file: place(finding.file) } : finding;
    });
  });
  show(out, plugin, { ...sources, ...linter.templateTexts });
  const still = checks.filter((name) => name !== "plugin");
  const first = [metadata, plugin];
  if (still.length === 0) return { key, checks: first };
  if (!passed(first)) return { key, checks: [...first, ...still.map(skipped)] };
  const { runNode } = await import("./run-node.ts");
  const { outcomes, node } = await runNode(out, variant, properties, still, options, signal);
  for (const outcome of outcomes) show(out, outcome, sources);
  return { key, checks: [...first, ...outcomes], node };
}

/** The linter names a property of babel.yaml, here is where it stands. */
function inMetadata(finding: Diagnostic, { path, parsed, image }: ImageFile, variantKey: string): Diagnostic {
  const key = finding.path?.match(/^properties\.(.+)$/)?.[1];
  const index = image.variants.findIndex((variant) => variant.key === variantKey);
  const own = image.variants[index]?.properties;
  const position = (own ?? image.properties).findIndex((property) => property.key === key);
  if (position === -1) return finding;
  const at = `${own ? `variants[${index}].` : ""}properties[${position}].key`;
  return { ...finding, path: at, file: path, range: parsed.rangeAt(at) };
}

function show(out: Output, { diagnostics }: CheckOutcome, sources: Readonly<Record<string, string>>): void {
  if (diagnostics.length === 0) return;
  out.line();
  out.line(diagnosticText(diagnostics, sources, out.paint("red", "") !== ""));
  out.line();
}

function report(out: Output, outcomes: readonly VariantOutcome[], options: CheckOptions): void {
  const all = outcomes.flatMap(({ checks }) => checks);
  const success = passed(all);
  if (success) out.line(out.paint("green", "All checks passed!"));
  const findings = all.flatMap(({ diagnostics }) => diagnostics);
  writeReport(out, findings, options);
  const message = success ? "" : `check failed: ${counted(findings, options.strict ?? false)}`;
  const data = {
    variants: outcomes.map(({ key, checks, node }) => ({
      key,
      checks: checks.map(({ diagnostics, ...check }) => ({ ...check, diagnostics: diagnostics.map(diagnosticJson) })),
      ...(node && { node }),
    })),
  };
  if (success) out.document(data);
  else if (out.format === "json") {
    out.document(data, { error: { code: failureCode(out.program, "check-failed"), message } });
    out.complain(`Error: ${message} (${failureCode(out.program, "check-failed")})`);
    process.exitCode = failureExit(out.program, "check-failed");
  } else throw new Failure("check-failed", message, { hint: "correct what is shown above and check again" });
}

function writeReport(out: Output, findings: readonly Diagnostic[], { report, path }: CheckOptions): void {
  if (report === "sarif") {
    const log = sarifLog(findings, { name: out.program, version: suiteVersion, fallback: path });
    out.raw(`${JSON.stringify(log, undefined, 2)}\n`);
  } else if (report === "github") out.raw(githubCommands(findings));
}

function counted(findings: readonly Diagnostic[], strict: boolean): string {
  const errors = findings.filter(({ severity }) => severity === "error").length;
  const warnings = findings.length - errors;
  const parts = [errors > 0 && `${errors} error${errors === 1 ? "" : "s"}`];
  if (strict || errors === 0) parts.push(warnings > 0 && `${warnings} warning${warnings === 1 ? "" : "s"}`);
  return parts.filter(Boolean).join(", ");
}
