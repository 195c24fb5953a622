import type { PluginFunctionJson } from "@blockvisor/wire/blockvisor/host/v1/host";
import type { Call } from "../../../command/verb.ts";
import { DaemonClient } from "../../../daemon/client.ts";
import { printable } from "../../../output/table.ts";
import { whichNode } from "../which-node.ts";
import type { CapabilitiesOptions } from "./verb.ts";

/** `bv node capabilities` (host-daemon §2.2, plugin-api §1.7). */
export async function listCapabilities(call: Call<CapabilitiesOptions, [node?: string]>): Promise<void> {
  const { out, args, options, signal } = call;
  const daemon = new DaemonClient(out);
  const node = await whichNode(daemon, args[0]);
  const { functions = [], definitions = [] } = await daemon.call("ListCapabilities", { node }, { signal });
  for (const name of functions) {
    const own = definitions.filter((definition) => definition.name === name);
    if (!options.long) out.line(name);
    else if (own.length === 0) out.line(`${name}()  the platform's own`);
    else for (const line of own.flatMap(definitionLines)) out.line(printable(line));
  }
  out.document({ functions, definitions: definitions.map(definitionOf) });
}

/** `greet(name)  main.rhai:12`, and what its doc comment says below. */
function definitionLines(definition: PluginFunctionJson): string[] {
  const { name, params, doc, file, line } = definitionOf(definition);
  const said = doc === "" ? [] : doc.split("\n").map((text) => `    ${text.trim()}`);
  return [`${name}(${params.join(", ")})  ${file}:${line}`, ...said];
}

function definitionOf({ name = "", params = [], doc = "", file = "", line = 0 }: PluginFunctionJson) {
  return { name, params, doc, file, line };
}
