import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import {
  type ContainerUri,
  dockerHost,
  dockerImageId,
  fetchToLayout,
  formatImageReference,
  type ImageFile,
  parseContainerUri,
  readFilesFromDockerEngine,
  readFilesFromImage,
  resolveContainerPath,
} from "@blockvisor/image/container";
import type { PluginFiles, TemplateFile, TemplateSource } from "@blockvisor/plugin";
import { Failure } from "../../failure/failure.ts";
import type { Output } from "../../output/output.ts";

const pluginDirectory = "/var/lib/babel/plugin";

/** What a check needs of a container image. */
export interface PluginImage extends AsyncDisposable {
  readonly plugin: PluginFiles;
  readonly templates: TemplateSource;
}

/**
 * The plugin files of a container image, and its templates as they are asked for, read straight from its layers: without a container,
 * without root, and from a Docker daemon without pulling (nib-and-images §4.3). Errors: those of the image package.
 */
export async function openPluginImage(
  out: Output,
  containerUri: string,
  metadataPath: string,
  signal: AbortSignal,
): Promise<PluginImage> {
  const image = await openBaseImage(out, containerUri, dirname(metadataPath), signal);
  if (image.plugin["main.rhai"] !== undefined) return image;
  await image[Symbol.asyncDispose]();
  throw new Failure("image-unavailable", `${containerUri} has no ${pluginDirectory}/main.rhai`, {
    causes: image.links.map((link) => `${link} is a link, which is not followed`),
    hint: `add to the Dockerfile: COPY main.rhai ${pluginDirectory}/`,
  });
}

/** The same of an image that others are built from, whose plugin may be a part of one. Relative paths begin at `directory`. */
export async function openBaseImage(
  out: Output,
  containerUri: string,
  directory: string,
  signal: AbortSignal,
): Promise<PluginImage & { readonly links: readonly string[] }> {
  const uri = resolveContainerPath(parseContainerUri(containerUri), resolve(directory));
  const progress = out.progress(`Reading the plugin from ${containerUri}`);
  const store = mkdtempSync(join(tmpdir(), "nib-check-"));
  const close = async () => rmSync(store, { recursive: true, force: true });
  try {
    const read = await readerOf(uri, store, signal, progress.update);
    const found = await read([pluginDirectory]);
    const links = found.filter((file) => file.kind === "link").map(({ path }) => path);
    progress.done();
    return { plugin: pluginFiles(found), links, templates: templatesOf(read), [Symbol.asyncDispose]: close };
  } catch (error) {
    progress.failed();
    await close();
    throw error;
  }
}

type ReadFiles = (paths: readonly string[]) => Promise<readonly ImageFile[]>;

async function readerOf(
  uri: ContainerUri,
  store: string,
  signal: AbortSignal,
  onProgress: (line: string) => void,
): Promise<ReadFiles> {
  if (uri.kind === "docker-daemon") {
    const host = dockerHost();
    const id =
      uri.image.kind === "id"
        ? uri.image.id
        : await dockerImageId(formatImageReference(uri.image.reference), host, signal);
    return (paths) => readFilesFromDockerEngine(id, host, paths, { signal });
  }
  const { layout } = await fetchToLayout(uri, store, { signal, onProgress });
  return (paths) => readFilesFromImage(layout, paths);
}

/** A template that lies behind a link may be anything: it counts as empty, which needs nothing. */
function templatesOf(read: ReadFiles): TemplateSource {
  return {
    complete: true,
    read: async (paths) => {
      const names = paths.filter((path) => path.startsWith("/"));
      if (names.length === 0) return new Map();
      const found = await read(names);
      return new Map(
        names.flatMap((path): [string, TemplateFile][] => {
          const file = found.find((one) => one.path === path);
          if (file?.kind === "file") return [[path, { file: path, text: file.content.toString("utf8") }]];
          const linked = found.some(
            (one) => one.kind === "link" && (path === one.path || path.startsWith(`${one.path}/`)),
          );
          return linked ? [[path, { file: path, text: "" }]] : [];
        }),
      );
    },
  };
}

function pluginFiles(found: readonly ImageFile[]): PluginFiles {
  const files: Record<string, string> = {};
  for (const file of found) {
    const path = file.path.slice(pluginDirectory.length + 1);
    if (file.kind === "file" && path.endsWith(".rhai")) files[path] = file.content.toString("utf8");
  }
  return files;
}
