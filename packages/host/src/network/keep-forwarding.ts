import { mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { writeDurable } from "../durable/index.ts";

const header = "# Written by blockvisord: its nodes reach the world through this machine.\n";

/** Of a route in /proc/net/ipv6_route: a router announced it. */
const RTF_ADDRCONF = 0x0004_0000;

/**
 * Lets the machine forward in these families from its start on (spec host-daemon DB-6.10). What the file says already stays as it is. Where the
 * folder cannot be written nothing is lost but the time until the daemon opens a bridge.
 */
export async function keepForwarding(file: string, families: ReadonlySet<4 | 6>): Promise<void> {
  const present = await readFile(file, "utf8").catch(() => "");
  const wanted = [
    ...(families.has(4) ? ["net.ipv4.ip_forward = 1"] : []),
    ...(families.has(6) ? [...(await listening()), "net.ipv6.conf.all.forwarding = 1"] : []),
  ];
  const missing = wanted.filter((line) => !says(present, line));
  if (missing.length === 0) return;
  const before = present === "" ? header : present.replace(/\n*$/, "\n");
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeDurable(file, `${before}${missing.join("\n")}\n`, 0o644);
  } catch {}
}

/**
 * A machine that forwards listens to other routers only where `accept_ra` is 2: said of each link over which one has announced the machine's own
 * way out, which it would lose. A link that is gone at the start is no failure (`-`).
 */
async function listening(): Promise<readonly string[]> {
  const routes = await readFile("/proc/net/ipv6_route", "utf8").catch(() => "");
  // With slashes, as names of links may have dots.
  return announcedWaysOut(routes).map((link) => `-net/ipv6/conf/${link}/accept_ra = 2`);
}

/** Links, each once, of the default routes in `routes`, a /proc/net/ipv6_route, that came from a router. */
export function announcedWaysOut(routes: string): readonly string[] {
  const links = routes.split("\n").flatMap((route) => {
    const [to = "", length, , , , , , , flags = "0", link = ""] = route.trim().split(/\s+/);
    const isWayOut = length === "00" && /^0+$/.test(to) && (Number.parseInt(flags, 16) & RTF_ADDRCONF) !== 0;
    return isWayOut ? [link] : [];
  });
  return [...new Set(links)];
}

function says(text: string, line: string): boolean {
  const plain = (each: string): string => each.replace(/\s/g, "").replace(/^-/, "");
  return text.split("\n").some((each) => plain(each) === plain(line));
}
