type DependencyKind = "needs" | "wait_for";
export type Dependency = { readonly name: string; readonly kind: DependencyKind };

/** What dependents see of a job. */
export type Standing =
  | { readonly kind: "active" }
  /** It runs, and its check says that it does what it is for. */
  | { readonly kind: "ready" }
  | { readonly kind: "stopped" }
  | { readonly kind: "finished"; readonly exitCode: number | null; readonly message: string };

export type Readiness =
  | { readonly kind: "ready" }
  | { readonly kind: "waiting"; readonly for: readonly string[] }
  | { readonly kind: "blocked"; readonly message: string };

type Dependent = { readonly needs?: readonly string[] | null; readonly wait_for?: readonly string[] | null };

export const dependenciesOf = (config: Dependent): readonly Dependency[] => [
  ...(config.needs ?? []).map((name) => ({ name, kind: "needs" as const })),
  ...(config.wait_for ?? []).map((name) => ({ name, kind: "wait_for" as const })),
];

/** Whether a pending job may start, has to wait, or never can. (§3.6 dependency rules) */
export function readiness(
  name: string,
  dependencies: readonly Dependency[],
  standingOf: (name: string) => Standing | undefined,
): Readiness {
  const open: string[] = [];
  for (const dependency of dependencies) {
    const verb = dependency.kind === "needs" ? "needs" : "waits for";
    const standing = standingOf(dependency.name);
    if (standing === undefined) {
      return { kind: "blocked", message: `job '${name}' ${verb} '${dependency.name}', but it is not defined` };
    }
    if (standing.kind === "active") {
      if (!open.includes(dependency.name)) open.push(dependency.name);
    } else if (dependency.kind === "needs") {
      const trouble = troubleOf(standing);
      if (trouble) return { kind: "blocked", message: `job '${name}' needs '${dependency.name}', but it ${trouble}` };
    }
  }
  return open.length === 0 ? { kind: "ready" } : { kind: "waiting", for: open };
}

function troubleOf(standing: Standing): string | undefined {
  if (standing.kind === "stopped") return "was stopped";
  if (standing.kind === "finished" && standing.exitCode !== 0) {
    return `failed with ${standing.exitCode ?? "None"} - ${standing.message}`;
  }
  return undefined;
}

export type Edges = (name: string) => readonly Dependency[] | undefined;

export type Defect =
  | { readonly kind: "cycle"; readonly path: readonly string[] }
  | { readonly kind: "unknown"; readonly path: readonly string[] };

/** A cycle, or a name that nobody defined, reachable from a job; with the path that leads there. (D3-12) */
export function defectOf(start: string, edges: Edges): Defect | undefined {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (name: string): Defect | undefined => {
    const from = path.indexOf(name);
    if (from >= 0) return { kind: "cycle", path: [...path.slice(from), name] };
    if (done.has(name)) return undefined;
    const dependencies = edges(name);
    if (dependencies === undefined) return { kind: "unknown", path: [...path, name] };
    path.push(name);
    for (const dependency of dependencies) {
      const defect = visit(dependency.name);
      if (defect) return defect;
    }
    path.pop();
    done.add(name);
    return undefined;
  };
  return visit(start);
}

/** Names with dependencies before dependents; members of a cycle in the order they are met. */
export function inOrder(names: readonly string[], edges: Edges): readonly string[] {
  const ordered = new Set<string>();
  const visiting = new Set<string>();
  const visit = (name: string): void => {
    if (ordered.has(name) || visiting.has(name)) return;
    visiting.add(name);
    for (const dependency of edges(name) ?? []) visit(dependency.name);
    if (names.includes(name)) ordered.add(name);
  };
  for (const name of names) visit(name);
  return [...ordered];
}

/** For each of `names`, those of `names` that depend on it, directly or through others: they have to stop first. */
export function dependentsAmong(names: readonly string[], edges: Edges): ReadonlyMap<string, ReadonlySet<string>> {
  const dependents = new Map(names.map((name) => [name, new Set<string>()]));
  const position = new Map(inOrder(names, edges).map((name, index) => [name, index]));
  for (const name of names) {
    const seen = new Set<string>();
    const queue = [name];
    for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
      for (const { name: next } of edges(at) ?? []) {
        if (seen.has(next)) continue;
        seen.add(next);
        queue.push(next);
        // A cycle has no order of its own; the one of `inOrder` keeps two jobs from waiting for each other.
        if (next !== name && position.get(next)! < position.get(name)!) dependents.get(next)?.add(name);
      }
    }
  }
  return dependents;
}

/** Time a stop in reverse order may take: the longest chain of jobs that have to stop after one another. (D1-08) */
export function longestChain(names: readonly string[], edges: Edges, timeOf: (name: string) => number): number {
  const dependents = dependentsAmong(names, edges);
  const known = new Map<string, number>();
  const chain = (name: string): number => {
    const cached = known.get(name);
    if (cached !== undefined) return cached;
    const before = Math.max(0, ...[...dependents.get(name)!].map(chain));
    known.set(name, before + timeOf(name));
    return before + timeOf(name);
  };
  return Math.max(0, ...names.map(chain));
}
