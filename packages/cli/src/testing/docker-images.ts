import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { TemporaryDirectory } from "./cli-process.ts";

interface DockerImage extends Disposable {
  readonly name: string;
}

let count = 0;

/** A small base image that needs no registry: a static busybox and links for all its tools. */
export function busyboxImage(): DockerImage {
  count += 1;
  const name = `bv-cli-test-base-${process.pid}-${count}:latest`;
  using root = new TemporaryDirectory();
  for (const directory of ["bin", "usr/bin", "etc", "tmp", "var/lib"])
    mkdirSync(join(root.path, directory), { recursive: true });
  copyFileSync("/bin/busybox", join(root.path, "bin/busybox"));
  const tools = execFileSync("/bin/busybox", ["--list"], { encoding: "utf8" }).trim().split("\n");
  for (const tool of tools.filter((tool) => tool !== "busybox")) symlinkSync("busybox", join(root.path, "bin", tool));
  const archive = execFileSync("tar", ["-C", root.path, "-c", "."], { maxBuffer: 64 << 20 });
  execFileSync("docker", ["import", "-", name], { input: archive, stdio: ["pipe", "ignore", "inherit"] });
  return { name, [Symbol.dispose]: () => removeDockerImage(name) };
}

export function removeDockerImage(name: string): void {
  try {
    execFileSync("docker", ["image", "rm", "--force", name], { stdio: "ignore" });
  } catch {
    // Was never made.
  }
}
