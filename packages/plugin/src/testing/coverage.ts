import { Engine, type Statement, walk } from "@blockvisor/rhai";
import type { PluginFiles } from "../plugin.ts";
import type { Covered } from "../worker/covered.ts";
import { SCRIPT_LIMITS } from "../worker/limits.ts";

/** Of one file: lines on which a statement begins, and those of them that never ran. */
export interface FileCoverage {
  readonly file: string;
  readonly lines: number;
  readonly missed: readonly number[];
}

/** What of a plugin ran in any test. */
export class Coverage {
  readonly #ran = new Map<string, Set<number>>();

  add(covered: Covered): void {
    for (const [file, lines] of Object.entries(covered)) {
      const ran = this.#ran.get(file) ?? new Set();
      for (const line of lines) ran.add(line);
      this.#ran.set(file, ran);
    }
  }

  /** Of every file of the plugin, by name. */
  report(files: PluginFiles): readonly FileCoverage[] {
    const engine = new Engine({ limits: SCRIPT_LIMITS });
    return Object.keys(files)
      .sort()
      .map((file) => {
        const lines = linesOf(engine, files[file] ?? "");
        const missed = lines.filter((line) => this.#ran.get(file)?.has(line) !== true);
        return { file, lines: lines.length, missed };
      });
  }
}

function linesOf(engine: Engine, text: string): readonly number[] {
  const { program, source } = engine.compile(text);
  const lines = new Set<number>();
  const add = (statements: readonly Statement[]): void => {
    for (const { kind, start } of statements)
      if (kind !== "Function" && kind !== "Empty") lines.add(source.position(start).line);
  };
  add(program.body);
  walk(program, {
    enter: (node) => {
      if (node.kind === "Block") add(node.body);
      return true;
    },
  });
  return [...lines].sort((a, b) => a - b);
}
