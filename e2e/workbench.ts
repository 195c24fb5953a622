import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { repository } from "../tooling/command.ts";

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly input?: string;
  /** Default two minutes. */
  readonly timeoutMs?: number;
  /** As a user who is in the group that the daemon's socket admits, and nothing else. */
  readonly asMember?: boolean;
}

/** `nobody`. */
export const memberId = 65_534;

/** As another user, in a mount namespace of its own: the checkout may lie where only root can go. */
const asMember =
  'mount --bind "$2" /mnt && uid=$3 && gid=$1 && shift 3 && exec setpriv --reuid="$uid" --regid="$gid" --clear-groups -- "$@"';

/** An engineer's machine in a temporary folder: the real launchers with a root and a home of their own. */
export class Workbench implements AsyncDisposable {
  readonly directory: string;
  readonly root: string;
  readonly env: NodeJS.ProcessEnv;
  readonly #processes: ChildProcess[] = [];
  readonly #daemons: ChildProcess[] = [];

  constructor(name: string, options: { readonly root?: string } = {}) {
    this.directory = mkdtempSync(join(tmpdir(), `bv-e2e-${name}-`));
    this.root = options.root ?? join(this.directory, "root");
    const home = join(this.directory, "home");
    for (const folder of [this.root, home]) mkdirSync(folder, { recursive: true });
    this.env = { ...process.env, BV_ROOT: this.root, HOME: home, NO_COLOR: "1" };
  }

  /** Runs a launcher of `bin/` to its end. */
  run(launcher: string, args: readonly string[], options: RunOptions = {}): Outcome {
    const [program, ...words] = this.#command(launcher, args, options);
    const { status, stdout, stderr } = spawnSync(program, words, {
      cwd: options.cwd ?? this.directory,
      env: this.env,
      encoding: "utf8",
      input: options.input ?? "",
      timeout: options.timeoutMs ?? 120_000,
    });
    return { status, stdout, stderr };
  }

  /** Starts a launcher and leaves it running; it ends with the workbench at the latest. */
  spawn(launcher: string, args: readonly string[], options: Pick<RunOptions, "asMember"> = {}): ChildProcess {
    const [program, ...words] = this.#command(launcher, args, options);
    const log = openSync(join(this.directory, "spawned.log"), "a");
    const child = spawn(program, words, { env: this.env, stdio: ["ignore", log, log] });
    closeSync(log);
    this.#processes.push(child);
    return child;
  }

  #command(launcher: string, args: readonly string[], options: RunOptions): readonly [string, ...string[]] {
    if (!options.asMember) return [join(repository, "bin", launcher), ...args];
    // Who is not root has to get to the socket.
    for (const folder of [this.directory, this.root]) chmodSync(folder, 0o755);
    const { gid } = statSync(join(this.root, "run/blockvisor/blockvisord.sock"));
    const words = [
      "--mount",
      "sh",
      "-euc",
      asMember,
      "sh",
      String(gid),
      repository,
      String(memberId),
      `/mnt/bin/${launcher}`,
      ...args,
    ];
    return ["unshare", ...words];
  }

  /** Runs a launcher that has to succeed; what it printed. */
  must(launcher: string, args: readonly string[], options: RunOptions = {}): string {
    const { status, stdout, stderr } = this.run(launcher, args, options);
    if (status !== 0) {
      throw new Error(`${launcher} ${args.join(" ")} ended with ${status}\n${stdout}${stderr}\n${this.log()}`);
    }
    return stdout;
  }

  /** Starts `blockvisord` and waits until it answers. A machine that nobody has configured gets a bridge and addresses of its own. */
  async startDaemon(options: readonly string[] = ["--dev"]): Promise<ChildProcess> {
    const configuration = join(this.root, "etc/blockvisor.json");
    if (!existsSync(configuration)) {
      mkdirSync(join(this.root, "etc"), { recursive: true });
      writeFileSync(configuration, JSON.stringify(ownNetwork()));
    }
    const log = openSync(join(this.directory, "blockvisord.log"), "a");
    const daemon = spawn(join(repository, "bin/blockvisord"), options, {
      env: this.env,
      stdio: ["ignore", log, log],
    });
    this.#daemons.push(daemon);
    for (let attempt = 0; this.run("bv", ["node", "list"]).status !== 0; attempt += 1) {
      if (daemon.exitCode !== null || attempt === 100) throw new Error(`blockvisord does not answer\n${this.log()}`);
      await delay(100);
    }
    return daemon;
  }

  /** Ends the daemon as a crash does. */
  async killDaemon(): Promise<void> {
    for (const daemon of this.#daemons.filter(running)) {
      daemon.kill("SIGKILL");
      await once(daemon, "exit");
    }
  }

  /** The end of the daemon's log, for messages. */
  log(): string {
    return this.#endOf("blockvisord.log");
  }

  /** The end of what was said by launchers that were left running, for messages. */
  spawned(): string {
    return this.#endOf("spawned.log");
  }

  #endOf(name: string): string {
    try {
      return readFileSync(join(this.directory, name), "utf8").slice(-4000);
    } catch {
      return "";
    }
  }

  /** A copy of an example image in which the test may change things; its path. */
  example(name: string): string {
    const target = join(this.directory, name);
    cpSync(join(repository, "examples", name), target, { recursive: true });
    return target;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#daemons.some(running)) this.run("bv", ["node", "delete", "--all", "--yes", "--force"]);
    for (const child of [...this.#processes, ...this.#daemons].filter(running)) {
      child.kill("SIGTERM");
      await once(child, "exit");
    }
    rmSync(this.directory, { recursive: true, force: true });
  }
}

let networks = 0;

/** Several test runs and a daemon of the machine may be there at the same time. */
function ownNetwork() {
  networks += 1;
  const subnet = `10.${200 + (process.pid % 50)}.${(Math.floor(process.pid / 50) * 4 + networks) % 256}`;
  return {
    mode: "dev",
    iface: `bve${process.pid.toString(36)}${networks}`,
    net_conf: {
      gateway_ip: `${subnet}.1`,
      host_ip: `${subnet}.1`,
      prefix: 24,
      available_ips: [`${subnet}.2-${subnet}.254`],
    },
  };
}

function running(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

/** Builds an image from a folder with the Docker daemon of the test run. */
export function dockerBuild(folder: string, tag: string): void {
  const { status, stdout, stderr } = spawnSync("docker", ["build", "--quiet", "-t", tag, folder], {
    env: { ...process.env, DOCKER_BUILDKIT: "0" },
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`docker build of ${folder}: ${stdout}${stderr}`);
}
