import { existsSync } from "node:fs";
import { OperationError } from "@blockvisor/image/container";
import { CONTAINER_CAPABILITIES } from "./capabilities.ts";
import type { ContainerSpec, ExecSpec } from "./container-runtime.ts";
import { hostNameOf } from "./host-files.ts";

/** The same privileges as under the oci runtime, whatever apptainer.conf gives root. */
export const PRIVILEGES = ["--no-privs", "--add-caps", CONTAINER_CAPABILITIES.join(",")];

/** Apptainer's root may write what its file modes allow; these files reach beyond the container. */
const READ_ONLY_PROC = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/** Options of `apptainer instance run` (spec host-daemon §5.4). */
export function runOptions(
  spec: ContainerSpec,
  host: {
    readonly sysfs: string;
    readonly runScript: string;
    readonly ramdisks: readonly { readonly source: string; readonly destination: string }[];
  },
): readonly string[] {
  return [
    ...["--containall", "--cleanenv", "--writable", "--no-eval", "--no-mount", "home,cwd,tmp,sys"],
    ...["--hostname", hostNameOf(spec.hostname)],
    ...PRIVILEGES,
    ...mount(host.sysfs, "/sys", true),
    ...mount(host.runScript, "/.singularity.d/runscript", true),
    ...READ_ONLY_PROC.filter((path) => existsSync(path)).flatMap((path) => mount(path, path, true)),
    ...host.ramdisks.flatMap(({ source, destination }) => mount(source, destination, false)),
    ...spec.mounts.flatMap(({ source, destination, readOnly }) => mount(source, destination, readOnly)),
  ];
}

/** Options, instance and command of `apptainer exec`. */
export function execOptions(spec: ContainerSpec, command: Pick<ExecSpec, "argv" | "cwd">): readonly string[] {
  const instance = `instance://${spec.nodeId}`;
  return ["--cleanenv", "--no-eval", ...PRIVILEGES, "--pwd", command.cwd ?? "/", instance, ...command.argv];
}

/**
 * The container's environment as Apptainer takes it literally: through its own. `--env` splits at commas, `--env-file` is read as a
 * shell script (spec host-daemon DB-5.6).
 */
export function apptainerEnvironment(env: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const path = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" };
  // HOME is Apptainer's own affair: it warns about it on every call.
  const entries = Object.entries({ ...path, ...env }).filter(([name]) => name !== "HOME");
  return Object.fromEntries(entries.map(([name, value]) => [`APPTAINERENV_${name}`, value]));
}

/** `--mount` takes CSV, so any path can be quoted; `--bind` would split at colons and commas. */
function mount(source: string, destination: string, readOnly: boolean): readonly string[] {
  if (/[\n"]/.test(source + destination)) {
    throw new OperationError("container-start-failed", `'${destination}' cannot be mounted by Apptainer`);
  }
  const fields = ["type=bind", `"source=${source}"`, `"destination=${destination}"`, ...(readOnly ? ["ro"] : [])];
  return ["--mount", fields.join(",")];
}
