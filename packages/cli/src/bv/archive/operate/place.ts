import { lstatSync, mkdirSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { DaemonClient } from "../../../daemon/client.ts";
import { nodeView } from "../../../daemon/node-view.ts";
import { Failure, reason, systemCode } from "../../../failure/failure.ts";
import type { Output } from "../../../output/output.ts";
import { whichNode } from "../../node/which-node.ts";
import type { OperateOptions, OperateVerb } from "../verbs.ts";

export interface DataPlace {
  /** Absolute: the protocol data. */
  readonly folder: string;
  /** Where a transfer that was cut finds out how far it was. */
  readonly state: string;
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
  const place = data === undefined ? await placeOfNode(out, node ?? "", signal) : placeOfFolder(data);
  if (verb === "fetch") create(place.folder);
  requireFolder(place.folder);
  return place;
}

function placeOfFolder(data: string): DataPlace {
  const folder = resolve(data);
  // Beside the data: what lies in them would be pushed along.
  return { folder, state: join(dirname(folder), `.${basename(folder)}.archive`) };
}

/** Data that are in use change while they are read, and nobody may write into them. */
async function placeOfNode(out: Output, given: string, signal: AbortSignal): Promise<DataPlace> {
  const daemon = new DaemonClient(out);
  const node = nodeView(await daemon.call("GetNode", { node: await whichNode(daemon, given) }, { signal }));
  if (node.status !== "Stopped") {
    throw new Failure("node-busy", `node ${node.name} is not stopped: its jobs could change the data meanwhile`, {
      hint: `stop it first: bv node stop ${node.name}`,
    });
  }
  const data = join(node.directory, "data");
  return { folder: join(data, "protocol_data"), state: join(data, ".babel_jobs/archive-tool") };
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
