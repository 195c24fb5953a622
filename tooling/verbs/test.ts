import { existsSync, globSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { run as command, repository } from "../command.ts";
import { dockerDaemon } from "../docker-daemon.ts";
import { hostTools, provide, testTools } from "../system-packages.ts";
import { run as build } from "./build.ts";
import { run as lint } from "./lint.ts";

export async function run(names: readonly string[]): Promise<void> {
  const files = names.length > 0 ? names.flatMap(testFiles) : undefined;
  if (!files) {
    console.log("System packages");
    await provide([...hostTools, ...testTools]);
  }
  await build();
  if (!files) await lint();
  const docker = await dockerDaemon();
  const env = docker.host ? { DOCKER_HOST: docker.host, BV_TEST_DOCKER_HOST: docker.host } : {};
  try {
    const unit = files
      ? files.filter((file) => !file.startsWith("e2e/"))
      : globSync("packages/*/src/**/*.test.ts", { cwd: repository });
    const whole = files
      ? files.filter((file) => file.startsWith("e2e/"))
      : globSync("e2e/**/*.test.ts", { cwd: repository });
    if (unit.length > 0) await testRunner(unit.sort(), 2, env);
    if (whole.length > 0) await testRunner(whole.sort(), 1, env);
  } finally {
    await docker.stop();
  }
}

async function testRunner(files: readonly string[], concurrency: number, env: NodeJS.ProcessEnv): Promise<void> {
  await command(process.execPath, ["--test", `--test-concurrency=${concurrency}`, "--test-reporter=spec", ...files], {
    env,
  });
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
