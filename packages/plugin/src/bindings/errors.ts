import { t } from "@blockvisor/rhai";
import type { EngineBridge } from "./bridge.ts";
import type { BindingTarget } from "./target.ts";

/**
 * What kind of failure a script has caught (spec plugin-api.md §2 Do better). A function, as scripts compare, cut and join what they catch, so
 * that has to stay a STRING, and strings of the language carry nothing else.
 */
export function registerErrors(engine: BindingTarget, bridge: EngineBridge): void {
  engine.registerFn("error_code", [t.any], (_ctx, caught) =>
    typeof caught === "string" ? bridge.failureCode(caught) : undefined,
  );
}
