import { verb } from "../../../command/verb.ts";
import { pathOption } from "../path-option.ts";

export interface PushOptions {
  readonly path: string;
  readonly minBabelVersion?: string;
  readonly dryRun?: true;
  readonly exitCode?: true;
  readonly strict?: true;
  readonly allowDowngrade?: true;
}

export const pushVerb = verb<PushOptions>({
  name: "push",
  summary: "publish all variants of the image to the control plane",
  details:
    "The container itself has to be in a registry already: `docker push` and the final container_uri come first.",
  options: [
    pathOption,
    { flags: "--min-babel-version <version>", summary: "oldest host software that can run it (default: this one)" },
    { flags: "--dry-run", summary: "show field by field what would change, and change nothing" },
    { flags: "--exit-code", summary: "with --dry-run: exit code 10 when there is something to push" },
    { flags: "--strict", summary: "take warnings for errors" },
    { flags: "--allow-downgrade", summary: "push a version that is lower than the latest" },
  ],
  run: async (call) => (await import("./push.ts")).pushImage(call),
});
