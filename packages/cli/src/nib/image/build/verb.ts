import { verb } from "../../../command/verb.ts";
import { pathOption } from "../path-option.ts";

export const builderNames = ["docker", "podman", "buildah"] as const;
export type BuilderName = (typeof builderNames)[number];

export interface BuildOptions {
  readonly path: string;
  readonly file: string;
  readonly tag?: string;
  readonly builder?: BuilderName;
  readonly buildArg?: readonly string[];
  readonly cache: boolean;
  readonly setUri: boolean;
}

export const buildVerb = verb<BuildOptions>({
  name: "build",
  summary: "build the container next to babel.yaml and set container_uri to it",
  details: "Uses the first of docker, podman and buildah that is there and answers.",
  options: [
    pathOption,
    {
      flags: "--file <file>",
      summary: "the Dockerfile, relative to babel.yaml",
      initial: "Dockerfile",
      completes: "file",
    },
    {
      flags: "--tag <name>",
      summary: "name of the image (default: the variant's key, or the protocol's when there are several)",
    },
    { flags: "--builder <name>", summary: "which builder to use", choices: builderNames },
    { flags: "--build-arg <name=value>", summary: "value of an ARG in the Dockerfile; may be repeated", repeats: true },
    { flags: "--no-cache", summary: "build every step again" },
    { flags: "--set-uri", summary: "set container_uri (the default)", initial: true, hidden: true },
    { flags: "--no-set-uri", summary: "leave container_uri as it is" },
  ],
  run: async (call) => (await import("./build.ts")).buildImage(call),
});
