import { variantKeyParts } from "../variant.ts";
import type { Rule } from "./rule.ts";

const NETWORK_WORDS = new Set(["mainnet", "testnet", "devnet", "sepolia", "holesky", "hoodi", "goerli"]);

/** NIB216: what the variant key says about node type and network looks wrong, and nothing else says it (§3.10). */
export const metadata: Rule = ({ variants, report }) => {
  for (const { variant, index } of variants) {
    const explicit = new Set(variant.metadata?.map((entry) => entry.key));
    const { nodeType, network } = variantKeyParts(variant.key);
    if (!NETWORK_WORDS.has(nodeType) || network === null || (explicit.has("node-type") && explicit.has("network")))
      continue;
    report({
      code: "NIB216",
      severity: "warning",
      path: `variants[${index}].key`,
      message: `the key gives node-type "${nodeType}" and network "${network}", which looks like the wrong way round`,
      help: "name the variant CLIENT-NETWORK-NODETYPE, or say it in metadata: keys client, network, node-type",
    });
  }
};
