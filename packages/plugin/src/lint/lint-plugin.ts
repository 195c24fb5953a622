import { type Diagnostic, sortDiagnostics } from "@blockvisor/image";
import type { PluginConfig } from "../config/model.ts";
import { type StubData, StubEngine } from "../engine/stub-engine.ts";
import { defaultInit } from "../init/default-init.ts";
import { type StubTarget, stubNode } from "../inspect/stub-target.ts";
import type { Plugin, PluginFiles } from "../plugin.ts";
import { PluginError } from "../plugin-error.ts";
import { LoadedPlugin } from "../worker/loaded-plugin.ts";
import { PluginWorkers } from "../worker/workers.ts";
import { withoutAllowed } from "./rule-codes.ts";
import { stableJobFindings } from "./stable-jobs.ts";

export interface LintRequest extends StubTarget {
  readonly files: PluginFiles;
  /** Keys of every property of babel.yaml, and those that `--props` adds. */
  readonly properties: readonly string[];
  /** Processes to use; default: one of its own, ended before it returns. */
  readonly workers?: PluginWorkers;
  /** Time one evaluation of the plugin may take; default 20 s. */
  readonly timeoutMs?: number;
}

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
  const engine = new StubEngine(stubNode(request));
  const { timeoutMs = EVALUATION_MS } = request;
  const findings: Diagnostic[] = [
    ...(await plugin.lint({ properties: request.properties, variant: request.image.variant }, engine)),
  ];
  try {
    if (plugin.hasConfig) {
      const evaluated = await plugin.inspectConfig(engine, { timeoutMs });
      findings.push(...evaluated.findings.map((finding) => finding.diagnostic));
      if (evaluated.findings.some((finding) => finding.level === "error")) return findings;
      if (!plugin.defines("init")) return [...findings, ...(await defaultInitFindings(evaluated.config, request))];
    }
    await plugin.init(engine, { timeoutMs });
    findings.push(...stableJobFindings(engine.jobs));
  } catch (error) {
    findings.push(...fromError(error, "NIB515"));
  }
  return findings;
}

/** Default init has to work wherever the data come from. */
const DATA_SOURCES: readonly StubData[] = [{ archive: true }, { archive: false }, { stamp: new Date(0) }];

async function defaultInitFindings(config: PluginConfig, request: LintRequest): Promise<Diagnostic[]> {
  const findings: Diagnostic[] = [];
  for (const data of DATA_SOURCES) {
    const engine = new StubEngine(stubNode(request), data);
    const ctx = { deadline: Number.POSITIVE_INFINITY, signal: new AbortController().signal };
    await defaultInit(config, { engine, ctx, onStep: () => {} });
    findings.push(...stableJobFindings(engine.jobs));
  }
  return findings;
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
