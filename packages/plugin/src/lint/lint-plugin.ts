import { type Diagnostic, sortDiagnostics } from "@blockvisor/image";
import { Engine } from "@blockvisor/rhai";
import type { PluginConfig } from "../config/model.ts";
import { type StubData, StubEngine } from "../engine/stub-engine.ts";
import { defaultInit } from "../init/default-init.ts";
import { noJournal } from "../init/step-journal.ts";
import { type StubTarget, stubNode } from "../inspect/stub-target.ts";
import type { Plugin, PluginFiles } from "../plugin.ts";
import { PluginError } from "../plugin-error.ts";
import { NO_TEMPLATES, type TemplateSource } from "../templates/source.ts";
import { SCRIPT_LIMITS } from "../worker/limits.ts";
import { LoadedPlugin } from "../worker/loaded-plugin.ts";
import { MAIN_FILE } from "../worker/script.ts";
import { PluginWorkers } from "../worker/workers.ts";
import { withoutAllowed } from "./rule-codes.ts";
import { shellSyntaxFindings } from "./shell-syntax.ts";
import { stableJobFindings } from "./stable-jobs.ts";
import { templateFindings } from "./templates.ts";

export interface LintRequest extends StubTarget {
  readonly files: PluginFiles;
  /** Keys of every property of babel.yaml, and those that `--props` adds. */
  readonly properties: readonly string[];
  /** Keys of all variants of babel.yaml; default: they are not known. */
  readonly variants?: readonly string[];
  /** Other values of properties, with each of which the config is looked at, too. */
  readonly alternatives?: readonly Alternative[];
  /** Default: none, and nothing is said about templates. */
  readonly templates?: TemplateSource;
  /** Processes to use; default: one of its own, ended before it returns. */
  readonly workers?: PluginWorkers;
  /** Time one evaluation of the plugin may take; default 20 s. */
  readonly timeoutMs?: number;
}

export interface Alternative {
  readonly key: string;
  readonly value: string;
}

/** More say little, and take time. */
const MOST_ALTERNATIVES = 64;

const EVALUATION_MS = 20_000;

/** Everything the linter says about a plugin for one variant, in the order of the files (spec plugin-api.md §7). Never rejects for what a plugin does. */
export async function lintPlugin(request: LintRequest): Promise<Diagnostic[]> {
  const workers = request.workers ?? new PluginWorkers({ size: 1 });
  try {
    const findings = await collect(workers, request);
    return sortDiagnostics(withoutAllowed(withoutEchoes(unique(findings)), request.files));
  } finally {
    if (!request.workers) await workers.close();
  }
}

async function collect(workers: PluginWorkers, request: LintRequest): Promise<Diagnostic[]> {
  let plugin: Plugin;
  try {
    plugin = await workers.load(request.files);
  } catch (error) {
    return fromError(error, "NIB501");
  }
  if (!(plugin instanceof LoadedPlugin)) return [];
  const findings: Diagnostic[] = [
    ...(await plugin.lint(
      { properties: request.properties, variant: request.image.variant, variants: request.variants ?? [] },
      new StubEngine(stubNode(request)),
    )),
  ];
  const seen: Seen = { config: undefined, engines: [] };
  try {
    findings.push(...(await evaluate(plugin, request, seen)));
  } catch (error) {
    findings.push(...fromError(error, "NIB515"));
  }
  // What fails anyway fails with other values, too.
  if (plugin.hasConfig && seen.config !== undefined)
    findings.push(...(await alternativeFindings(plugin, request, findings)));
  return [...findings, ...(await outsideFindings(request, seen))];
}

/** What evaluating a plugin has shown, as far as it went. */
interface Seen {
  config: PluginConfig | undefined;
  readonly engines: StubEngine[];
}

async function evaluate(plugin: LoadedPlugin, request: LintRequest, seen: Seen): Promise<readonly Diagnostic[]> {
  const { timeoutMs = EVALUATION_MS } = request;
  const engine = new StubEngine(stubNode(request));
  seen.engines.push(engine);
  const findings: Diagnostic[] = [];
  if (plugin.hasConfig) {
    const evaluated = await plugin.inspectConfig(engine, { timeoutMs });
    seen.config = evaluated.config;
    findings.push(...evaluated.findings.map((finding) => finding.diagnostic));
    if (evaluated.findings.some((finding) => finding.level === "error")) return findings;
    if (!plugin.defines("init")) return [...findings, ...(await defaultInitFindings(evaluated.config, request, seen))];
  }
  await plugin.init(engine, { timeoutMs });
  return [...findings, ...stableJobFindings(engine.jobs)];
}

/** What is wrong with the config only when a property has another value than by default. */
async function alternativeFindings(
  plugin: LoadedPlugin,
  request: LintRequest,
  found: readonly Diagnostic[],
): Promise<readonly Diagnostic[]> {
  const { timeoutMs = EVALUATION_MS, alternatives = [] } = request;
  const known = new Set(found.map((finding) => JSON.stringify(finding)));
  const findings: Diagnostic[] = [];
  for (const { key, value } of alternatives.slice(0, MOST_ALTERNATIVES)) {
    const params = { ...request.params, [key]: value };
    for (const finding of await configFindings(plugin, new StubEngine(stubNode({ ...request, params })), timeoutMs)) {
      if (known.has(JSON.stringify(finding))) continue;
      known.add(JSON.stringify(finding));
      findings.push({ ...finding, message: `with ${key} = ${JSON.stringify(value)}: ${finding.message}` });
    }
  }
  return findings;
}

async function configFindings(
  plugin: LoadedPlugin,
  engine: StubEngine,
  timeoutMs: number,
): Promise<readonly Diagnostic[]> {
  try {
    const { findings } = await plugin.inspectConfig(engine, { timeoutMs });
    return findings.map(({ diagnostic }) => diagnostic);
  } catch (error) {
    return fromError(error, "NIB515");
  }
}

/** Default init has to work wherever the data come from. */
const DATA_SOURCES: readonly StubData[] = [{ archive: true }, { archive: false }, { stamp: new Date(0) }];

async function defaultInitFindings(config: PluginConfig, request: LintRequest, seen: Seen): Promise<Diagnostic[]> {
  const findings: Diagnostic[] = [];
  for (const data of DATA_SOURCES) {
    const engine = new StubEngine(stubNode(request), data);
    seen.engines.push(engine);
    const ctx = { deadline: Number.POSITIVE_INFINITY, signal: new AbortController().signal };
    await defaultInit(config, { engine, ctx, onStep: () => {}, journal: noJournal, of: "" });
    findings.push(...stableJobFindings(engine.jobs));
  }
  return findings;
}

/** What the plugin hands to others: to shells, and templates. */
async function outsideFindings(request: LintRequest, { config, engines }: Seen): Promise<readonly Diagnostic[]> {
  const language = new Engine({ limits: SCRIPT_LIMITS });
  const asts = Object.entries(request.files).map(([source, text]) => language.compile(text, { source }));
  const main = asts.find(({ source }) => source.name === MAIN_FILE);
  if (main === undefined) return [];
  const about = {
    asts,
    main,
    config,
    jobs: engines.flatMap(({ jobs }) => jobs),
    ran: engines.flatMap(({ ran }) => ran),
    rendered: engines.flatMap(({ rendered }) => rendered),
  };
  const { env } = stubNode(request);
  return [
    ...(await shellSyntaxFindings(about)),
    ...(await templateFindings(about, request.templates ?? NO_TEMPLATES, env)),
  ];
}

function fromError(error: unknown, code: string): Diagnostic[] {
  if (!(error instanceof PluginError)) throw error;
  if (error.diagnostics.length > 0) return [...error.diagnostics];
  return [{ code, severity: "error", message: error.message, file: "main.rhai" }];
}

/** A script that fails where the checker has already said why. */
function withoutEchoes(findings: readonly Diagnostic[]): Diagnostic[] {
  const line = ({ file, range }: Diagnostic): string => `${file}:${range?.start.line}`;
  const explained = new Set(findings.filter((one) => one.severity === "error" && one.code !== "NIB510").map(line));
  return findings.filter((one) => one.code !== "NIB510" || !one.range || !explained.has(line(one)));
}

function unique(findings: readonly Diagnostic[]): Diagnostic[] {
  return [...new Map(findings.map((finding) => [JSON.stringify(finding), finding])).values()];
}
