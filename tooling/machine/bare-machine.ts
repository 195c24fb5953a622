import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { output, repository, run } from "../command.ts";
import { provideBareRoot } from "./bare-root.ts";
import { privateNetwork } from "./private-network.ts";

/** A running Debian machine of its own: systemd as process 1, own processes, network and files; this machine's kernel. */
export interface BareMachine {
  /** The checkout in it, as a path over there. */
  readonly checkout: string;
  /** Runs a shell line over there, in the checkout, on this terminal. Throws when it fails. */
  run(script: string): Promise<void>;
  stop(): Promise<void>;
}

const name = "bvbare";
const checkout = "/root/blockvisor";

/** What a container manager takes away from its guests and a machine of its own would have. */
const likeHardware = `
for group in /sys/fs/cgroup /sys/fs/cgroup/* /proc/sys; do mount -o remount,bind,rw "$group"; done
mkdir -p /run/cgroup-tree && mount --rbind /sys/fs/cgroup /run/cgroup-tree
mount -t sysfs sysfs /sys && mount --rbind /run/cgroup-tree /sys/fs/cgroup
for number in 0 1 2 3 4 5 6 7; do [ -e /dev/loop$number ] || mknod /dev/loop$number b 7 $number; done
[ -e /dev/loop-control ] || mknod /dev/loop-control c 10 237
[ -e /dev/fuse ] || mknod /dev/fuse c 10 229
`;

const systemCalls = "@keyring @privileged @mount @raw-io @swap @debug @obsolete bpf perf_event_open";

/** Boots a fresh copy of the bare root by systemd-nspawn, with a clone of the last commit in it. */
export async function bootBareMachine(): Promise<BareMachine> {
  const pristine = await provideBareRoot();
  const directory = mkdtempSync(join("/var/tmp", "blockvisor-bare-"));
  const root = join(directory, "root");
  await run("cp", ["-a", "--reflink=auto", pristine, root]);
  await run("git", ["clone", "-q", repository, join(root, checkout)]);
  const network = await privateNetwork(name);
  const log = openSync(join(directory, "boot.log"), "w");
  const nspawn = spawn(
    "systemd-nspawn",
    [
      ...["--boot", `--directory=${root}`, `--machine=${name}`, "--console=pipe", "--register=no", "--keep-unit"],
      ...["--resolv-conf=off", "--capability=all", `--system-call-filter=${systemCalls}`],
      `--network-namespace-path=${network.path}`,
    ],
    // Its /tmp is on its disk, as Debian 12 has it, and not in memory.
    { stdio: ["ignore", log, log], env: { ...process.env, SYSTEMD_NSPAWN_TMPFS_TMP: "0" } },
  );
  closeSync(log);
  const ended = once(nspawn, "exit");
  const stop = async () => {
    nspawn.kill("SIGTERM");
    await ended;
    await network.remove();
    rmSync(directory, { recursive: true, force: true });
  };
  const enter = (script: string) => {
    const init = output("pgrep", ["--parent", String(nspawn.pid)]);
    if (!init) return undefined;
    const env = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "TERM=dumb"];
    const trust = "NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt";
    const namespaces = ["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"];
    return [
      "nsenter",
      `--target=${init}`,
      ...namespaces,
      "env",
      "-i",
      ...env,
      trust,
      "BV_BARE_MACHINE=1",
      "sh",
      "-c",
      script,
    ];
  };
  const answers = (script: string) => {
    const [command, ...args] = enter(script) ?? ["false"];
    return output(command ?? "false", args) !== undefined;
  };
  for (let attempt = 0; !answers("systemctl is-system-running"); attempt += 1) {
    if (attempt < 150 && nspawn.exitCode === null) {
      await delay(200);
      continue;
    }
    const said = readFileSync(join(directory, "boot.log"), "utf8").trim().split("\n").slice(-5).join("\n");
    await stop();
    throw new Error(`the bare machine did not boot:\n${said}`);
  }
  const runThere = async (script: string) => {
    const [command, ...args] = enter(`cd ${checkout} && ${script}`) ?? ["false"];
    await run(command ?? "false", args);
  };
  await runThere(likeHardware);
  return { checkout, run: runThere, stop };
}
