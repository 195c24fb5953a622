import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** `babel progress CURRENT TOTAL [MESSAGE]` in a job's script. (D3-22) */
export async function writeProgress(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const [current, total, ...message] = args;
  const folder = env["BABEL_JOB_DIR"];
  if (folder === undefined || current === undefined || !Number.isFinite(Number(current))) {
    console.error("usage, in a job's script: babel progress CURRENT [TOTAL] [MESSAGE]");
    return 2;
  }
  const content = { current: Number(current), total: total && Number(total), message: message.join(" ") };
  const path = join(folder, "progress.json");
  await writeFile(`${path}.new`, JSON.stringify(content));
  await rename(`${path}.new`, path);
  return 0;
}
