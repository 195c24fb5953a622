import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { output, repository, run } from "./command.ts";

/** The name that Dockerfiles use; where a registry can be reached this is Docker's official image. */
const name = "debian:bookworm-slim";

/**
 * Makes sure that `debian:bookworm-slim` is in the Docker daemon: already there, pulled, or, where no registry can be reached,
 * made with debootstrap (about 30 s; kept in .cache/).
 */
export async function provideDebianImage(dockerHost: string | undefined): Promise<void> {
  const env = { ...process.env, ...(dockerHost ? { DOCKER_HOST: dockerHost } : {}) };
  if (output("docker", ["image", "inspect", "--format", "{{.Id}}", name], env)) return;
  if (output("docker", ["pull", "--quiet", name], env)) return;
  const archive = join(repository, ".cache/debian-bookworm.tar");
  if (!existsSync(archive)) await bootstrap(archive);
  await run("sh", ["-c", 'exec docker import - "$2" <"$1" >/dev/null', "sh", archive, name], { env });
}

async function bootstrap(archive: string): Promise<void> {
  console.log("No registry can be reached: making a Debian base image with debootstrap");
  mkdirSync(join(repository, ".cache"), { recursive: true });
  const root = `${archive}.root`;
  rmSync(root, { recursive: true, force: true });
  await run("sh", [
    "-c",
    'debootstrap --variant=minbase --include=busybox,ca-certificates bookworm "$1" >"$1.log" 2>&1 || { tail -n 5 "$1.log" >&2; exit 1; }',
    "sh",
    root,
  ]);
  await run("tar", [
    "--numeric-owner",
    "--exclude=./var/cache/apt/*",
    "--exclude=./var/lib/apt/lists/*",
    "-C",
    root,
    "-cf",
    `${archive}.part`,
    ".",
  ]);
  renameSync(`${archive}.part`, archive);
  rmSync(root, { recursive: true, force: true });
}
