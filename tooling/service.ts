import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { repository, run } from "./command.ts";

const unit = "blockvisor.service";
const hostConfig = "/etc/blockvisor.json";

/** Makes this checkout's daemon a service of the machine, and its commands available to everyone on it. */
export async function installService(): Promise<void> {
  if (!existsSync("/run/systemd/system")) {
    throw new Error("this machine was not booted with systemd; run bin/blockvisord in the foreground instead");
  }
  const shipped = readFileSync(join(repository, "packages/host/systemd", unit), "utf8");
  const launcher = join(repository, "bin/blockvisord");
  mkdirSync("/etc/systemd/system", { recursive: true });
  writeFileSync(join("/etc/systemd/system", unit), shipped.replace(/^ExecStart=.*$/m, `ExecStart=${launcher}`));
  for (const name of readdirSync(join(repository, "bin"))) {
    const link = join("/usr/local/bin", name);
    rmSync(link, { force: true });
    symlinkSync(join(repository, "bin", name), link);
  }
  await run("systemctl", ["daemon-reload"]);
  await run("systemctl", ["enable", "--quiet", unit]);
  if (!existsSync(hostConfig)) {
    console.log(`  missing  ${hostConfig}: \`bvup TOKEN\` registers this machine with a platform and writes it;`);
    console.log(`           for image development alone: echo '{"mode": "dev"}' > ${hostConfig}`);
  }
  console.log(`  enabled  ${unit.padEnd(16)} \`bv start\` starts it, \`journalctl -u blockvisor -fn 50\` is its log`);
}
