import type { Database } from "../database/open-database.ts";
import type { CommandType, ExitCodeName } from "../database/schema.ts";
import { addCommand } from "./add-command.ts";
import type { CommandRow } from "./command-message.ts";

/** The host could not do it now: it is asked again for a day (CA-3.5). */
const notNow: readonly ExitCodeName[] = ["blocking_job_running", "service_not_ready"];
const patienceMs = 24 * 3600_000;
const defaultPauseSeconds = 60;
const longestPauseSeconds = 3600;

/** Doing these twice is like doing them once, so an unexplained failure is worth another try. */
const idempotent: readonly CommandType[] = ["node_start", "node_stop", "node_update"];
const mostAttempts = 3;

/** A newer command of one of these kinds makes an older one of the same group pointless. */
const runState: readonly CommandType[] = ["node_start", "node_stop", "node_restart", "node_delete"];

/** Queues a failed command again if that makes sense. @returns whether the command is still on its way */
export async function retry(tx: Database, command: CommandRow): Promise<boolean> {
  const pause = pauseBefore(command);
  if (pause === undefined || command.node_id === null) return false;
  const later = await tx
    .selectFrom("commands")
    .select("command_type")
    .where("node_id", "=", command.node_id)
    .where("host_id", "=", command.host_id)
    .where("sequence", ">", command.sequence)
    .execute();
  const superseded = later.some(
    ({ command_type }) =>
      command_type === "node_delete" ||
      command_type === command.command_type ||
      (runState.includes(command_type) && runState.includes(command.command_type)),
  );
  if (superseded) return true;
  await addCommand(tx, {
    hostId: command.host_id,
    nodeId: command.node_id,
    type: command.command_type,
    ...(command.payload === null ? {} : { payload: command.payload }),
    ...(command.undo === null ? {} : { undo: command.undo }),
    retry: {
      attempt: command.attempt + 1,
      firstAttemptAt: command.first_attempt_at,
      notBefore: new Date(Date.now() + pause * 1000),
    },
  });
  return true;
}

/** @returns seconds, or undefined when it is not tried again */
function pauseBefore(command: CommandRow): number | undefined {
  if (command.exit_code === null) return undefined;
  const patient = Date.now() - command.first_attempt_at.getTime() < patienceMs;
  if (notNow.includes(command.exit_code)) {
    if (!patient) return undefined;
    const hint = command.retry_hint_seconds ?? BigInt(defaultPauseSeconds);
    return Math.min(Math.max(Number(hint), 1), longestPauseSeconds);
  }
  const growing = Math.min(defaultPauseSeconds * 2 ** (command.attempt - 1), longestPauseSeconds);
  // A node must not stay behind on its host, so a deletion is never given up (CA-3.3).
  if (command.command_type === "node_delete") return growing;
  const worthIt = command.exit_code === "internal_error" && idempotent.includes(command.command_type);
  return worthIt && command.attempt < mostAttempts ? growing : undefined;
}
