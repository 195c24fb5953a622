/** The parts that a variant key is read as (nib-and-images §2.2): cut from the right at `-`, three parts at most. */
export interface VariantParts {
  readonly nodeType: string;
  readonly network: string | undefined;
  readonly client: string | undefined;
}

export function variantParts(key: string): VariantParts {
  const parts = key.split("-");
  return {
    nodeType: parts.at(-1) ?? key,
    network: parts.at(-2),
    client: parts.length > 2 ? parts.slice(0, -2).join("-") : undefined,
  };
}

const nodeTypeCodes: Readonly<Record<string, string>> = { archive: "A", full: "F", worker: "W", light: "L" };
const networkCodes: Readonly<Record<string, string>> = { mainnet: "MN", testnet: "TN", sepolia: "SEP" };

/** A billing code in the three parts that are expected: chain and client, node type, network type. */
export function skuCode(client: string, nodeType: string, network: string): string {
  const code = (text: string, length: number) =>
    text
      .toUpperCase()
      .replaceAll(/[^A-Z0-9]/g, "")
      .slice(0, length);
  return [
    code(client, 12) || "X",
    nodeTypeCodes[nodeType] ?? (code(nodeType, 1) || "X"),
    networkCodes[network] ?? (code(network, 3) || "X"),
  ].join("-");
}
