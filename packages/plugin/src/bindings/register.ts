import type { EngineBridge } from "./bridge.ts";
import { registerData } from "./data.ts";
import { registerEncoding } from "./encoding.ts";
import { registerErrors } from "./errors.ts";
import { registerHttp } from "./http.ts";
import { registerJobs } from "./jobs.ts";
import { registerNode } from "./node.ts";
import { registerParsing } from "./parsing.ts";
import { registerShell } from "./shell.ts";
import type { BindingTarget } from "./target.ts";

/** Makes every engine function (spec plugin-api.md §2.1) known to scripts. */
export function registerBindings(engine: BindingTarget, bridge: EngineBridge): void {
  registerJobs(engine, bridge);
  registerHttp(engine, bridge);
  registerShell(engine, bridge);
  registerNode(engine, bridge);
  registerData(engine, bridge);
  registerParsing(engine, () => bridge.now());
  registerEncoding(engine);
  registerErrors(engine, bridge);
}
