/** What the host tells about the node. (babel-agent §1.4) */
export type NodeEnv = {
  readonly node_id: string;
  readonly node_name: string;
  readonly node_org_id: string;
  readonly node_version: string;
  readonly node_protocol: string;
  readonly node_variant: string;
  readonly node_ip: string;
  /** Empty where the node has only `node_ip`. */
  readonly node_ipv6: string;
  readonly node_gateway: string;
  readonly dev_mode: boolean;
  readonly bv_host_id: string;
  readonly bv_host_name: string;
  readonly bv_api_url: string;
  readonly data_mount_point: string;
  readonly protocol_data_path: string;
  readonly properties: Readonly<Record<string, string>>;
};

const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** Babel's own settings are not its jobs' business. */
const OWN = "BABEL_";
/** Of babel's own connections and memory; what the image says is put aside. */
const FOR_BABEL = new Set(["NODE_EXTRA_CA_CERTS", "GLIBC_TUNABLES"]);
/** What `launch.sh` put aside, so that it does not change how babel itself runs. */
const PUT_ASIDE = "BABEL_IMAGE_";

/** Environment of every script and job: the image's, then the node's; properties as `BV_PROP_<NAME>`. (§1.5, D1-12) */
export function payloadEnvironment(
  inherited: Readonly<Record<string, string | undefined>>,
  node: NodeEnv | undefined,
): Readonly<Record<string, string>> {
  const environment: Record<string, string> = { PATH: DEFAULT_PATH, HOME: "/root" };
  for (const [name, value] of Object.entries(inherited)) {
    if (value === undefined) continue;
    if (name.startsWith(PUT_ASIDE)) environment[name.slice(PUT_ASIDE.length)] = value;
    else if (!name.startsWith(OWN) && !FOR_BABEL.has(name)) environment[name] = value;
  }
  if (node !== undefined) Object.assign(environment, nodeVariables(node));
  // An environment cannot hold NUL.
  return Object.fromEntries(Object.entries(environment).filter(([name, value]) => !`${name}${value}`.includes("\0")));
}

/** `/var/lib/babel/node_env`, for tools in the image: `KEY="value"` lines that a shell reads back unchanged. (§1.5) */
export function environmentFile(node: NodeEnv): string {
  return Object.entries(nodeVariables(node))
    .map(([name, value]) => `${name}="${value.replace(/["\\$`]/g, "\\$&")}"\n`)
    .join("");
}

function nodeVariables({ properties, ...fields }: NodeEnv): Readonly<Record<string, string>> {
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(fields)) variables[name.toUpperCase()] = String(value);
  for (const [name, value] of Object.entries(properties)) {
    variables[`BV_PROP_${name.toUpperCase().replace(/[^A-Z0-9]/g, "_")}`] = value;
  }
  return variables;
}
