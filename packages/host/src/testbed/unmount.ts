import { spawnSync } from "node:child_process";
import { until } from "./until.ts";

/** Also where something of it is in use a moment longer: loop devices close their files when the kernel comes to it. */
export async function unmount(place: string): Promise<void> {
  const attempt = () => spawnSync("umount", [place], { encoding: "utf8" });
  await until(
    async () => {
      const { status, stderr } = attempt();
      return status === 0 || stderr.includes("not mounted");
    },
    async () => attempt().stderr,
  );
}
