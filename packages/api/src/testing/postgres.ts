import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A private PostgreSQL cluster in a temporary directory, run by an unprivileged user. */
export async function startPostgres(): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const bin = await binaries();
  const directory = await mkdtemp(path.join(tmpdir(), "blockvisor-postgres-"));
  const user = process.getuid?.() === 0 ? await userId("postgres") : undefined;
  const as = user === undefined ? {} : { uid: user.uid, gid: user.gid };
  if (user !== undefined) await run("chown", [`${user.uid}:${user.gid}`, directory]);
  await chmod(directory, 0o700);
  const data = path.join(directory, "data");
  await run(
    path.join(bin, "initdb"),
    ["-D", data, "-U", "api", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C"],
    as,
  );
  const port = await freePort();
  const server = spawn(
    path.join(bin, "postgres"),
    ["-D", data, "-p", String(port), "-c", "listen_addresses=127.0.0.1", "-k", directory, "-F"],
    { ...as, stdio: ["ignore", "ignore", "pipe"] },
  );
  await new Promise<void>((resolve, reject) => {
    let said = "";
    server.stderr.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes("ready to accept connections")) resolve();
    });
    server.once("exit", () => reject(new Error(`PostgreSQL did not start:\n${said}`)));
  });
  await run(path.join(bin, "createdb"), ["-h", "127.0.0.1", "-p", String(port), "-U", "api", "blockvisor"]);
  return {
    url: `postgres://api@127.0.0.1:${port}/blockvisor`,
    async stop() {
      const exited = once(server, "exit");
      server.kill("SIGINT");
      await exited;
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function binaries(): Promise<string> {
  const root = "/usr/lib/postgresql";
  const versions = await readdir(root).catch(() => []);
  const newest = versions.sort((left, right) => Number(right) - Number(left))[0];
  if (newest === undefined)
    throw new Error("PostgreSQL is not installed; run ./dev setup (Debian package postgresql).");
  return path.join(root, newest, "bin");
}

async function userId(name: string): Promise<{ readonly uid: number; readonly gid: number }> {
  const [uid, gid] = await Promise.all([run("id", ["-u", name]), run("id", ["-g", name])]);
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
}

export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
