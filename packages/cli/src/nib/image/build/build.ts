import { dirname, join, resolve } from "node:path";
import type { Image } from "@blockvisor/image";
import type { Call } from "../../../command/verb.ts";
import { readText } from "../../../files/read-text.ts";
import { replaceFile } from "../../../files/replace-file.ts";
import type { Output } from "../../../output/output.ts";
import { type ImageFile, readImage } from "../../metadata/read-image.ts";
import { build, findBuilder } from "./builders.ts";
import type { BuilderName, BuildOptions } from "./verb.ts";

/** `nib image build` (nib-and-images §9.2). */
export async function buildImage({ out, options, signal }: Call<BuildOptions, []>): Promise<void> {
  const { uri, builder, changed } = await buildContainer(out, readImage(options.path), options, signal);
  out.line(changed ? `Built ${uri} with ${builder} and set container_uri` : `Built ${uri} with ${builder}`);
  out.document({ container_uri: uri, builder, changed });
}

/** Builds the container of an image; its `container_uri` is set when `setUri` says so and it differs. */
export async function buildContainer(
  out: Output,
  file: ImageFile,
  options: Omit<BuildOptions, "path">,
  signal: AbortSignal,
): Promise<{ readonly uri: string; readonly builder: BuilderName; readonly changed: boolean }> {
  const context = resolve(dirname(file.path));
  const dockerfile = join(context, options.file);
  warnAboutDockerfile(out, dockerfile);
  const builder = await findBuilder(options.builder);
  const tag = withVersion(options.tag ?? defaultTag(file.image));
  const quiet = process.stderr.isTTY || out.format === "json";
  const progress = out.progress(`Building ${tag} with ${builder}`);
  try {
    const uri = await build(builder, {
      ...{ tag, dockerfile, context, signal, cache: options.cache, buildArgs: options.buildArg ?? [] },
      quiet,
      onOutput: (text) => {
        if (quiet) progress.update(text.trim().split("\n").at(-1) ?? "");
        else process.stderr.write(text);
      },
    });
    progress.done();
    const changed = options.setUri && file.image.containerUri !== uri;
    if (changed) setContainerUri(file, uri);
    return { uri, builder, changed };
  } catch (error) {
    progress.failed();
    throw error;
  }
}

/** A local image keeps its name, so that building again replaces it. */
function defaultTag(image: Image): string {
  const local = /^(?:docker-daemon:(?:\/\/)?|containers-storage:(?:localhost\/)?)([^[].*)$/.exec(
    image.containerUri,
  )?.[1];
  if (local) return local;
  const [only, ...others] = image.variants;
  return only && others.length === 0 ? only.key : image.protocolKey;
}

function withVersion(tag: string): string {
  return /:[^/]+$/.test(tag) ? tag : `${tag}:latest`;
}

/** NIB304: a plugin that is not in the image is a common slip, and cheap to see before minutes of building. */
function warnAboutDockerfile(out: Output, path: string): void {
  const text = readText(path, "name it with --file");
  if (/^\s*(?:COPY|ADD)\b.*\/var\/lib\/babel\/plugin/im.test(text.replaceAll(/\\\n/g, " "))) return;
  out.warn({
    code: "NIB304",
    message: "no COPY puts main.rhai into /var/lib/babel/plugin/; fine only when the base image brings it",
    file: path,
  });
}

/** Changes the one value in place: comments, order and formatting of the file stay. */
function setContainerUri(file: ImageFile, uri: string): void {
  const { start, end } = file.parsed.rangeAt("container_uri");
  const text = file.parsed.source.text;
  const lines = text.split("\n");
  const offset = (line: number, column: number) =>
    lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0) + column - 1;
  const before = text.slice(0, offset(start.line, start.column));
  const after = text.slice(offset(end.line, end.column));
  replaceFile(file.path, before + uri + after, 0o644);
}
