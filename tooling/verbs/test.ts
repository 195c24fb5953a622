import { existsSync, globSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { run as command, repository } from "../command.ts";
import { provideDebianImage } from "../debian-image.ts";
import { dockerDaemon } from "../docker-daemon.ts";
import { hostTools, provide, testTools } from "../system-packages.ts";
import { run as build } from "./build.ts";
import { run as lint } from "./lint.ts";

export async function run(names: readonly string[]): Promise<void> {
  const files = names.length > 0 ? names.flatMap(testFiles) : undefined;
  console.log("System packages");
  await provide([...hostTools, ...testTools]);
  await build();
  if (!files) await lint();
  const docker = await dockerDaemon();
  const env = {
    // Two hundred test files and the programs they start would each compile the same sources again.
    NODE_COMPILE_CACHE: join(repository, "node_modules/.cache/compile"),
    ...(docker.host ? { DOCKER_HOST: docker.host, BV_TEST_DOCKER_HOST: docker.host } : {}),
  };
  try {
    const all = files ?? globSync("{packages/*/src,tooling,e2e}/**/*.test.ts", { cwd: repository });
    const whole = all.filter((file) => file.startsWith("e2e/"));
    const parts = all.filter((file) => !file.startsWith("e2e/"));
    // Where no registry can be reached it is made, which takes a minute of mostly waiting; tests that need it say when it failed.
    const debian = whole.length > 0 ? provideDebianImage(docker.host).catch(() => {}) : undefined;
    const failed = await testRunner(parts, 2, env);
    await debian;
    failed.push(...(await testRunner(whole, 1, env)));
    if (failed.length > 0) throw new Error("there are failing tests, see above");
  } finally {
    await docker.stop();
  }
}

/** No test takes longer, also on a slow machine: one that hangs is named, and the others have their turn. In milliseconds. */
const LONGEST = 20 * 60_000;

/** Runs the test files, `concurrency` at a time (more, and what waits for something waits too long on two cores); what went wrong, if anything. */
async function testRunner(files: readonly string[], concurrency: number, env: NodeJS.ProcessEnv): Promise<unknown[]> {
  if (files.length === 0) return [];
  const limits = [`--test-concurrency=${concurrency}`, `--test-timeout=${LONGEST}`];
  const options = ["--test", ...limits, "--test-reporter=spec"];
  return command(process.execPath, [...options, ...files.toSorted()], { env }).then(
    () => [],
    (error: unknown) => [error],
  );
}

/** A package's name, a folder, or a test file → test files. */
function testFiles(name: string): string[] {
  if (name.endsWith(".test.ts")) return [name];
  const folder = existsSync(join(repository, "packages", name)) ? `packages/${name}/src` : name;
  if (!existsSync(join(repository, folder))) {
    throw new Error(
      `there is no '${name}'; packages: ${readdirSync(join(repository, "packages")).join(", ")}; or e2e, or a test file`,
    );
  }
  return globSync(`${folder}/**/*.test.ts`, { cwd: repository });
}
