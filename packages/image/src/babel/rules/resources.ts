import { BYTES_PER_GB, BYTES_PER_MB } from "../resources.ts";
import { duplicates, type Rule, type RuleContext } from "./rule.ts";

const LARGEST = (1n << 63n) - 1n;

/** NIB207 ramdisks, NIB217 amounts that look wrong (§3.8). */
export const resources: Rule = (context) => {
  for (const { variant, index } of context.variants) {
    const at = `variants[${index}]`;
    amount(context, `${at}.min_memory_mb`, variant.minMemoryMb, BYTES_PER_MB);
    amount(context, `${at}.min_disk_gb`, variant.minDiskGb, BYTES_PER_GB);
    if (variant.minCpu === 0 && !context.isBroken(`${at}.min_cpu`)) {
      context.report({
        code: "NIB217",
        severity: "warning",
        path: `${at}.min_cpu`,
        message: "a node needs at least one core",
      });
    }
    const total = variant.ramdisks.reduce((sum, disk) => sum + disk.sizeMb, 0);
    if (total > variant.minMemoryMb && !context.isBroken(`${at}.min_memory_mb`)) {
      context.report({
        code: "NIB217",
        severity: "warning",
        path: `${at}.ramdisks`,
        message: `ramdisks of ${total} MB do not fit into min_memory_mb ${variant.minMemoryMb}`,
        help: "raise min_memory_mb or shrink them",
      });
    }
    variant.ramdisks.forEach((disk, diskIndex) => {
      const path = `${at}.ramdisks[${diskIndex}]`;
      const complaint = mountComplaint(disk.mount);
      if (complaint !== undefined && !context.isBroken(`${path}.mount`)) {
        context.report({
          code: "NIB207",
          path: `${path}.mount`,
          message: `ramdisk mount "${disk.mount}" ${complaint}`,
        });
      }
      if (disk.sizeMb === 0 && !context.isBroken(`${path}.size_mb`)) {
        context.report({ code: "NIB207", path: `${path}.size_mb`, message: "a ramdisk needs at least 1 MB" });
      }
    });
    duplicates(
      variant.ramdisks.map((disk) => disk.mount),
      (diskIndex, mount) =>
        context.report({
          code: "NIB207",
          path: `${at}.ramdisks[${diskIndex}].mount`,
          message: `"${mount}" is mounted twice`,
        }),
    );
  }
};

function amount(context: RuleContext, path: string, value: number, unit: bigint): void {
  if (BigInt(value) * unit > LARGEST)
    context.report({ code: "NIB217", path, message: `${value} is more than a node can have` });
  const meant = misspeltPowerOfTwo(value);
  if (meant === undefined) return;
  context.report({
    code: "NIB217",
    severity: "warning",
    path,
    message: `${value} looks like a misspelt ${meant}`,
    help: `did you mean ${meant}?`,
    replace: String(meant),
  });
}

/** 32678 for 32768: the digits of a power of two in another order. */
function misspeltPowerOfTwo(value: number): number | undefined {
  const digits = (number: number): string => [...String(number)].sort().join("");
  for (let power = 1024; power <= 2 ** 24; power *= 2) {
    if (power !== value && digits(power) === digits(value)) return power;
  }
  return undefined;
}

function mountComplaint(mount: string): string | undefined {
  if (!mount.startsWith("/")) return "must be an absolute path";
  const parts = mount.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) return "must not contain ..";
  const path = `/${parts.join("/")}`;
  if (path === "/") return "would hide the whole node";
  const reserved = ["/blockjoy", "/var/lib/babel"].find((one) => path === one || path.startsWith(`${one}/`));
  return reserved === undefined ? undefined : `is inside ${reserved}, which belongs to the platform`;
}
