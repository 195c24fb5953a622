import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { dockerBuild, type Workbench } from "../e2e/workbench.ts";
import { provideDebianImage } from "../tooling/debian-image.ts";
import { repository } from "./compare.ts";

/** The image that nodes are measured with: a Debian base and a real Ethereum node. Returns the folder of its `babel.yaml`. */
export async function buildAnvilImage(bench: Workbench): Promise<string> {
  await provideDebianImage(process.env["DOCKER_HOST"]);
  const folder = bench.example("ethereum-anvil");
  copyFileSync(join(repository, "node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"), join(folder, "anvil"));
  dockerBuild(bench.example("base"), "blockvisor-example-base");
  dockerBuild(folder, "ethereum-anvil");
  return folder;
}
