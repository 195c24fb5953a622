import { existsSync } from "node:fs";
import { reason } from "../../../failure/failure.ts";
import { error, type Finding, ok, type Patient, warning } from "../finding.ts";
import { attempt, isInstalled } from "../trial.ts";

const answerMs = 10_000;
/** Tokens and signed URLs are good for minutes; a clock further off breaks them. */
const mostSkewMs = 30_000;

/** The API answers, and its clock agrees with ours; without an API only what this machine itself knows of its clock. */
export async function checkControlPlane(patient: Patient): Promise<readonly Finding[]> {
  const { config, signal } = patient;
  const url = config?.nodexeus_api_url ?? config?.blockjoy_api_url;
  if (config?.mode === "dev" || typeof url !== "string") {
    return [ok("api", "no control plane is used here"), await localClock(patient)];
  }
  let answer: Response;
  const sent = Date.now();
  try {
    answer = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(answerMs)]), redirect: "manual" });
    await answer.body?.cancel();
  } catch (failure) {
    signal.throwIfAborted();
    const cause = failure instanceof Error && failure.cause !== undefined ? failure.cause : failure;
    const fix =
      "check network, DNS and firewall, and nodexeus_api_url in blockvisor.json; nodes go on running meanwhile";
    return [error("api", `${url} does not answer: ${reason(cause)}`, fix), await localClock(patient)];
  }
  const reached = ok("api", `${url} answers`);
  const theirs = Date.parse(answer.headers.get("date") ?? "");
  if (Number.isNaN(theirs)) return [reached, await localClock(patient)];
  const skew = theirs - (sent + Date.now()) / 2;
  const told = `${Math.abs(skew / 1000).toFixed(0)} s ${skew > 0 ? "behind" : "ahead of"} the API's`;
  if (Math.abs(skew) < mostSkewMs) return [reached, ok("clock", "agrees with the API's")];
  return [reached, error("clock", `this machine's clock is ${told}`, "timedatectl set-ntp true")];
}

async function localClock({ signal }: Patient): Promise<Finding> {
  const synchronised = ok("clock", "is kept in step by a time server");
  if (existsSync("/run/systemd/timesync/synchronized")) return synchronised;
  if (isInstalled("timedatectl")) {
    const told = await attempt("timedatectl", ["show", "--property=NTPSynchronized", "--value"], signal);
    if (told.worked && told.said.trim() === "yes") return synchronised;
  }
  if (isInstalled("chronyc")) {
    const told = await attempt("chronyc", ["tracking"], signal);
    if (told.worked && told.said.includes("Normal")) return synchronised;
  }
  return warning("clock", "nothing here says that the clock is kept in step", "timedatectl set-ntp true");
}
