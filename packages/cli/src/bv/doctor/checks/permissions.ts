import { readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { reason } from "../../../failure/failure.ts";
import { daemonSocketPath, hostConfigPath, stateDirectory } from "../../../place/root.ts";
import { error, type Finding, type HostConfigJson, ok, type Patient, warning } from "../finding.ts";

/** What holds secrets, or gives power over nodes, is nobody else's to read or write. */
export function checkPermissions({ config }: Patient): readonly Finding[] {
  const socket = daemonSocketPath();
  return [
    configuration(config),
    ...narrow(hostConfigPath(), config && "token" in config ? 0o077 : 0o022),
    ...narrow(join(stateDirectory(), "auth.json"), 0o077),
    ...narrow(join(stateDirectory(), "nodes"), 0o077),
    ...narrow(dirname(socket), 0o027),
    ...narrow(socket, 0o007),
  ];
}

function configuration(config: HostConfigJson | undefined): Finding {
  const path = hostConfigPath();
  if (config) return ok("config", `${path} can be read`);
  const problem = readConfig().problem;
  if (problem === undefined) {
    return warning(
      "config",
      `${path} does not exist: this machine is not registered`,
      "bvup TOKEN; or blockvisord --dev",
    );
  }
  return error(
    "config",
    `${path} cannot be used: ${problem}`,
    "correct the file, or register the host again with bvup",
  );
}

/** The configuration; without it, `problem` says why it cannot be read (absent: there is none). */
export function readConfig(): { readonly config?: HostConfigJson; readonly problem?: string } {
  let text: string;
  try {
    text = readFileSync(hostConfigPath(), "utf8");
  } catch (failure) {
    return (failure as NodeJS.ErrnoException).code === "ENOENT" ? {} : { problem: reason(failure) };
  }
  try {
    const config: unknown = JSON.parse(text);
    if (typeof config === "object" && config !== null) return { config };
    return { problem: "it is no JSON object" };
  } catch (failure) {
    return { problem: reason(failure) };
  }
}

/** Nothing to say of what is not there. */
function narrow(path: string, forbidden: number): readonly Finding[] {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return [];
  const mode = stat.mode & 0o777;
  const octal = (bits: number): string => bits.toString(8).padStart(4, "0");
  const problems = [
    ...((mode & forbidden) === 0
      ? []
      : [{ told: `its mode is ${octal(mode)}`, fix: `chmod ${octal(mode & ~forbidden)} ${path}` }]),
    ...(stat.uid === 0 ? [] : [{ told: `it belongs to user ${stat.uid}`, fix: `chown root ${path}` }]),
  ];
  if (problems.length === 0) return [ok("permissions", `${path} (${octal(mode)})`)];
  const told = problems.map((problem) => problem.told).join(", ");
  return [error("permissions", `${path}: ${told}`, problems.map(({ fix }) => fix).join(" && "))];
}
