import type { Call } from "../../command/verb.ts";
import { failureCode, failureExit } from "../../failure/codes.ts";
import { Failure } from "../../failure/failure.ts";
import type { Output } from "../../output/output.ts";
import { checkAgent } from "./checks/agent.ts";
import { checkBroker } from "./checks/broker.ts";
import { checkControlPlane } from "./checks/control-plane.ts";
import { checkDaemon } from "./checks/daemon.ts";
import { checkDisk } from "./checks/disk.ts";
import { checkDiskLimit } from "./checks/disk-limit.ts";
import { checkKernel } from "./checks/kernel.ts";
import { checkNetwork } from "./checks/network.ts";
import { checkPermissions, readConfig } from "./checks/permissions.ts";
import { checkRuntime } from "./checks/runtime.ts";
import { checkTools } from "./checks/tools.ts";
import type { Check, Finding, Level } from "./finding.ts";

const checks: readonly Check[] = [
  checkKernel,
  checkTools,
  checkAgent,
  checkRuntime,
  checkNetwork,
  checkDisk,
  checkDiskLimit,
  checkPermissions,
  checkControlPlane,
];

/** `bv doctor` (host-daemon DB-2.11): looks at the machine, with or without a daemon. Exit code 1 when nodes cannot run as it is. */
export async function doctor({ out, signal }: Call<object, []>): Promise<void> {
  const patient = { config: readConfig().config, signal };
  const findings: Finding[] = [];
  for (const check of [...checks, () => checkBroker(patient, out), () => checkDaemon({ out, signal })]) {
    for (const finding of await check(patient)) {
      findings.push(finding);
      print(out, finding);
    }
  }
  const count = (level: Level): number => findings.filter((finding) => finding.level === level).length;
  const [errors, warnings] = [count("error"), count("warning")];
  out.line();
  out.line(errors + warnings === 0 ? "All is well." : `${times(errors, "error")}, ${times(warnings, "warning")}.`);
  out.document({ healthy: errors === 0, errors, warnings, findings });
  if (errors === 0) return;
  const message = `nodes cannot run on this machine as it is: ${times(errors, "error")}`;
  if (out.format === "text") throw new Failure("check-failed", message, { hint: "each finding above names its fix" });
  out.failure({ code: failureCode(out.program, "check-failed"), message });
  process.exitCode = failureExit(out.program, "check-failed");
}

const marks: Readonly<Record<Level, readonly [mark: string, colour: "green" | "yellow" | "red"]>> = {
  ok: ["ok", "green"],
  warning: ["warning", "yellow"],
  error: ["error", "red"],
};

function print(out: Output, { check, level, message, fix }: Finding): void {
  const [mark, colour] = marks[level];
  out.line(`${out.paint(colour, mark.padEnd(8))}${check.padEnd(13)}${message}`);
  if (fix !== "") out.line(`${" ".repeat(21)}fix: ${fix}`);
}

function times(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
