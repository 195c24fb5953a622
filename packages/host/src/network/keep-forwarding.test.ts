import assert from "node:assert/strict";
import { test } from "node:test";
import { announcedWaysOut } from "./keep-forwarding.ts";

test("a machine goes on listening to the routers that announced its ways out, and to no others (DB-6.10)", () => {
  const none = "0".repeat(32);
  const route = (to: string, length: string, flags: string, link: string): string =>
    `${to} ${length} ${none} 00 fe800000000000000000000000000001 00000400 00000001 00000000 ${flags} ${link.padStart(8)}`;
  const routes = [
    route(none, "00", "00450003", "eth0"),
    route(none, "00", "00450003", "eth0"),
    route(none, "00", "00450003", "eth1.100"),
    // A person's; a prefix that was announced; no way out at all.
    route(none, "00", "00000003", "eth2"),
    route(`20010db8${"0".repeat(24)}`, "40", "00440001", "eth3"),
    route(none, "00", "00200200", "lo"),
  ];
  assert.deepEqual(announcedWaysOut(`${routes.join("\n")}\n`), ["eth0", "eth1.100"]);
  assert.deepEqual(announcedWaysOut(""), []);
});
