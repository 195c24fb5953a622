import { verb } from "../../../command/verb.ts";
import { pathOption } from "../path-option.ts";

export interface ContainerUriOptions {
  readonly path: string;
}

export const containerUriVerb = verb<ContainerUriOptions>({
  name: "container-uri",
  summary: "print the container_uri of an image",
  options: [{ ...pathOption, flags: "-u, --path <file>" }],
  run: async (call) => (await import("./container-uri.ts")).printContainerUri(call),
});
