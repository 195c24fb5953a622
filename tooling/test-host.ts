import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { repository, run } from "./command.ts";

const tool = join(repository, "tooling/test-host.sh");

/** Runs programs somewhere: on this machine, or in a host of its own with the same processes, network and control groups. */
export interface Place {
  readonly name: string;
  /** argv of a process that becomes `argv`, in `directory`, over there. */
  enter(directory: string, argv: readonly string[]): readonly string[];
  leave(): Promise<void>;
}

export const thisMachine: Place = {
  name: "this machine",
  enter: (directory, argv) => ["env", `--chdir=${directory}`, ...argv],
  leave: async () => {},
};

/**
 * The Debian host with real Apptainer that `test-host.sh` makes (600 MB, kept between runs): files of its own but for `shared`, which
 * have the same paths here and there. Its mounts live until `leave`, or until this process ends.
 */
export async function enterTestHost(shared: readonly string[]): Promise<Place> {
  const directory = process.env["BV_TEST_HOST_DIR"] ?? "/var/tmp/blockvisor-test-host";
  await run("sh", [tool, "create", directory]);
  sweep(join(directory, tmpdir()));
  const binds = shared.flatMap((path) => ["-b", `${path}:${path}`]);
  const keeper = spawn("sh", [tool, "run", directory, ...binds, "--", "sh", "-c", "echo $$; exec cat"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const exit = once(keeper, "exit");
  const ended = exit.then(([status]) => {
    throw new Error(
      `the test host in ${directory} cannot be entered (status ${status}): remove it to have it made again`,
    );
  });
  ended.catch(() => {}); // Of interest only until its first line.
  const lines = createInterface({ input: keeper.stdout });
  const [pid] = (await Promise.race([once(lines, "line"), ended])) as readonly string[];
  return {
    name: `the test host in ${directory}`,
    enter: (folder, argv) => ["nsenter", `--target=${pid}`, "--mount", "env", `--chdir=${folder}`, ...argv],
    leave: async () => {
      keeper.stdin.end();
      await exit;
    },
  };
}

/** The empty places where earlier runs had their temporary folders; a place whose folder still exists may be in use. */
function sweep(folder: string): void {
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const isPlace = /^(blockvisor-demo|bv-docker)-/.test(name);
    if (isPlace && !existsSync(join(tmpdir(), name))) rmSync(join(folder, name), { recursive: true });
  }
}
