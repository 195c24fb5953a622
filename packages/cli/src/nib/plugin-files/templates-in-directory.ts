import { lstatSync, readFileSync, realpathSync, type Stats } from "node:fs";
import { join, sep } from "node:path";
import type { TemplateFile, TemplateSource } from "@blockvisor/plugin";
import { type CopiedFiles, copiedFiles } from "./copied-files.ts";

/** As the agent takes them (babel-agent §2.4). */
const mostBytes = 16 << 20;

/** Where the templates of an image are by convention. */
const templateFolder = "/var/lib/babel/templates/";

/**
 * The templates of an image in the working tree that it is built from. Where each lies tells the Dockerfile, which copies it to its place;
 * without such a line, those of the usual folder are looked for in `templates/` and beside the plugin. What the base image or a build
 * stage brings is not found, and not judged.
 */
export function templatesInDirectories(directories: readonly string[]): TemplateSource {
  const trees = directories.map((directory) => ({ directory, copied: copiesIn(directory) }));
  return {
    complete: false,
    read: async (paths) =>
      new Map(
        paths.flatMap((path): [string, TemplateFile][] => {
          for (const { directory, copied } of trees) {
            const file = candidates(path, copied).find((candidate) => isOwnFile(directory, candidate));
            if (file !== undefined) return [[path, templateFile(directory, file)]];
          }
          return [];
        }),
      ),
  };
}

/** Those of an image that was extracted to a directory, at their own paths. */
export function templatesInRoot(directory: string): TemplateSource {
  return {
    complete: false,
    read: async (paths) =>
      new Map(
        paths.flatMap((path): [string, TemplateFile][] => {
          const file = path.replace(/^\/+/, "");
          return isOwnFile(directory, file) ? [[path, templateFile(directory, file)]] : [];
        }),
      ),
  };
}

function templateFile(directory: string, file: string): TemplateFile {
  const place = join(directory, file);
  return { file: place, text: readFileSync(place, "utf8") };
}

function copiesIn(directory: string): CopiedFiles {
  const file = "Dockerfile";
  return isOwnFile(directory, file) ? copiedFiles(readFileSync(join(directory, file), "utf8")) : () => [];
}

function candidates(path: string, copied: CopiedFiles): readonly string[] {
  const usual = path.startsWith(templateFolder) ? [path.slice(templateFolder.length)] : [];
  return [...copied(path), ...usual.flatMap((name) => [join("templates", name), name])];
}

/** Reached without a link: the directory may be one of a running node, where a container decides what they point to. */
function isOwnFile(directory: string, file: string): boolean {
  const path = join(directory, file);
  const stat = statOf(path);
  if (stat?.isFile() !== true || stat.size > mostBytes) return false;
  const root = realpathSync(directory);
  return realpathSync(path) === join(root, file) && join(root, file).startsWith(root + sep);
}

function statOf(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    // Something on the way is no folder.
    return undefined;
  }
}
