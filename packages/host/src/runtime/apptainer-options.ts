import { existsSync, statSync } from "node:fs";
import { OperationError } from "@blockvisor/image/container";
import type { ApptainerGround } from "./apptainer-ground.ts";
import { EMPTY_FOLDER, SECCOMP_FILE } from "./apptainer-state.ts";
import { capabilitiesOf } from "./capabilities.ts";
import type { ContainerSpec, ExecSpec } from "./container-runtime.ts";
import { hostNameOf } from "./host-files.ts";
import { MASKED_PATHS, READ_ONLY_PATHS } from "./kernel-paths.ts";

/** The same privileges as under the oci runtime, whatever apptainer.conf gives root. */
function privileges(spec: ContainerSpec, { folder }: ApptainerGround): readonly string[] {
  const capabilities = ["--no-privs", "--add-caps", capabilitiesOf(spec).join(",")];
  return spec.privileged ? capabilities : [...capabilities, "--security", `seccomp:${folder}/${SECCOMP_FILE}`];
}

/** What every container is started with. */
export function containerOptions(spec: ContainerSpec, ground: ApptainerGround): readonly string[] {
  return [
    ...["--containall", "--cleanenv", "--writable", "--no-eval", "--no-mount", "home,cwd,tmp,sys"],
    ...["--hostname", hostNameOf(spec.hostname)],
    ...privileges(spec, ground),
    ...mount(ground.sysfs, "/sys", !spec.privileged),
    ...(spec.privileged ? mount("/dev", "/dev", false) : kernelMounts(ground)),
    ...ground.ramdisks.flatMap(({ source, destination }) => mount(source, destination, false)),
    ...ground.mounts.flatMap(({ source, destination, readOnly }) => mount(source, destination, readOnly)),
  ];
}

/** Options of `apptainer instance run` (spec host-daemon §5.4). */
export function runOptions(spec: ContainerSpec, ground: ApptainerGround, runScript: string): readonly string[] {
  return [...containerOptions(spec, ground), ...mount(runScript, "/.singularity.d/runscript", true)];
}

/** Options, instance and command of `apptainer exec`. */
export function execOptions(
  spec: ContainerSpec,
  ground: ApptainerGround,
  command: Pick<ExecSpec, "argv" | "cwd">,
): readonly string[] {
  const instance = `instance://${spec.nodeId}`;
  return [
    "--cleanenv",
    "--no-eval",
    ...privileges(spec, ground),
    "--pwd",
    command.cwd ?? "/",
    instance,
    ...command.argv,
  ];
}

function kernelMounts(ground: ApptainerGround): readonly string[] {
  return [
    ...READ_ONLY_PATHS.filter((path) => existsSync(path)).flatMap((path) => mount(path, path, true)),
    ...MASKED_PATHS.flatMap((path) => mask(path, ground)),
  ];
}

/** Nothing is to be read at a path of the kernel's. */
function mask(path: string, { folder }: ApptainerGround): readonly string[] {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return [];
  return mount(found.isDirectory() ? `${folder}/${EMPTY_FOLDER}` : "/dev/null", path, true);
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
