import { spawn } from "node:child_process";
import { once } from "node:events";
import { realpathSync } from "node:fs";
import { basename, join } from "node:path";
import type { Diagnostic } from "@blockvisor/image";
import { type Ast, unparen, walk } from "@blockvisor/rhai";
import type { PluginConfig } from "../config/model.ts";
import type { PlannedJob } from "../config/plan.ts";
import { locateInConfig } from "./locate.ts";
import { placeOf } from "./place.ts";

type Place = Pick<Diagnostic, "file" | "range">;

export interface ShellTexts {
  readonly asts: readonly Ast[];
  readonly main: Ast;
  /** As it was evaluated. */
  readonly config: PluginConfig | undefined;
  /** What `init` made. */
  readonly jobs: readonly PlannedJob[];
  /** What `init` ran. */
  readonly ran: readonly string[];
}

const PARSE_MS = 5_000;
const MOST_TEXTS = 500;

/**
 * NIB523: a text for a shell that a shell does not parse. `sh -n` of this machine reads it and runs nothing; without a shell nothing is
 * said. A warning, as the shell of the image may be another (spec plugin-api.md §7.4).
 */
export async function shellSyntaxFindings(
  texts: ShellTexts,
  path = process.env["PATH"] ?? "",
): Promise<readonly Diagnostic[]> {
  const shell = shellIn(path);
  if (shell === undefined) return [];
  const findings: Diagnostic[] = [];
  for (const [text, place] of [...placesOf(texts)].slice(0, MOST_TEXTS)) {
    const fault = await parseFault(shell, text);
    if (fault === undefined) continue;
    findings.push({
      code: "NIB523",
      severity: "warning",
      message: `a shell cannot read this: ${fault}`,
      ...place,
      help: `${basename(shell)} -n of this machine says so; nothing was run`,
    });
  }
  return findings;
}

function shellIn(path: string): string | undefined {
  for (const folder of path.split(":").filter((each) => each.startsWith("/"))) {
    try {
      return realpathSync(join(folder, "sh"));
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

/** Each text once, with the first place that has it. */
function placesOf({ asts, main, config, jobs, ran }: ShellTexts): ReadonlyMap<string, Place> {
  const places = new Map<string, Place>();
  const add = (text: string, place: Place): void => {
    if (!places.has(text)) places.set(text, place);
  };
  for (const { text, path } of textsIn(config)) {
    const range = locateInConfig(main, path);
    add(text, { file: main.source.name, ...(range && { range }) });
  }
  for (const ast of asts) for (const { text, place } of literalsIn(ast)) add(text, place);
  for (const { config: job } of jobs)
    if ("run_sh" in job.job_type) add(job.job_type.run_sh, { file: main.source.name });
  for (const text of ran) add(text, { file: main.source.name });
  return places;
}

/** Everything in a config that a shell runs. */
function textsIn(config: PluginConfig | undefined): readonly { readonly text: string; readonly path: string }[] {
  if (config === undefined) return [];
  const jobs = (at: string, all: readonly { readonly run_sh: string }[] | null) =>
    (all ?? []).map(({ run_sh: text }, index) => ({ text, path: `${at}[${index}].run_sh` }));
  const actions = (at: "init" | "pre_upload") => {
    const commands = (config[at]?.commands ?? []).map((command, index) =>
      typeof command === "string"
        ? { text: command, path: `${at}.commands[${index}]` }
        : { text: command.run, path: `${at}.commands[${index}].run` },
    );
    return [...commands, ...jobs(`${at}.jobs`, config[at]?.jobs ?? null)];
  };
  const single = (at: "alternative_download" | "cold_init") => {
    const text = config[at]?.run_sh;
    return text === undefined ? [] : [{ text, path: `${at}.run_sh` }];
  };
  return [
    ...jobs("aux_services", config.aux_services),
    ...actions("init"),
    ...single("alternative_download"),
    ...jobs("post_download", config.post_download),
    ...single("cold_init"),
    ...jobs("services", config.services),
    ...actions("pre_upload"),
    ...jobs("post_upload", config.post_upload),
  ];
}

/** Texts of `run_sh(…)` that are written as they are. */
function literalsIn({ program, source }: Ast): readonly { readonly text: string; readonly place: Place }[] {
  const found: { readonly text: string; readonly place: Place }[] = [];
  walk(program, {
    enter(node) {
      const [first] = node.kind === "Call" && node.path.length === 0 && node.name === "run_sh" ? node.args : [];
      const text = first && unparen(first);
      if (text?.kind === "Literal" && typeof text.value === "string")
        found.push({ text: text.value, place: placeOf(source, text) });
      return true;
    },
  });
  return found;
}

/** What a shell has against a text; undefined: nothing. */
async function parseFault(shell: string, text: string): Promise<string | undefined> {
  const child = spawn(shell, ["-n"], {
    argv0: "sh",
    env: { LC_ALL: "C" },
    stdio: ["pipe", "ignore", "pipe"],
    timeout: PARSE_MS,
  });
  // A shell that has seen enough does not read the rest.
  child.stdin.on("error", () => {});
  child.stdin.end(text);
  const said: Buffer[] = [];
  child.stderr.on("data", (chunk: Buffer) => said.push(chunk));
  const [code] = (await once(child, "close")) as [number | null];
  if (code === 0 || code === null) return undefined;
  const [first = ""] = Buffer.concat(said).toString().split("\n");
  return first.replace(/^sh: (?:line )?(?:(\d+): )?/, (_whole, line?: string) => (line ? `line ${line}: ` : ""));
}
