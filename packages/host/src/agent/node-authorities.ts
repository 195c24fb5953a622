import { open, unlink } from "node:fs/promises";
import { join } from "node:path";
import { writeForThisBoot } from "../durable/index.ts";
import { HostError } from "../errors/host-error.ts";
import { readRootedFile } from "../rootfs/index.ts";

const mostBytes = 1024 * 1024;

/**
 * Certificate authorities that a host trusts besides the usual ones, for an object store with certificates of its own: its nodes' babel finds a copy
 * of the file in the folder of its sockets, and trusts them; jobs do not. (spec babel-agent §9.7)
 *
 * @param file PEM; undefined: no more than the usual ones, whatever there was before @throws HostError `config_error`
 */
export async function giveAuthorities(runDirectory: string, file: string | undefined): Promise<void> {
  const path = join(runDirectory, "ca.pem");
  if (file === undefined) {
    return unlink(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
    });
  }
  const wanted = await certificatesIn(file);
  // What a container has put there instead is none.
  const given = await readRootedFile(runDirectory, "ca.pem", { maxBytes: mostBytes }).catch(() => undefined);
  if (given === undefined || !wanted.equals(given)) await writeForThisBoot(path, wanted, 0o644);
}

async function certificatesIn(file: string): Promise<Buffer> {
  const hint =
    "`ca_file` in blockvisor.json, else NODE_EXTRA_CA_CERTS of the daemon, names a file of PEM certificates, at most 1 MiB";
  try {
    await using handle = await open(file);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(mostBytes + 1));
    if (bytesRead <= mostBytes && buffer.includes("-----BEGIN CERTIFICATE-----")) return buffer.subarray(0, bytesRead);
  } catch (error) {
    throw new HostError("config_error", `cannot read ${file}: ${(error as Error).message}`, { hint });
  }
  throw new HostError("config_error", `${file} has no certificates`, { hint });
}
