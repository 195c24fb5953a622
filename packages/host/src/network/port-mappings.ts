import { createHash } from "node:crypto";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { failpoint, removeDurable, writeForThisBoot } from "../durable/index.ts";
import { launchTool } from "../launcher/index.ts";
import { familyOf } from "./addresses.ts";
import { replacedTable } from "./nft-tables.ts";
import type { MappedPorts } from "./node-network.ts";

const schema = z.object({
  subnets: z.array(z.string()),
  addresses: z.array(z.string()),
  ports: z.array(z.object({ protocol: z.enum(["tcp", "udp"]), hostPort: z.number(), nodePort: z.number() })),
  /** The kernel has it. False: written down before, so that nothing in the kernel is ever without an owner. */
  inForce: z.boolean(),
});

type PortRecord = z.infer<typeof schema>;

/** Ports of the machine that lead to nodes (spec host-daemon DB-6.12): one table for all nodes of this installation. */
export interface PortMappings {
  /** Makes exactly these the node's; all others stay. One transaction. */
  set(nodeId: string, mapped: MappedPorts): Promise<void>;
  remove(nodeId: string): Promise<void>;
  find(nodeId: string): Promise<MappedPorts | undefined>;
  /** Loads the table again where it is missing although there are mappings; whether it did. */
  restore(present: ReadonlySet<string>): Promise<boolean>;
}

/** `directory`: a file for each node whose mappings are in force, so that the next daemon knows them. */
export function createPortMappings(directory: string): PortMappings {
  const table = `inet bv_ports_${createHash("sha256").update(directory).digest("hex").slice(0, 16)}`;
  const path = (nodeId: string) => join(directory, nodeId);
  let known: Promise<Map<string, PortRecord>> | undefined;
  let last: Promise<unknown> = Promise.resolve();

  /** One change after another: each loads what all nodes have. */
  function inTurn<T>(work: (all: Map<string, PortRecord>) => Promise<T>): Promise<T> {
    const turn = last.then(async () => work(await load()));
    last = turn.catch(() => {});
    return turn;
  }

  function load(): Promise<Map<string, PortRecord>> {
    known ??= readAll(directory);
    return known;
  }

  async function put(all: Map<string, PortRecord>, nodeId: string, record: PortRecord): Promise<void> {
    await writeForThisBoot(path(nodeId), JSON.stringify(record));
    all.set(nodeId, record);
  }

  async function enforce(all: ReadonlyMap<string, PortRecord>): Promise<void> {
    const lines = replacedTable(table, chainsOf([...all.values()]));
    await launchTool("nft", ["-f", "-"], { input: `${lines.join("\n")}\n` });
  }

  return {
    set: (nodeId, mapped) =>
      inTurn(async (all) => {
        if (isDeepStrictEqual(all.get(nodeId), { ...mapped, inForce: true })) return;
        const record = schema.parse({ ...mapped, inForce: false });
        await mkdir(directory, { recursive: true, mode: 0o700 });
        await put(all, nodeId, record);
        failpoint("ports.recorded");
        await enforce(all);
        failpoint("ports.enforced");
        await put(all, nodeId, { ...record, inForce: true });
      }),

    remove: (nodeId) =>
      inTurn(async (all) => {
        const record = all.get(nodeId);
        if (!record) return;
        all.delete(nodeId);
        try {
          await enforce(all);
        } catch (error) {
          all.set(nodeId, record);
          throw error;
        }
        await removeDurable(path(nodeId)).catch((error: NodeJS.ErrnoException) => {
          if (error.code !== "ENOENT") throw error;
        });
      }),

    find: async (nodeId) => {
      const record = (await load()).get(nodeId);
      return record?.inForce ? record : undefined;
    },

    restore: (present) =>
      inTurn(async (all) => {
        if (all.size === 0 || present.has(table)) return false;
        await enforce(all);
        return true;
      }),
  };
}

async function readAll(directory: string): Promise<Map<string, PortRecord>> {
  const names = (await readdir(directory).catch(() => [])).filter((name) => !name.startsWith("."));
  const all = new Map<string, PortRecord>();
  for (const name of names) {
    const text = await readFile(join(directory, name), "utf8").catch(() => "");
    // What a power loss has torn is about a boot that is over.
    const mapped = schema.safeParse(safeJson(text));
    if (mapped.success) all.set(name, mapped.data);
  }
  return all;
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Whoever talks to a mapped port of any address of the machine reaches the node: from outside with its own address, which the node's rules
 * see; programs of the machine, by the address it has there; other nodes in the machine's name, as answers would not come back by it.
 */
function chainsOf(all: readonly MappedPorts[]): readonly string[] {
  const maps = ([4, 6] as const).flatMap((family) =>
    (["tcp", "udp"] as const).flatMap((protocol) => {
      const elements = all.flatMap(({ addresses, ports }) => {
        const ip = addresses.find((address) => familyOf(address) === family);
        const own = ports.filter((port) => port.protocol === protocol);
        return ip === undefined ? [] : own.map(({ hostPort, nodePort }) => `${hostPort} : ${ip} . ${nodePort}`);
      });
      return elements.length === 0 ? [] : [{ family, protocol, name: `${protocol}${family}`, elements }];
    }),
  );
  if (maps.length === 0) return [];
  const subnets = [...new Set(all.flatMap((mapped) => mapped.subnets))];
  return [
    ...maps.flatMap(({ family, name, elements }) => [
      `  map ${name} {`,
      `    type inet_service : ipv${family}_addr . inet_service`,
      `    elements = { ${elements.join(", ")} }`,
      "  }",
    ]),
    "  chain mapped {",
    ...maps.map(
      ({ family, protocol, name }) =>
        `    meta nfproto ipv${family} dnat ip${family === 4 ? "" : "6"} to ${protocol} dport map @${name}`,
    ),
    "  }",
    "  chain prerouting {",
    "    type nat hook prerouting priority dstnat; policy accept;",
    "    fib daddr type local jump mapped",
    "  }",
    "  chain output {",
    "    type nat hook output priority -100; policy accept;",
    // What listens on loopback is for programs of the machine alone, whatever its port.
    '    oifname "lo" ip daddr 127.0.0.0/8 return',
    '    oifname "lo" ip6 daddr ::1 return',
    "    fib daddr type local jump mapped",
    "  }",
    "  chain postrouting {",
    "    type nat hook postrouting priority srcnat; policy accept;",
    ...subnets.map((subnet) => {
      const ip = familyOf(subnet) === 4 ? "ip" : "ip6";
      return `    ct status dnat ${ip} saddr ${subnet} ${ip} daddr ${subnet} masquerade`;
    }),
    "  }",
  ];
}
