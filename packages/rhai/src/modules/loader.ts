import { buildUnit, compileMain } from "../compile/build-unit.ts";
import { newFrame } from "../compile/exec.ts";
import { withState } from "../compile/invoke.ts";
import { type Unit, UnitState } from "../compile/unit.ts";
import { Source } from "../errors/position.ts";
import { RhaiError } from "../errors/rhai-error.ts";
import { moduleNotFound } from "../errors/throwing.ts";
import type { ParseOptions } from "../parse/options.ts";
import { parse } from "../parse/parse.ts";
import type { ModuleResolver } from "./resolver.ts";

/** Loads each module once: parsed by text, run by identity, cycles reported with their path. */
export class ModuleLoader {
  private readonly options: ParseOptions;
  private readonly resolver: ModuleResolver | null;
  private readonly limit: number;
  private readonly units = new Map<string, Unit>();
  private readonly loaded = new Map<string, UnitState>();
  private readonly loading: { readonly id: string; readonly path: string }[] = [];

  constructor(options: ParseOptions, resolver: ModuleResolver | null, limit: number) {
    this.options = options;
    this.resolver = resolver;
    this.limit = limit;
  }

  clear(): void {
    this.loaded.clear();
  }

  load(path: string, importer: UnitState): UnitState {
    const resolved = this.resolver?.resolve(path, { id: importer.id }) ?? null;
    if (resolved === null) throw moduleNotFound(path);
    const done = this.loaded.get(resolved.id);
    if (done !== undefined) return done;
    const at = this.loading.findIndex((entry) => entry.id === resolved.id);
    if (at >= 0) throw moduleNotFound([...this.loading.slice(at).map((entry) => entry.path), path].join(" → "));
    if (this.limit > 0 && this.loaded.size + this.loading.length >= this.limit) {
      throw new RhaiError("ErrorTooManyModules", "Too many modules imported");
    }
    this.loading.push({ id: resolved.id, path });
    try {
      const state = new UnitState(this.unit(resolved.id, resolved.text, path), path, resolved.id);
      state.unit.state = state;
      run(state);
      this.loaded.set(resolved.id, state);
      return state;
    } finally {
      this.loading.pop();
    }
  }

  private unit(id: string, text: string, path: string): Unit {
    const known = this.units.get(id);
    if (known !== undefined && known.source.text === text) return known;
    const source = new Source(text, path);
    const unit = buildUnit(source, parse(source, this.options));
    this.units.set(id, unit);
    return unit;
  }
}

/** Runs the top-level statements of a module; what they export stays in its state. */
function run(state: UnitState): void {
  const main = compileMain(state.unit);
  const frame = newFrame(main.size, undefined);
  withState(state, () => main.exec(frame));
}
