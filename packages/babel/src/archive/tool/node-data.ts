import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { isMissing } from "../../errno.ts";
import { ProtocolData } from "../../protocol-data/state.ts";
import { TransferFault } from "../transfer/fault.ts";

/** No job can be called so: whether it was a job that worked on the data since is seen by that. */
export const FETCH = "bv archive fetch";

/**
 * The data volume of a node that is down, when its protocol data are fetched from outside: what its jobs go by when it comes up is kept true,
 * so that no service runs on half of them, and nothing is fetched again that is all there. (D2-16)
 */
export class NodeData {
  readonly #mount: string;
  readonly #data: ProtocolData;

  constructor(mount: string) {
    this.#mount = mount;
    this.#data = new ProtocolData(mount);
  }

  /** Who has begun to fill the data and has not finished. */
  async filling(): Promise<string | undefined> {
    await this.#requireFolder();
    return this.#data.filling();
  }

  /** Before the first file is touched. */
  async begin(): Promise<void> {
    await this.#requireFolder();
    await this.#data.begin(FETCH);
    await this.#data.touch();
    await this.#forgetDownloads();
  }

  /** Everything is there, verified and on the disk. */
  async finish(storeKey: string, dataVersion: number, totalSize: number): Promise<void> {
    await this.#data.finish({
      source: "download",
      store_key: storeKey,
      data_version: dataVersion,
      total_size: totalSize,
      finished_at: Date.now(),
    });
  }

  /** The node could have put a link there, which leads to where it must not write itself. */
  async #requireFolder(): Promise<void> {
    const found = (await readdir(this.#mount, { withFileTypes: true })).find(({ name }) => name === ".babel_jobs");
    if (found === undefined || found.isDirectory()) return;
    throw new TransferFault("permanent", `${this.#data.folder} is not a folder`);
  }

  /** What jobs of the node know of their own downloads is over: without a plan they begin anew. */
  async #forgetDownloads(): Promise<void> {
    for (const job of await foldersOf(this.#data.folder)) {
      await rm(join(job, "plan.json"), { force: true });
      for (const client of await foldersOf(job)) await rm(join(client, "plan.json"), { force: true });
    }
  }
}

async function foldersOf(path: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(path, name));
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}
