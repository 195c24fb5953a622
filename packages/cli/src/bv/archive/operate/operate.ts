import type { Call } from "../../../command/verb.ts";
import { Failure } from "../../../failure/failure.ts";
import type { Output } from "../../../output/output.ts";
import type { OperateOptions, OperateVerb } from "../verbs.ts";
import { operateOnFolder } from "./folder.ts";
import { operateOnNode } from "./node.ts";
import { showPlan, type UploadPlan } from "./plan-view.ts";
import type { ToolEnd } from "./tool.ts";
import type { ToolEvent } from "./tool-event.ts";
import { TransferDisplay } from "./transfer-display.ts";

type Damage = Extract<ToolEvent, { event: "damage" }>;
type Result = Extract<ToolEvent, { event: "result" }>;

/** `bv archive verify | repair | fetch | push`: the agent's own engines, outside of any node, with the rights of this host at the control plane. */
export async function operate(call: Call<OperateOptions, [storeKey: string]>, verb: OperateVerb): Promise<void> {
  const { out, args, options, signal } = call;
  const [storeKey] = args;
  const level = levelOf(options.compression);
  if ((options.data === undefined) === (options.node === undefined)) {
    throw new Failure("usage", "say whose data: either --data FOLDER or --node NODE");
  }
  const display = new TransferDisplay(out);
  const damaged: Damage[] = [];
  let result: Result | undefined;
  let plan: UploadPlan | undefined;
  const heard = (event: ToolEvent): void => {
    if (event.event === "damage") damaged.push(event);
    if (event.event === "plan") plan = event;
    if (event.event === "result") result = event;
    display.show(event);
  };
  const work = options.node === undefined ? operateOnFolder : operateOnNode;
  const end = await work(call, verb, level, heard)
    .catch((error: unknown) => {
      if (!signal.aborted) throw error;
    })
    .finally(() => display.end());
  if (end === undefined || signal.aborted) {
    throw new Failure("interrupted", `stopped; the same command goes on with the ${verb}`);
  }
  const archive = `${storeKey}${result?.data_version === undefined ? "" : ` version ${result.data_version}`}`;
  refuse(verb, archive, end, result, damaged);
  if (plan !== undefined) showPlan(out, storeKey, plan);
  else report(out, verb, storeKey, archive, result, damaged);
}

/** `zstd:3`, `none`; zstd:3 unless something is said. */
function levelOf(text = "zstd:3"): number | undefined {
  if (text === "none") return undefined;
  const level = Number(/^zstd:(-?\d{1,2})$/.exec(text)?.[1]);
  if (level >= -7 && level <= 22 && level !== 0) return level;
  throw new Failure("usage", `'${text}' is no compression`, { hint: "give zstd:LEVEL (1 to 22, or -7 to -1) or none" });
}

/** @throws what went wrong, if anything did */
function refuse(
  verb: OperateVerb,
  archive: string,
  end: ToolEnd,
  result: Result | undefined,
  damaged: readonly Damage[],
): void {
  switch (result?.kind) {
    case "complete":
    case "planned":
      return;
    case "damaged":
      throw new Failure("archive-damaged", `${damaged.length} chunks differ from ${archive}`, {
        excerpt: damaged.map(damageText).join("\n"),
        hint: "`bv archive repair` fetches them again",
        data: { damaged_chunks: damaged.map(damageView) },
      });
    case "absent":
      throw new Failure("api-not-found", `there is no ${archive}`, { hint: "`bv archive list` shows what there is" });
    case "failed":
      throw new Failure("archive-failed", `cannot ${verb} ${archive}: ${result.message ?? ""}`);
    case undefined:
      throw new Failure(
        "archive-failed",
        `cannot ${verb} ${archive}: the archive tool ended with ${end.status ?? "a signal"}`,
        {
          excerpt: end.stderr || undefined,
        },
      );
  }
}

function report(
  out: Output,
  verb: OperateVerb,
  storeKey: string,
  archive: string,
  result: Result | undefined,
  damaged: readonly Damage[],
): void {
  const repaired = result?.repaired ?? 0;
  const said: Readonly<Record<OperateVerb, string>> = {
    verify: `The data are ${archive}`,
    repair: `The data are ${archive}; ${repaired === 0 ? "nothing was damaged" : `${repaired} damaged chunks were fetched again`}`,
    fetch: `Fetched ${archive}`,
    push: `Pushed ${archive}`,
  };
  out.line(said[verb]);
  out.document({
    verb,
    store_key: storeKey,
    data_version: result?.data_version ?? null,
    total_size: result?.total_size ?? null,
    ...(verb === "repair" ? { repaired, damaged_chunks: damaged.map(damageView) } : {}),
    ...(verb === "push" ? { bytes_transferred: result?.bytes_transferred ?? null } : {}),
  });
}

const damageView = ({ chunk, files, reason }: Damage) => ({ chunk, files, reason });

function damageText({ chunk, files, reason }: Damage): string {
  const [first = "", ...more] = files;
  return `chunk ${chunk}: ${first}${more.length > 0 ? ` and ${more.length} more files` : ""}: ${reason}`;
}
