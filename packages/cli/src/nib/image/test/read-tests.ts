import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import type { PluginFiles } from "@blockvisor/plugin";
import { parseRecording, type Recording } from "@blockvisor/plugin/recording";
import { Failure, reason } from "../../../failure/failure.ts";
import { readText } from "../../../files/read-text.ts";
import { replaceFile } from "../../../files/replace-file.ts";
import { pluginFilesFromDirectory, rhaiFiles } from "../../plugin-files/from-directory.ts";
import type { Include } from "./includes.ts";

/** A plugin with its tests, as it lies in a working tree. */
export interface TestTree {
  readonly directory: string;
  readonly plugin: PluginFiles;
  /** Those of tests/, by their paths there. */
  readonly tests: PluginFiles;
  /** Files as findings name them (`main.rhai`, `tests/x.test.rhai`) → where the user finds them. */
  readonly place: (file: string) => string;
}

/** Below tests/: files of the plugin for when nobody else has them. */
const stubFolder = "stubs/";

/** `includes`: more files of the plugin, which its own of the same name hide. `named`: the only test files that count. */
export function readTestTree(directory: string, includes: readonly Include[], named: readonly string[]): TestTree {
  const own = pluginFilesFromDirectory(directory);
  const included = new Map(
    includes.flatMap((include) =>
      Object.entries(include.files()).map(([file, text]) => [file, { text, place: include.place(file) }] as const),
    ),
  );
  const folder = join(directory, "tests");
  const found = existsSync(folder) ? rhaiFiles(folder) : {};
  const isStub = (file: string): boolean => file.startsWith(stubFolder);
  const all = Object.fromEntries(Object.entries(found).filter(([file]) => !isStub(file)));
  // They stand for what the base image brings, where it is not at hand.
  const stubs = Object.fromEntries(
    Object.entries(found).flatMap(([file, text]) => (isStub(file) ? [[file.slice(stubFolder.length), text]] : [])),
  );
  const chosen = named.map((file) => relative(resolve(folder), resolve(file)));
  const unknown = chosen.findIndex((file) => all[file] === undefined);
  if (unknown !== -1) {
    throw new Failure("file-unreadable", `${named[unknown]} is no file of tests in ${folder}`, {
      hint: "tests are in tests/NAME.test.rhai beside main.rhai",
    });
  }
  const counts = (file: string): boolean =>
    chosen.length === 0 || chosen.includes(file) || !file.endsWith(".test.rhai");
  return {
    directory,
    plugin: { ...stubs, ...Object.fromEntries([...included].map(([file, { text }]) => [file, text])), ...own },
    tests: Object.fromEntries(Object.entries(all).filter(([file]) => counts(file))),
    place: (file) => {
      if (own[file] !== undefined) return join(directory, file);
      const elsewhere = included.get(file);
      if (elsewhere) return elsewhere.place;
      return stubs[file] === undefined ? join(directory, file) : join(folder, stubFolder, file);
    },
  };
}

/** Beside babel.yaml, unless the plugin is elsewhere. */
export function pluginDirectory(path: string, pluginDir: string | undefined): string {
  return pluginDir ?? dirname(path);
}

const snapshotFolder = (directory: string): string => join(directory, "tests", "__snapshots__");

/** Test file → name → value. */
export function readSnapshots(directory: string): Map<string, Map<string, unknown>> {
  const folder = snapshotFolder(directory);
  const files = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith(".json")) : [];
  return new Map(files.map((file) => [basename(file, ".json"), entriesOf(join(folder, file))]));
}

function entriesOf(path: string): Map<string, unknown> {
  const hint = "`nib image test --update` writes it anew";
  try {
    return new Map(Object.entries(JSON.parse(readText(path, hint)) as object));
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure("file-unreadable", `${path} holds no snapshots`, { causes: [reason(error)], hint });
  }
}

export const recordingFolder = (directory: string): string => join(directory, "tests", "fixtures");

/** Name → what a live node answered. */
export function readRecordings(directory: string): Readonly<Record<string, Recording>> {
  const folder = recordingFolder(directory);
  const files = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith(".json")) : [];
  return Object.fromEntries(files.map((file) => [basename(file, ".json"), recordingIn(join(folder, file))]));
}

function recordingIn(path: string): Recording {
  const hint = "`nib image test --record NODE` writes it anew";
  try {
    return parseRecording(readText(path, hint));
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure("file-unreadable", `${path} is no recording of a node`, { causes: [reason(error)], hint });
  }
}

/** Writes those that are otherwise than on the disk; their names. */
export function writeSnapshots(
  directory: string,
  snapshots: ReadonlyMap<string, ReadonlyMap<string, unknown>>,
  makeFolder: (folder: string) => void,
): readonly string[] {
  const folder = snapshotFolder(directory);
  const written: string[] = [];
  for (const [file, entries] of snapshots) {
    const path = join(folder, `${file}.json`);
    const sorted = Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));
    const text = `${JSON.stringify(sorted, undefined, 2)}\n`;
    if (entries.size === 0 || (existsSync(path) && readFileSync(path, "utf8") === text)) continue;
    makeFolder(dirname(path));
    replaceFile(path, text, 0o644);
    written.push(path);
  }
  return written;
}
