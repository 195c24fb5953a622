/** What `node_env()` tells a script (spec plugin-api.md §5.5). */
export interface NodeEnv {
  readonly node_id: string;
  readonly node_name: string;
  readonly node_org_id: string;
  /** Image version from `babel.yaml`. */
  readonly node_version: string;
  readonly node_protocol: string;
  readonly node_variant: string;
  readonly node_ip: string;
  /** The second address, of version 6; empty where nodes have only one. */
  readonly node_ipv6: string;
  readonly node_gateway: string;
  readonly dev_mode: boolean;
  readonly bv_host_id: string;
  readonly bv_host_name: string;
  readonly bv_api_url: string;
  /** Always `/blockjoy`. */
  readonly data_mount_point: string;
  /** Always `/blockjoy/protocol_data`. */
  readonly protocol_data_path: string;
  /** Node parameters: property key → value. */
  readonly properties: Readonly<Record<string, string>>;
}

/** `node_env()` of a linter run or an inspection, where no node exists (spec §7.3). */
export function sampleNodeEnv(image: {
  readonly version: string;
  readonly protocol: string;
  readonly variant: string;
  readonly properties?: Readonly<Record<string, string>>;
}): NodeEnv {
  return {
    node_id: "node-id",
    node_name: "node_name",
    node_org_id: "org-id",
    node_version: image.version,
    node_protocol: image.protocol,
    node_variant: image.variant,
    node_ip: "1.2.3.4",
    node_ipv6: "",
    node_gateway: "4.3.2.1",
    dev_mode: true,
    bv_host_id: "host-id",
    bv_host_name: "hostname",
    bv_api_url: "none.com",
    data_mount_point: "/blockjoy",
    protocol_data_path: "/blockjoy/protocol_data",
    properties: image.properties ?? {},
  };
}
