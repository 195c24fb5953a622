import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { repository } from "../tooling/command.ts";

/** The service is the machine's own, so this runs only on a machine that was made for it. */
const elsewhere =
  process.env["BV_BARE_MACHINE"] && existsSync("/etc/systemd/system/blockvisor.service")
    ? false
    : "NOT TESTED: needs a machine with systemd to itself; `./dev machine './dev setup --service && ./dev test e2e/service.test.ts'`";

function sh(script: string, cwd = "/"): string {
  const { status, stdout, stderr } = spawnSync("sh", ["-ec", script], { cwd, encoding: "utf8", timeout: 240_000 });
  if (status !== 0) throw new Error(`${script}\nended with ${status}\n${stdout}${stderr}`);
  return stdout;
}

/** Processes of the machine whose command line has the text, with the time they were started. */
function processes(text: string): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const commandLine = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
        const started = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ")[19];
        return commandLine.includes(text) ? [`${pid} ${started}`] : [];
      } catch {
        return []; // Ended meanwhile.
      }
    });
}

describe("the daemon as the machine's service", { skip: elsewhere }, () => {
  const folder = mkdtempSync(join(tmpdir(), "bv-service-"));
  const image = join(folder, "image");
  let node = "";
  before(() => {
    cpSync(join(repository, "examples/minimal-scratch"), image, { recursive: true });
    cpSync("/bin/busybox", join(image, "busybox"));
    writeFileSync("/etc/blockvisor.json", '{"mode": "dev"}');
  });
  after(() => {
    spawnSync("sh", ["-c", "bv node delete --all --yes --force; bv stop"]);
    rmSync(folder, { recursive: true, force: true });
  });

  test("what is missing for the service is said with the fix", () => {
    const { status, stderr } = spawnSync("bv", ["status"], {
      encoding: "utf8",
      env: { ...process.env, BV_ROOT: folder },
    });
    assert.deepEqual([status, /BV906[\s\S]*next: .*bvup/.test(stderr)], [1, true], stderr);
  });

  test("bv start starts the unit and waits until the daemon serves", () => {
    assert.match(sh("bv start"), /blockvisor service started successfully/);
    assert.match(sh("bv status"), /Service running/);
    assert.equal(sh("systemctl is-active blockvisor && systemctl is-enabled blockvisor"), "active\nenabled\n");
    assert.equal(statSync("/run/blockvisor").mode & 0o777, 0o750);
  });

  test("journalctl -u blockvisor is the log", () => {
    const identifiers = sh("journalctl -u blockvisor --no-pager -o json")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { readonly SYSLOG_IDENTIFIER: string; readonly MESSAGE: string });
    const ours = identifiers.filter((entry) => entry.SYSLOG_IDENTIFIER === "blockvisor");
    assert.ok(
      ours.some((entry) => /blockvisord .* serves/.test(entry.MESSAGE)),
      JSON.stringify(identifiers),
    );
  });

  test("an image is built, and played by the service", () => {
    sh("nib image build", image);
    const said = sh("nib image play --start", image);
    node = said.match(/`([0-9a-f-]{36})`/)?.[1] ?? "";
    assert.match(sh("bv node list"), new RegExp(`${node}.*Running`));
    assert.equal(sh(`bv node run greet ${node} --param world`).trim(), "hello world");
  });

  test("killed, it comes back by itself, and the node's processes do not notice", () => {
    const server = processes("httpd -f -p 127.0.0.1:8081");
    assert.ok(server.length > 0);
    const before = sh("systemctl show -P MainPID blockvisor");
    sh("systemctl kill --signal=KILL --kill-whom=main blockvisor");
    sh(`until [ "$(systemctl show -P MainPID blockvisor)" != ${before.trim()} ] ; do sleep 0.1; done`);
    sh("bv start"); // Waits until the nodes are attached.
    assert.match(sh("bv node list"), new RegExp(`${node}.*Running`));
    assert.deepEqual(processes("httpd -f -p 127.0.0.1:8081"), server);
  });

  test("bv stop ends the daemon and leaves the nodes running; bv start finds them again", () => {
    const server = processes("httpd -f -p 127.0.0.1:8081");
    sh("bv stop");
    assert.equal(spawnSync("systemctl", ["is-active", "--quiet", "blockvisor"]).status, 3);
    assert.match(spawnSync("bv", ["node", "list"], { encoding: "utf8" }).stderr, /next: +start it with `bv start`/);
    assert.deepEqual(processes("httpd -f -p 127.0.0.1:8081"), server);
    sh("bv start");
    assert.match(sh("bv node list"), new RegExp(`${node}.*Running`));
    assert.deepEqual(processes("httpd -f -p 127.0.0.1:8081"), server);
  });

  test("a deleted node leaves nothing on the machine", () => {
    sh(`bv node delete --yes ${node}`);
    assert.deepEqual(processes("httpd -f -p 127.0.0.1:8081"), []);
    assert.equal(execFileSync("mount", { encoding: "utf8" }).includes(node), false);
    assert.equal(sh("ip -o link").includes(`bv${node.slice(0, 4)}`), false);
  });
});
