import type { FirewallConfig } from "../model.ts";
import { parseNetwork } from "../network.ts";
import { checkKey } from "./names.ts";
import { duplicates, type Rule, type RuleContext } from "./rule.ts";

const MOST_RULES = 128;

/** NIB203 and NIB206 keys, NIB210 addresses, NIB211 rules for all ports, NIB212 too many rules. */
export const firewall: Rule = (context) => {
  if (context.variants.length === 0 || context.variants.some(({ variant }) => variant.firewallConfig === null)) {
    check(context, "firewall_config", context.image.firewallConfig);
  }
  for (const { variant, index } of context.variants) {
    if (variant.firewallConfig) check(context, `variants[${index}].firewall_config`, variant.firewallConfig);
  }
};

function check(context: RuleContext, path: string, config: FirewallConfig): void {
  if (config.rules.length > MOST_RULES) {
    context.report({
      code: "NIB212",
      path: `${path}.rules`,
      message: `${config.rules.length} rules; a node may have ${MOST_RULES}`,
      help: "merge rules that differ only in addresses or ports",
    });
  }
  duplicates(
    config.rules.map((rule) => rule.key),
    (index, key) =>
      warn(
        context,
        "NIB206",
        `${path}.rules[${index}].key`,
        `rule key "${key}" is used twice`,
        "give the rule its own key",
      ),
  );
  config.rules.forEach((rule, index) => {
    const at = `${path}.rules[${index}]`;
    checkKey(context, `${at}.key`, rule.key, "rule key", 1);
    rule.ips.forEach(({ ip }, ipIndex) => {
      const network = parseNetwork(ip);
      if (network.kind === "network") return;
      context.report({
        code: "NIB210",
        path: `${at}.ips[${ipIndex}].ip`,
        message: `"${ip}" cannot be used: ${network.reason}`,
        ...(network.suggestion !== undefined && {
          help: `did you mean ${network.suggestion}?`,
          replace: network.suggestion,
        }),
      });
    });
    if (rule.ports.length === 0 && !context.isBroken(`${at}.ports`)) {
      warn(
        context,
        "NIB211",
        `${at}.ports`,
        `rule "${rule.key}" has no ports and so is for all ports`,
        "list the ports it is for",
      );
    }
    duplicates(
      rule.ports.map(({ port }) => String(port)),
      (portIndex, port) =>
        warn(context, "NIB206", `${at}.ports[${portIndex}].port`, `port ${port} is there twice`, "remove one"),
    );
  });
}

function warn(context: RuleContext, code: string, path: string, message: string, help: string): void {
  context.report({ code, severity: "warning", path, message, help });
}
