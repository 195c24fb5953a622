import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { environment, repository } from "../command.ts";
import { provideDebianImage } from "../debian-image.ts";
import { dockerDaemon } from "../docker-daemon.ts";
import { parseGuide } from "../guide/guide.ts";
import { guideMachine } from "../guide/machine.ts";
import { walkGuide } from "../guide/walk.ts";
import { demoTools, hostTools, provide } from "../system-packages.ts";
import { run as build } from "./build.ts";

/** Walks docs/guide.md for real on this machine, in a root of its own, and leaves nothing behind unless told to. */
export async function run(args: readonly string[]): Promise<void> {
  const keep = args.includes("--keep");
  const unknown = args.find((arg) => arg !== "--keep");
  if (unknown) throw new Error(`'${unknown}' is not an option; there is --keep`);
  const started = performance.now();

  heading("System packages");
  await provide([...hostTools, ...demoTools]);
  await build();
  const docker = await dockerDaemon();
  const directory = mkdtempSync(join(tmpdir(), "blockvisor-demo-"));
  const machine = guideMachine(directory);
  try {
    await provideDebianImage(docker.host);
    const guide = parseGuide(readFileSync(join(repository, "docs/guide.md"), "utf8"));
    await walkGuide(guide, {
      directory: machine.workFolder,
      env: { ...environment, ...machine.env, ...(docker.host ? { DOCKER_HOST: docker.host } : {}) },
      timeout: 240_000,
      keep,
      onStep: (title, number) => {
        const seconds = ((performance.now() - started) / 1000).toFixed(0);
        heading(`${number}/${guide.steps.length}  ${title}  (${seconds} s)`);
      },
      onCommand: (command) => console.log(dim(command.script.replace(/^/gm, "$ "))),
      onOutput: (text) => process.stdout.write(text),
    });
    heading("Done");
    console.log(`The whole guide, on this machine, in ${Math.round((performance.now() - started) / 1000)} s.`);
    if (keep) console.log(`Everything still runs. Root: ${machine.root}; folder: ${machine.workFolder}`);
  } finally {
    if (!keep) {
      await machine.remove();
      await docker.stop();
      rmSync(directory, { recursive: true, force: true });
    }
  }
}

function heading(text: string): void {
  console.log(process.stdout.isTTY ? `\n\x1b[1m== ${text}\x1b[0m` : `\n== ${text}`);
}

function dim(text: string): string {
  return process.stdout.isTTY ? `\x1b[2m${text}\x1b[0m` : text;
}
