import { output } from "../command.ts";
import { findBuilder, hostTools, provide } from "../system-packages.ts";
import { run as build } from "./build.ts";

export async function run(): Promise<void> {
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
  console.log("\nReady: bin/nib, bin/bv, bin/blockvisord, bin/bvup, bin/blockvisor-api, bin/rhai");
}
