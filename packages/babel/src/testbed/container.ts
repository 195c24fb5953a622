import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import type { AgentDescription } from "../bundle/build.ts";
import { type Clients, clientsOf, until } from "./agent.ts";

const run = promisify(execFile);
const IN_NODE = "/usr/lib/blockvisor";

export type Flavour = "scratch" | "busybox" | "debian";

/** A root file system as an image would bring it: nothing at all, a static busybox, or dynamic programs with glibc. */
async function fillRoot(root: string, flavour: Flavour): Promise<void> {
  if (flavour === "scratch") return;
  for (const folder of ["bin", "etc", "tmp"]) await mkdir(join(root, folder), { recursive: true });
  await writeFile(join(root, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:app:/home/app:/bin/sh\n");
  await writeFile(join(root, "etc/group"), "root:x:0:\napp:x:1001:\nextra:x:2000:app\n");
  if (flavour === "busybox") {
    await cp("/bin/busybox", join(root, "bin/busybox"));
    for (const name of ["sh", "id", "cat", "sleep"]) await symlink("busybox", join(root, "bin", name));
    return;
  }
  for (const program of ["/bin/sh", "/usr/bin/id", "/bin/cat", "/bin/sleep"]) {
    await cp(program, join(root, "bin", basename(program)), { dereference: true });
    const { stdout } = await run("ldd", [program]);
    for (const [library] of stdout.matchAll(/\/\S+\.so\S*/g)) {
      await mkdir(join(root, dirname(library)), { recursive: true });
      await cp(library, join(root, library), { dereference: true });
    }
  }
}

/** A runc container with the agent mounted as a host would do it; its init starts babel. */
export class TestContainer {
  readonly id: string;
  readonly folder: string;
  readonly #description: AgentDescription;
  #clients: (Clients & { close(): void }) | undefined;

  private constructor(id: string, folder: string, description: AgentDescription) {
    this.id = id;
    this.folder = folder;
    this.#description = description;
  }

  static async start(
    flavour: Flavour,
    bundle: { readonly folder: string; readonly description: AgentDescription },
    memoryBytes?: number,
  ): Promise<TestContainer> {
    const folder = await mkdtemp(join(tmpdir(), `babel-${flavour}-`));
    const container = new TestContainer(`babel-test-${process.pid}-${basename(folder)}`, folder, bundle.description);
    for (const name of ["rootfs", "run", "data", "state"]) await mkdir(join(folder, name));
    await fillRoot(join(folder, "rootfs"), flavour);
    await run("runc", ["spec", "--bundle", folder]);
    const spec = JSON.parse(await readFile(join(folder, "config.json"), "utf8"));
    spec.root.readonly = false;
    spec.process.terminal = false;
    spec.process.env.push("IMAGE=yes");
    spec.process.args = bundle.description.init.map((part) => part.replaceAll("{dir}", IN_NODE));
    const everything = [
      "CAP_CHOWN",
      "CAP_SETUID",
      "CAP_SETGID",
      "CAP_KILL",
      "CAP_FOWNER",
      "CAP_DAC_OVERRIDE",
      "CAP_SYS_PTRACE",
    ];
    for (const set of ["bounding", "effective", "permitted"]) spec.process.capabilities[set] = everything;
    spec.linux.namespaces = ["pid", "mount", "ipc", "uts", "network"].map((type) => ({ type }));
    if (memoryBytes !== undefined) spec.linux.resources.memory = { limit: memoryBytes, swap: memoryBytes };
    spec.mounts.push(
      { destination: IN_NODE, type: "bind", source: bundle.folder, options: ["bind", "ro"] },
      { destination: "/var/lib/babel/run", type: "bind", source: join(folder, "run"), options: ["bind", "rw"] },
      { destination: "/blockjoy", type: "bind", source: join(folder, "data"), options: ["bind", "rw"] },
    );
    await writeFile(join(folder, "config.json"), JSON.stringify(spec));
    // Detached processes keep these open: they must not be pipes of this one.
    await container.#runc([
      "run",
      "--detach",
      "--bundle",
      folder,
      "--pid-file",
      join(folder, "init.pid"),
      container.id,
    ]);
    await container.#answers();
    return container;
  }

  get babel(): Clients["babel"] {
    return this.#clients!.babel;
  }
  get jobs(): Clients["jobs"] {
    return this.#clients!.jobs;
  }

  /** A later babel, beside init. */
  async startBabel(): Promise<void> {
    const command = this.#description.command.map((part) => part.replaceAll("{dir}", IN_NODE));
    await this.#runc(["exec", "--detach", "--env", "IMAGE=yes", this.id, ...command]);
    await this.#answers();
  }

  async #answers(): Promise<void> {
    this.#clients?.close();
    this.#clients = clientsOf(join(this.folder, "run/babel.sock"));
    await until(
      () =>
        this.babel.getVersion({}, { timeoutMs: 1_000 }).then(
          () => true,
          () => false,
        ),
      `babel answers; ${await this.#log()}`,
    );
  }

  /** The one that came with the container: init → its shell → babel. */
  async killBabel(): Promise<void> {
    const childOf = async (pid: string): Promise<string> =>
      (await readFile(`/proc/${pid}/task/${pid}/children`, "latin1")).split(" ")[0] ?? "";
    const init = (await readFile(join(this.folder, "init.pid"), "utf8")).trim();
    process.kill(Number(await childOf(await childOf(init))), "SIGKILL");
  }

  async #runc(args: readonly string[]): Promise<void> {
    const line = 'log=$1; shift; exec runc --root "$0" "$@" >>"$log" 2>&1 </dev/null';
    const log = join(this.folder, "runc.log");
    await run("sh", ["-c", line, join(this.folder, "state"), log, ...args]).catch(async (error: unknown) => {
      throw new Error(`runc ${args[0]} failed: ${await this.#log()}`, { cause: error });
    });
  }

  #log(): Promise<string> {
    return readFile(join(this.folder, "runc.log"), "utf8").catch(() => "");
  }

  async dispose(): Promise<void> {
    this.#clients?.close();
    await this.#runc(["delete", "--force", this.id]).catch(() => undefined);
    await rm(this.folder, { recursive: true, force: true });
  }
}
