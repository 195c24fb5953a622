import type { EffectiveVariant } from "@blockvisor/image";
import type { Output } from "../../output/output.ts";

/** §1.7: said for every rule without ports, because it opens all of them. */
export function warnAboutOpenRules(out: Output, variant: EffectiveVariant, file: string): void {
  for (const rule of variant.firewallConfig.rules.filter(({ ports }) => ports.length === 0)) {
    out.warn({ code: "NIB211", message: `firewall rule '${rule.key}' has no ports, so it is about all ports`, file });
  }
}
