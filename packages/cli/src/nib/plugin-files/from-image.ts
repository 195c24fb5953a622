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
import type { PluginFiles } from "@blockvisor/plugin";
import { Failure } from "../../failure/failure.ts";
import type { Output } from "../../output/output.ts";

const pluginDirectory = "/var/lib/babel/plugin";

/**
 * The plugin files of a container image, read straight from its layers: without a container, without root, and from a Docker
 * daemon without pulling (nib-and-images §4.3). Errors: those of the image package.
 */
export async function pluginFilesFromImage(
  out: Output,
  containerUri: string,
  metadataPath: string,
  signal: AbortSignal,
): Promise<PluginFiles> {
  const uri = resolveContainerPath(parseContainerUri(containerUri), resolve(dirname(metadataPath)));
  const progress = out.progress(`Reading the plugin from ${containerUri}`);
  try {
    const files = pluginFiles(await imageFiles(uri, signal, progress.update), containerUri);
    progress.done();
    return files;
  } catch (error) {
    progress.failed();
    throw error;
  }
}

async function imageFiles(
  uri: ContainerUri,
  signal: AbortSignal,
  onProgress: (line: string) => void,
): Promise<readonly ImageFile[]> {
  if (uri.kind === "docker-daemon") {
    const host = dockerHost();
    const id =
      uri.image.kind === "id"
        ? uri.image.id
        : await dockerImageId(formatImageReference(uri.image.reference), host, signal);
    return readFilesFromDockerEngine(id, host, [pluginDirectory], { signal });
  }
  const store = mkdtempSync(join(tmpdir(), "nib-check-"));
  try {
    const { layout } = await fetchToLayout(uri, store, { signal, onProgress });
    return await readFilesFromImage(layout, [pluginDirectory]);
  } finally {
    rmSync(store, { recursive: true, force: true });
  }
}

function pluginFiles(found: readonly ImageFile[], containerUri: string): PluginFiles {
  const files: Record<string, string> = {};
  for (const file of found) {
    const path = file.path.slice(pluginDirectory.length + 1);
    if (file.kind === "file" && path.endsWith(".rhai")) files[path] = file.content.toString("utf8");
  }
  if (files["main.rhai"] !== undefined) return files;
  const link = found.find((file) => file.kind === "link");
  throw new Failure("image-unavailable", `${containerUri} has no ${pluginDirectory}/main.rhai`, {
    causes: link ? [`${link.path} is a link, which is not followed`] : [],
    hint: `add to the Dockerfile: COPY main.rhai ${pluginDirectory}/`,
  });
}
