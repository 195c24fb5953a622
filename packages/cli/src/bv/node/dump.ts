import type { NodeView } from "../../daemon/node-view.ts";
import { printable } from "../../output/table.ts";

/** A node in full, one field a line. No backticks: scripts find ids and names between the first ones (nib §1.7). */
export function dumpNode(node: NodeView): string {
  const { image, vm_config: vm, firewall } = node;
  const rules = firewall.rules.map(
    (rule) =>
      `${rule.name}: ${rule.action} ${rule.direction} ${rule.protocol}` +
      ` from ${rule.ips.join(",") || "any"} ports ${rule.ports.join(",") || "all"}`,
  );
  const fields: readonly (readonly [string, string])[] = [
    ["id", node.id],
    ["name", node.name],
    ["status", node.status],
    ["image", `${image.protocol_key}/${image.variant_key}/${image.version}`],
    ["uri", image.uri],
    ["ip", node.ip],
    ["gateway", node.gateway],
    // The control plane does not say these of a node that its host has not made yet.
    [
      "requirements",
      node.remote ? "" : `cpu ${vm.vcpu_count}, memory ${vm.mem_size_mb} MB, disk ${vm.disk_size_gb} GB`,
    ],
    ["ramdisks", vm.ramdisks.map((disk) => `${disk.ram_disk_mount_point} ${disk.ram_disk_size_mb} MB`).join(", ")],
    [
      "properties",
      Object.entries(node.properties)
        .map(([key, value]) => `${key}=${value}`)
        .join(", "),
    ],
    ["firewall", node.remote ? "" : [`in ${firewall.default_in}, out ${firewall.default_out}`, ...rules].join("; ")],
    ["tags", node.tags.join(", ")],
    ["directory", node.directory],
  ];
  const width = Math.max(...fields.map(([name]) => name.length));
  return fields
    .map(([name, value]) => `  ${name.padEnd(width)}  ${printable(value).replaceAll("`", "'") || "-"}`)
    .join("\n");
}
