import { z } from "zod";
import { parseDocument } from "./parse-document.ts";

/** What an image says about how it wants to be run. */
export interface ImageConfig {
  readonly env: Readonly<Record<string, string>>;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly workingDirectory: string;
  /** `user`, `uid`, `user:group` or `uid:gid` as the image has it; empty: root. */
  readonly user: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly architecture: string;
}

const strings = z.array(z.string()).nullish();
const ociConfig = z.object({
  rootfs: z.object({ diff_ids: z.array(z.string().regex(/^sha256:[0-9a-f]{64}$/)).nullish() }).nullish(),
  architecture: z.string().default(""),
  config: z
    .object({
      Env: strings,
      Entrypoint: strings,
      Cmd: strings,
      WorkingDir: z.string().nullish(),
      User: z.string().nullish(),
      Labels: z.record(z.string(), z.string()).nullish(),
    })
    .nullish(),
});

/** Parses an OCI image configuration blob; `diffIds`: digests of the layers' plain tars, lowest first. Error `image-invalid`. */
export function parseImageConfig(json: string): { readonly config: ImageConfig; readonly diffIds: readonly string[] } {
  const { architecture, config, rootfs } = parseDocument(ociConfig, json, "the image's configuration");
  return {
    config: {
      env: environment(config?.Env ?? []),
      entrypoint: config?.Entrypoint ?? [],
      command: config?.Cmd ?? [],
      workingDirectory: config?.WorkingDir || "/",
      user: config?.User ?? "",
      labels: config?.Labels ?? {},
      architecture,
    },
    diffIds: rootfs?.diff_ids ?? [],
  };
}

function environment(lines: readonly string[]): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const line of lines) {
    const equals = line.indexOf("=");
    if (equals > 0) variables[line.slice(0, equals)] = line.slice(equals + 1);
  }
  return variables;
}
