import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withoutSightOf } from "@blockvisor/image/container";
import { tryApptainer } from "../apptainer-trial.ts";
import { error, type Finding, ok, type Patient, warning } from "../finding.ts";
import { attempt, isInstalled, type Trial } from "../trial.ts";
import { agentBusybox } from "./agent.ts";

const ociPrograms = ["crun", "runc"] as const;

/** Containers are really run, in each runtime that is here; one that works is enough, unless the configuration wants another. */
export async function checkRuntime({ config, signal }: Patient): Promise<readonly Finding[]> {
  const wanted = typeof config?.runtime === "string" ? config.runtime : "auto";
  const trials: { readonly program: string; readonly kind: "oci" | "apptainer"; readonly trial: Trial }[] = [];
  for (const program of ociPrograms) {
    if (isInstalled(program)) trials.push({ program, kind: "oci", trial: await tryOci(program, signal) });
  }
  if (isInstalled("apptainer")) {
    const trial = await tryApptainer(agentBusybox(), signal);
    trials.push({ program: "apptainer", kind: "apptainer", trial });
  }
  const works = trials.find(({ kind, trial }) => trial.worked && (wanted === "auto" || wanted === kind));
  const fix =
    wanted === "apptainer" ? fixOfApptainer(trials.some(({ kind }) => kind === wanted)) : "apt-get install crun";
  if (!works && trials.length === 0) return [error("runtime", "neither crun, runc nor apptainer is installed", fix)];
  return [
    ...(works ? [ok("runtime", `${works.program} runs containers`)] : []),
    ...trials.flatMap(({ program, trial }) => {
      if (trial.worked) return [];
      const told = `${program} runs no container: ${trial.reason}`;
      return [works ? warning("runtime", told, `${works.program} is used instead`) : error("runtime", told, fix)];
    }),
    ...(works || trials.some(({ trial }) => !trial.worked)
      ? []
      : [error("runtime", `the configuration wants ${wanted}, which is not installed`, fix)]),
  ];
}

function fixOfApptainer(installed: boolean): string {
  if (!installed) return "install apptainer 1.4";
  return `install apptainer 1.4 and see what it says to: apptainer --debug exec ROOTFS /bin/true; or write "runtime": "oci" into blockvisor.json`;
}

/** Version 2 of cgroups beside version 1, which crun cannot stand: the host hides it, too. */
const HYBRID = "/sys/fs/cgroup/unified";

/** A container of one static program that ends at once. */
async function tryOci(program: string, signal: AbortSignal): Promise<Trial> {
  const busybox = agentBusybox();
  if (busybox === undefined) return { worked: false, reason: "there is no agent to run in it" };
  const folder = mkdtempSync(join(tmpdir(), "bv-doctor-"));
  try {
    mkdirSync(join(folder, "rootfs/proc"), { recursive: true });
    copyFileSync(busybox, join(folder, "rootfs/busybox"));
    writeFileSync(join(folder, "config.json"), JSON.stringify(trialConfig()));
    const words = ["--root", join(folder, "state"), "run", "--bundle", folder, `bv-doctor-${process.pid}`];
    const isHidden = program === "crun" && existsSync(HYBRID);
    const [tool, ...args] = isHidden ? withoutSightOf(HYBRID, [program, ...words]) : [program, ...words];
    return await attempt(tool, args, signal);
  } catch (failure) {
    return { worked: false, reason: (failure as Error).message };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function trialConfig() {
  const process_ = { args: ["/busybox", "true"], cwd: "/", user: { uid: 0, gid: 0 }, noNewPrivileges: true };
  const namespaces = ["pid", "mount", "ipc", "uts", "network"].map((type) => ({ type }));
  return {
    ociVersion: "1.0.2",
    process: process_,
    root: { path: "rootfs", readonly: true },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      // The folder may lie where devices may not.
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755", "size=64k"] },
    ],
    linux: { namespaces, cgroupsPath: `/bv-doctor-${process.pid}` },
  };
}
