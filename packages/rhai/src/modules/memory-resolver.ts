import type { ImporterInfo, ModuleResolver, ResolvedModule } from "./resolver.ts";

/** Modules from a table of texts; relative paths start at the importing module. Keys are paths without extension. */
export class MemoryResolver implements ModuleResolver {
  private readonly modules: ReadonlyMap<string, string>;

  constructor(modules: Readonly<Record<string, string>> | ReadonlyMap<string, string>) {
    const entries = modules instanceof Map ? [...modules] : Object.entries(modules);
    this.modules = new Map(entries.map(([path, text]) => [withoutExtension(normalize(path)), text]));
  }

  resolve(path: string, _importer: ImporterInfo): ResolvedModule | null {
    const id = withoutExtension(normalize(path));
    const text = this.modules.get(id);
    return text === undefined ? null : { id, text };
  }
}

/** Takes out `.` and resolves `..` inside a path; what leads out of the top stays out. */
function normalize(path: string): string {
  const parts: string[] = [];
  for (const part of path.replaceAll("\\", "/").split("/")) {
    if (part === "" || part === ".") continue;
    if (part === ".." && parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else parts.push(part);
  }
  return (path.startsWith("/") ? "/" : "") + parts.join("/");
}

/** A dot in the last segment starts an extension, which does not matter. */
function withoutExtension(path: string): string {
  return path.replace(/(?<=[^/])\.[^./]*$/, "");
}
