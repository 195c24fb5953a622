import { output } from "../command.ts";
import { installService } from "../service.ts";
import { findBuilder, hostTools, provide } from "../system-packages.ts";
import { run as build } from "./build.ts";

export async function run(args: readonly string[]): Promise<void> {
  const unknown = args.find((arg) => arg !== "--service");
  if (unknown) throw new Error(`'${unknown}' is not an option; there is --service`);
  console.log("System packages");
  await provide(hostTools);
  if (!findBuilder()) {
    await provide([
      {
        name: "buildah",
        package: "buildah",
        why: "builds images",
        find: () => output("sh", ["-c", "command -v buildah"]),
      },
    ]);
  }
  console.log(`  found    ${"image builder".padEnd(16)} ${findBuilder()}`);
  await build();
  if (args.includes("--service")) await installService();
  console.log("\nReady: bin/nib, bin/bv, bin/blockvisord, bin/bvup, bin/blockvisor-api, bin/rhai");
}
