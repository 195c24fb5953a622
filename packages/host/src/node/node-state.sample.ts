import { defaultFirewall, type NodeImage, type NodeState, nodeStateSchema } from "./node-state.ts";

/** A complete state for tests. */
export function sampleState(
  change: Partial<Omit<NodeState, "image">> & { readonly image?: Partial<NodeImage> } = {},
): NodeState {
  const { image, ...rest } = change;
  return nodeStateSchema.parse({
    id: "a2c9e1f4-0000-4000-8000-000000000001",
    name: "brave-red-fox",
    dev_mode: true,
    ip: "10.77.0.2",
    gateway: "10.77.0.1",
    image_key: { protocol_key: "test", variant_key: "test-main" },
    protocol_id: "dev-node-protocol-id",
    properties: {},
    firewall: defaultFirewall,
    display_name: "",
    org_id: "dev-node-org-id",
    org_name: "dev node org name",
    protocol_name: "dev node protocol name",
    dns_name: "dev.node.dns.name",
    tags: [],
    vm_config: { vcpu_count: 0, mem_size_mb: 1000, disk_size_gb: 2 },
    image: {
      id: "00000000-0000-0000-0000-000000000000",
      version: "1.0.0",
      config_id: "00000000-0000-0000-0000-000000000000",
      archive_id: "00000000-0000-0000-0000-000000000000",
      store_key: "dev-node-store-id",
      uri: "oci:old",
      min_babel_version: "0.1.0",
      ...image,
    },
    expected_status: "Stopped",
    initialized: false,
    restarting: false,
    ...rest,
  });
}
