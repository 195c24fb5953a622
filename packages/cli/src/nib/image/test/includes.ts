import { existsSync } from "node:fs";
import { join } from "node:path";
import type { PluginFiles, TemplateSource } from "@blockvisor/plugin";
import { Failure } from "../../../failure/failure.ts";
import type { Output } from "../../../output/output.ts";
import { isFolderIn, rhaiFiles } from "../../plugin-files/from-directory.ts";
import { templatesInDirectories, templatesInRoot } from "../../plugin-files/templates-in-directory.ts";

/** What a plugin has from elsewhere, such as its base image (spec plugin-api.md §9.2). */
export interface Include {
  /** As it was named. */
  readonly name: string;
  readonly files: () => PluginFiles;
  /** Where the user finds one of the files. */
  readonly place: (file: string) => string;
  readonly templates: TemplateSource;
  /** Where an edit counts. */
  readonly watched?: string;
}

/** Where images have their plugin. */
const pluginFolder = "var/lib/babel/plugin";

/**
 * A directory of plugin files, the root of an extracted image, or an image as `container_uri` names one. Images are read once, straight from their
 * layers; `opened` ends with what that needs.
 */
export async function openInclude(
  out: Output,
  name: string,
  signal: AbortSignal,
  opened: AsyncDisposableStack,
): Promise<Include> {
  if (existsSync(name) || !/^[a-z][a-z-]*:/.test(name)) return inDirectory(name);
  const { openBaseImage } = await import("../../plugin-files/from-image.ts");
  const image = opened.use(await openBaseImage(out, name, ".", signal));
  if (Object.keys(image.plugin).length === 0) {
    throw new Failure("image-unavailable", `${name} has no files of a plugin`, {
      causes: image.links.map((link) => `${link} is a link, which is not followed`),
      hint: `they are looked for in /${pluginFolder}/`,
    });
  }
  return {
    name,
    files: () => image.plugin,
    place: (file) => `${name}:/${pluginFolder}/${file}`,
    templates: image.templates,
  };
}

function inDirectory(name: string): Include {
  const isImage = isFolderIn(name, pluginFolder);
  const directory = isImage ? join(name, pluginFolder) : name;
  return {
    name,
    files: () => rhaiFiles(directory),
    place: (file) => join(directory, file),
    templates: isImage ? templatesInRoot(name) : templatesInDirectories([name]),
    watched: directory,
  };
}

/** Each template from the first that has it. */
export function firstOf(sources: readonly TemplateSource[]): TemplateSource {
  return {
    complete: false,
    read: async (paths) => {
      const found = new Map();
      for (const source of sources) {
        const missing = paths.filter((path) => !found.has(path));
        if (missing.length === 0) break;
        for (const [path, file] of await source.read(missing)) found.set(path, file);
      }
      return found;
    },
  };
}
