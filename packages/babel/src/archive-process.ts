import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isFinal } from "./archive/final-fault.ts";
import { reportDisk } from "./archive/report-disk.ts";
import type { ArchiveRunner } from "./archive/task.ts";
import { messageOf } from "./errno.ts";
import { invalid } from "./failure.ts";
import { readBounded, replaceFile } from "./files/durable.ts";
import type { JobConfig } from "./jobs/config.ts";
import { parseConfig } from "./jobs/config-file.ts";
import { FINAL_STATUS, failureFile, resultFile } from "./jobs/program.ts";
import { inRoot, type Paths } from "./paths.ts";
import { currentBoot } from "./process/identity.ts";
import { ProtocolData } from "./protocol-data/state.ts";
import { loadConf } from "./setup/conf.ts";

const CONFIG_LIMIT = 1024 * 1024;

/** One attempt of an archive job, as a process; the exit status is 0, 1, or `FINAL_STATUS`, the reason of a failure is in a file. (§3.5) */
export async function runArchiveProcess(name: string, paths: Paths, run: ArchiveRunner): Promise<number> {
  const folder = join(paths.jobs, name);
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stop.abort());
  try {
    const conf = await loadConf(paths.conf, await currentBoot());
    if (conf === undefined) throw new Error("the node is not set up");
    const config = await configIn(folder);
    const mount = inRoot(paths, conf.node_env.data_mount_point);
    const task = {
      ...{ name, config, folder, conf },
      protocolData: new ProtocolData(mount),
      engineSocket: paths.engineSocket,
      signal: stop.signal,
      log: (line: string) => console.log(line),
    };
    const result = await run(task).catch(async (error: unknown) => {
      await reportDisk(task, mount, error);
      throw error;
    });
    await replaceFile(resultFile(folder), JSON.stringify(result));
    return 0;
  } catch (error) {
    console.log(messageOf(error));
    await writeFile(failureFile(folder), messageOf(error));
    return isFinal(error) ? FINAL_STATUS : 1;
  }
}

async function configIn(folder: string): Promise<JobConfig> {
  const path = join(folder, "config.json");
  const text = (await readBounded(path, CONFIG_LIMIT))?.toString("utf8");
  try {
    return parseConfig(text ?? "");
  } catch (error) {
    throw invalid("job-config-invalid", `${path} is not the config of a job: ${messageOf(error)}`);
  }
}
