import { basename, join, matchesGlob, normalize } from "node:path/posix";

/** Which files of the build context may lie at a path of the image, the likeliest first. */
export type CopiedFiles = (path: string) => readonly string[];

interface Copy {
  readonly sources: readonly string[];
  readonly target: string;
}

/** What the COPY and ADD lines of a Dockerfile say about where files go. Copies from other stages and images are left out. */
export function copiedFiles(dockerfile: string): CopiedFiles {
  const copies = dockerfile
    .replaceAll(/^\s*#.*\n/gm, "")
    .replaceAll(/\\\r?\n/g, " ")
    .split("\n")
    .flatMap((line) => copyOf(line.trim()));
  // A later line replaces what an earlier one put there.
  return (path) =>
    copies.toReversed().flatMap((copy) => copy.sources.flatMap((source) => sourceOf(path, source, copy)));
}

function copyOf(line: string): readonly Copy[] {
  const found = /^(?:COPY|ADD)\s+((?:--\S+\s+)*)(.*)$/i.exec(line);
  if (!found || /--from=/.test(found[1] ?? "")) return [];
  const words = wordsOf(found[2] ?? "");
  const target = words.at(-1);
  const sources = words.slice(0, -1);
  return target?.startsWith("/") && sources.length > 0 ? [{ sources, target }] : [];
}

/** Both forms: words, and a JSON list. */
function wordsOf(text: string): readonly string[] {
  if (!text.startsWith("[")) return text.split(/\s+/).filter((word) => word !== "");
  try {
    const words: unknown = JSON.parse(text);
    return Array.isArray(words) ? words.filter((word) => typeof word === "string") : [];
  } catch {
    return [];
  }
}

/** The content of a folder goes into the target, a file into it or to its very name. */
function sourceOf(path: string, source: string, { target, sources }: Copy): readonly string[] {
  const folder = target.endsWith("/") ? target : `${target}/`;
  const found: string[] = [];
  if (path.startsWith(folder)) {
    const rest = path.slice(folder.length);
    if (/[*?[]/.test(source)) {
      const candidate = join(source, "..", rest);
      if (matchesGlob(candidate, normalize(source))) found.push(candidate);
    } else {
      if (basename(source) === rest) found.push(normalize(source));
      found.push(join(source, rest));
    }
  } else if (path === target && sources.length === 1) found.push(normalize(source));
  return found.map((each) => each.replace(/^\//, ""));
}
