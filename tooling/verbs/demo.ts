import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { environment, output, repository } from "../command.ts";
import { provideDebianImage } from "../debian-image.ts";
import { type DockerDaemon, dockerDaemon } from "../docker-daemon.ts";
import { readGuide } from "../guide/guide.ts";
import { guideMachine } from "../guide/machine.ts";
import { walkGuide } from "../guide/walk.ts";
import { demoTools, hostTools, provide } from "../system-packages.ts";
import { enterTestHost, type Place, thisMachine } from "../test-host.ts";
import { run as build } from "./build.ts";

const runtimes = ["auto", "oci", "apptainer"] as const;
type Runtime = (typeof runtimes)[number];

/** Walks docs/guide.md for real on this machine, in a root of its own, and leaves nothing behind unless told to. */
export async function run(args: readonly string[]): Promise<void> {
  const options = { keep: { type: "boolean" }, runtime: { type: "string" } } as const;
  const { keep = false, runtime: wanted = "auto" } = parseArgs({ args: [...args], options }).values;
  const runtime = runtimes.find((name) => name === wanted);
  if (!runtime) throw new Error(`'${wanted}' is no runtime; there are ${runtimes.join(", ")}`);
  const started = performance.now();

  heading("System packages");
  await provide([...hostTools, ...demoTools]);
  await build();
  const docker = await dockerDaemon();
  const directory = mkdtempSync(join(tmpdir(), "blockvisor-demo-"));
  const place = await placeFor(runtime, docker, directory);
  const machine = guideMachine(directory, place);
  const used = new Set<string>();
  try {
    await provideDebianImage(docker.host);
    const guide = readGuide("docs/guide.md");
    await walkGuide(guide, {
      directory: machine.workFolder,
      env: {
        ...environment,
        ...machine.env,
        BV_RUNTIME: runtime,
        ...(docker.host ? { DOCKER_HOST: docker.host } : {}),
      },
      place,
      timeout: 240_000,
      keep,
      onStep: (title, number) => {
        for (const kind of runtimesOf(machine.root)) used.add(kind);
        const seconds = ((performance.now() - started) / 1000).toFixed(0);
        heading(`${number}/${guide.steps.length}  ${title}  (${seconds} s)`);
      },
      onCommand: (command) => console.log(dim(command.script.replace(/^/gm, "$ "))),
      onOutput: (text) => process.stdout.write(text),
    });
    heading("Done");
    const ran = [...used].join(", ");
    if (runtime !== "auto" && ran !== runtime)
      throw new Error(`the nodes were run by ${ran || "nothing"}, not by ${runtime}`);
    const seconds = Math.round((performance.now() - started) / 1000);
    console.log(`The whole guide, on ${place.name}, its nodes run by ${ran}, in ${seconds} s.`);
    if (keep) {
      console.log(`Everything still runs. Root: ${machine.root}; folder: ${machine.workFolder}`);
      if (place !== thisMachine)
        console.log('Its files: nsenter --mount --target "$(pgrep -f bundles/blockvisord.js)"');
    }
  } finally {
    if (!keep) {
      await machine.remove();
      await place.leave();
      await docker.stop();
      rmSync(directory, { recursive: true, force: true });
    }
  }
}

/** Where this machine lacks Apptainer, everything but the Docker daemon runs in a host that has it. */
async function placeFor(runtime: Runtime, docker: DockerDaemon, directory: string): Promise<Place> {
  if (runtime !== "apptainer" || output("apptainer", ["--version"])) return thisMachine;
  heading("A host with Apptainer");
  const socket = (docker.host ?? "unix:///var/run/docker.sock").replace(/^unix:\/\//, "");
  const place = await enterTestHost([repository, directory, socket]);
  const [program = "", ...args] = place.enter("/", ["apptainer", "--version"]);
  console.log(`This machine has no Apptainer. ${place.name} has: ${output(program, args)}`);
  console.log(
    "There: every command of the guide, so the platform, the daemon, its nodes and nib. Here: the Docker daemon.",
  );
  console.log(
    "Both share processes, network and control groups; files only below the demo's folder and the repository.",
  );
  return place;
}

/** What runs, or ran, the containers of the nodes that exist. */
function runtimesOf(root: string): readonly string[] {
  const nodes = join(root, "var/lib/blockvisor/nodes");
  return listed(nodes).flatMap((node) => {
    const record = join(nodes, node, "container.json");
    return listed(join(nodes, node)).includes("container.json")
      ? [(JSON.parse(readFileSync(record, "utf8")) as { readonly kind: string }).kind]
      : [];
  });
}

function listed(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function heading(text: string): void {
  console.log(process.stdout.isTTY ? `\n\x1b[1m== ${text}\x1b[0m` : `\n== ${text}`);
}

function dim(text: string): string {
  return process.stdout.isTTY ? `\x1b[2m${text}\x1b[0m` : text;
}
