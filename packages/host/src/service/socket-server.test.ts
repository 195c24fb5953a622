import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { get, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { hostPaths } from "../place/paths.ts";
import { serveSocket } from "./socket-server.ts";

const root = mkdtempSync(join(tmpdir(), "bv-socket-"));
const paths = hostPaths(root);
after(() => rmSync(root, { recursive: true }));

const SOMEBODY = 54_321;

/** What comes out when a process of that user and group, without any right of root's, connects. */
function connectAs(uid: number, gid: number): string {
  const program = `require("node:net").connect(${JSON.stringify(paths.socket)})
    .once("connect", () => { console.log("admitted"); process.exit(); })
    .once("error", ({ code }) => console.log(code))`;
  const argv = [
    `--reuid=${uid}`,
    `--regid=${gid}`,
    "--clear-groups",
    "--bounding-set=-all",
    process.execPath,
    "-e",
    program,
  ];
  const { stdout, stderr } = spawnSync("setpriv", argv, { encoding: "utf8", cwd: "/" });
  return stdout.trim() || stderr;
}

test("the daemon's socket admits root and its group, and nobody else", async () => {
  // Everything on the way is open, also a folder that was there before: only the daemon's own rights are in the way.
  mkdirSync(paths.runDirectory, { recursive: true });
  for (const folder of [root, join(root, "run"), paths.runDirectory]) chmodSync(folder, 0o777);
  chownSync(paths.runDirectory, SOMEBODY, SOMEBODY);
  const server = await serveSocket(paths, "1.2.3", () => {});
  try {
    const { gid, mode } = statSync(paths.socket);
    assert.deepEqual([mode & 0o777, statSync(paths.runDirectory).mode & 0o777], [0o660, 0o750]);
    assert.deepEqual(
      [connectAs(0, 0), connectAs(SOMEBODY, gid), connectAs(SOMEBODY, SOMEBODY)],
      ["admitted", "admitted", "EACCES"],
    );
    // Who asks for what this version does not have is told which one it is.
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = { socketPath: paths.socket, method: "POST", path: "/blockvisor.host.v1.HostService/Later" };
      get(request, resolve).once("error", reject);
    });
    answer.resume();
    assert.deepEqual([answer.statusCode, answer.headers["blockvisor-version"]], [404, "1.2.3"]);
  } finally {
    await server.close();
  }
});
