import { lstatSync, mkdirSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { DaemonClient } from "../../../daemon/client.ts";
import { nodeView } from "../../../daemon/node-view.ts";
import { Failure, reason, systemCode } from "../../../failure/failure.ts";
import type { Output } from "../../../output/output.ts";
import { whichNode } from "../../node/which-node.ts";
import type { OperateOptions, OperateVerb } from "../verbs.ts";
import { holdNode } from "./hold.ts";

export interface DataPlace extends Disposable {
  /** Absolute: the protocol data. */
  readonly folder: string;
  /** Where a transfer that was cut finds out how far it was. */
  readonly state: string;
  /** The data volume of the node, whose jobs go by what is noted there. */
  readonly mount?: string;
}

/** The folder that `--data` or `--node` means. */
export async function dataPlace(
  out: Output,
  { data, node }: OperateOptions,
  verb: OperateVerb,
  signal: AbortSignal,
): Promise<DataPlace> {
  if ((data === undefined) === (node === undefined)) {
    throw new Failure("usage", "say whose data: either --data FOLDER or --node NODE");
  }
  const place = data === undefined ? await placeOfNode(out, node ?? "", verb, signal) : placeOfFolder(data);
  try {
    if (verb === "fetch") create(place.folder);
    requireFolder(place.folder);
    return place;
  } catch (error) {
    place[Symbol.dispose]();
    throw error;
  }
}

function placeOfFolder(data: string): DataPlace {
  const folder = resolve(data);
  // Beside the data: what lies in them would be pushed along.
  return { folder, state: join(dirname(folder), `.${basename(folder)}.archive`), ...free };
}

const free: Disposable = { [Symbol.dispose]: () => undefined };

/** Data that are in use change while they are read, and nobody may write into them: who writes keeps the node from being started. */
async function placeOfNode(out: Output, given: string, verb: OperateVerb, signal: AbortSignal): Promise<DataPlace> {
  const daemon = new DaemonClient(out);
  const reference = await whichNode(daemon, given);
  const look = async () => nodeView(await daemon.call("GetNode", { node: reference }, { signal }));
  const { name, directory } = requireStopped(await look());
  const writes = verb === "fetch" || verb === "repair";
  const hold = writes ? holdNode(directory, name, `bv archive ${verb}`) : free;
  try {
    // It may have been started before we held it.
    if (writes) requireStopped(await look());
  } catch (error) {
    hold[Symbol.dispose]();
    throw error;
  }
  const mount = join(directory, "data");
  // Beside the data, where the node itself cannot put anything in our way.
  return {
    folder: join(mount, "protocol_data"),
    state: join(directory, "archive-tool"),
    mount,
    [Symbol.dispose]: () => hold[Symbol.dispose](),
  };
}

function requireStopped(node: ReturnType<typeof nodeView>) {
  if (node.status === "Stopped") return node;
  throw new Failure("node-busy", `node ${node.name} is not stopped: its jobs could change the data meanwhile`, {
    hint: `stop it first: bv node stop ${node.name}`,
  });
}

function create(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new Failure("file-unwritable", `cannot make ${folder}`, { causes: [reason(error)] });
  }
}

/** A link in a node's data could lead anywhere. */
function requireFolder(folder: string): void {
  try {
    if (lstatSync(folder).isDirectory()) return;
  } catch (error) {
    if (systemCode(error) !== "ENOENT")
      throw new Failure("file-unreadable", `cannot look at ${folder}`, { causes: [reason(error)] });
    throw new Failure("file-unreadable", `there is no folder ${folder}`);
  }
  throw new Failure("file-unreadable", `${folder} is not a folder`);
}
