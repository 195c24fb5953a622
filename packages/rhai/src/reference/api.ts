import { readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { type Declaration, declarationsOf } from "./declarations.ts";

/** Folders of the sources in the order readers want them, and what they are called in the reference. */
const CHAPTERS: readonly (readonly [folder: string, title: string])[] = [
  ["engine", "Engine"],
  ["host", "Host functions and types"],
  ["values", "Values"],
  ["convert", "Conversion"],
  ["modules", "Modules"],
  ["node", "Files (`@blockvisor/rhai/node`)"],
  ["errors", "Errors"],
  ["check", "Checker"],
  ["format", "Formatter"],
  ["parse", "Parser"],
  ["ast", "Syntax tree"],
];

/** `docs/api.md`: every public name with its docstring and its type. */
export function apiReference(source: string): string {
  const entries = ["index.ts", "node/index.ts"];
  const declarations = declarationsOf(source, entries);
  const chapters = new Map<string, Declaration[]>();
  for (const entry of entries) {
    for (const { names, file } of exportsOf(source, entry)) {
      const all = declarations.get(file) ?? [];
      const exported = names === null ? all : names.map((name) => find(all, name, file));
      const folder = file.split("/")[0]!;
      if (!chapters.has(folder)) chapters.set(folder, []);
      chapters.get(folder)!.push(...exported);
    }
  }
  const order = [
    ...CHAPTERS,
    ...[...chapters.keys()]
      .filter((folder) => !CHAPTERS.some(([known]) => known === folder))
      .map((folder) => [folder, folder] as const),
  ];
  const parts = order.flatMap(([folder, title]) => {
    const content = chapters.get(folder);
    return content === undefined ? [] : [`## ${title}`, ...content.map(section)];
  });
  return `# API reference\n\n<!-- Generated from the sources by src/reference/main.ts: do not edit. -->\n\n${parts.join("\n\n")}\n`;
}

function section({ name, about, code }: Declaration): string {
  return `### ${name}\n\n${about === "" ? "" : `${about}\n\n`}\`\`\`ts\n${code}\n\`\`\``;
}

function find(all: readonly Declaration[], name: string, file: string): Declaration {
  const found = all.find((declaration) => declaration.name === name);
  if (found === undefined) throw new Error(`${file} does not declare ${name}`);
  return found;
}

/** What an entry file exports: names and the file they come from; null stands for everything. */
function exportsOf(
  source: string,
  entry: string,
): readonly { readonly names: readonly string[] | null; readonly file: string }[] {
  const text = readFileSync(join(source, entry), "utf8");
  return [...text.matchAll(/export (?:type )?(?:\*|\{([^}]*)\}) from "([^"]+)\.ts";/g)].map(([, list, path]) => ({
    names:
      list === undefined
        ? null
        : list
            .split(",")
            .map((name) => name.replace(/^\s*(?:type )?|\s+$/g, ""))
            .filter((name) => name !== ""),
    file: posix.join(posix.dirname(entry), path!),
  }));
}
