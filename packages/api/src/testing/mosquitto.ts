import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { freePort } from "./postgres.ts";

/** A private Mosquitto that lets everybody in: what clients may do is the embedded broker's and the hooks' tests. */
export async function startMosquitto(): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const directory = await mkdtemp(path.join(tmpdir(), "blockvisor-mosquitto-"));
  const port = await freePort();
  const file = path.join(directory, "mosquitto.conf");
  await writeFile(file, `listener ${port} 127.0.0.1\nallow_anonymous true\npersistence false\n`);
  const server = spawn("mosquitto", ["-c", file, "-v"], { stdio: ["ignore", "ignore", "pipe"] });
  await new Promise<void>((resolve, reject) => {
    let said = "";
    server.once("error", () =>
      reject(new Error("Mosquitto is not installed; run ./dev setup (Debian package mosquitto).")),
    );
    server.stderr.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      if (/mosquitto version .* running/.test(said)) resolve();
    });
    server.once("exit", () => reject(new Error(`Mosquitto did not start:\n${said}`)));
  });
  return {
    url: `mqtt://127.0.0.1:${port}`,
    async stop() {
      const exited = once(server, "exit");
      server.kill("SIGTERM");
      await exited;
      await rm(directory, { recursive: true, force: true });
    },
  };
}
