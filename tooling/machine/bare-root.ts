import { cpSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { output, repository, run } from "../command.ts";

const systemNode = "/usr/bin/node";
const release = "bookworm";
const packages = ["ca-certificates", "git", "systemd", "systemd-sysv", "dbus", "procps"];

/**
 * A Debian root with systemd, git and this machine's own Node (20 or newer, which is all that `./dev` asks for), and nothing else.
 * Made once, 400 MB, below `.cache/`; what runs in it runs in a copy.
 */
export async function provideBareRoot(): Promise<string> {
  const root = join(repository, ".cache", `bare-${release}`);
  if (existsSync(root)) return root;
  const draft = `${root}.new`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true });
  console.log(`  make     ${release} with systemd, in ${root}`);
  await run("debootstrap", ["--variant=minbase", `--include=${packages.join(",")}`, release, draft, mirror()]);
  installNode(draft);
  trustWhatThisMachineTrusts(draft);
  writeFileSync(join(draft, "etc/hostname"), "bare\n");
  renameSync(draft, root);
  return root;
}

function mirror(): string {
  return process.env["BV_DEBIAN_MIRROR"] ?? "http://deb.debian.org/debian";
}

function installNode(root: string): void {
  const npm = output("sh", ["-c", 'readlink -f "$(command -v npm)"'], process.env)?.replace(/\/bin\/npm-cli\.js$/, "");
  if (!existsSync(systemNode) || !npm)
    throw new Error(`${systemNode} and its npm are what the bare machine gets; one is missing`);
  cpSync(systemNode, join(root, "usr/bin/node"));
  cpSync(npm, join(root, "usr/lib/node_modules/npm"), { recursive: true, verbatimSymlinks: true });
  output("ln", ["-sf", "../lib/node_modules/npm/bin/npm-cli.js", join(root, "usr/bin/npm")]);
}

/** Behind a proxy that signs for others, a machine without its certificate reaches neither npm nor Debian. */
function trustWhatThisMachineTrusts(root: string): void {
  const bundle = "etc/ssl/certs/ca-certificates.crt";
  cpSync(join("/", bundle), join(root, bundle), { dereference: true });
  cpSync("/etc/resolv.conf", join(root, "etc/resolv.conf"), { dereference: true });
}
