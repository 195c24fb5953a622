import { readdir } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { DescService } from "@bufbuild/protobuf";

/** All services of the generated contract and our own additions to it, found by looking, so that a new one cannot be forgotten. */
export async function contract(): Promise<readonly DescService[]> {
  const own = ["archive/v1/archive", "hosts/v1/facts", "secrets/v1/secrets"];
  const folders = ["@blockvisor/wire/blockjoy/v1/node", ...own.map((name) => `@blockvisor/wire/blockvisor/${name}`)];
  return (await Promise.all(folders.map(servicesBeside))).flat();
}

async function servicesBeside(file: string): Promise<readonly DescService[]> {
  const folder = path.dirname(fileURLToPath(import.meta.resolve(file)));
  const files = (await readdir(folder)).filter((file) => file.endsWith("_pb.js")).sort();
  const modules = await Promise.all(files.map((file) => import(pathToFileURL(path.join(folder, file)).href)));
  return modules.flatMap((module: object) =>
    Object.values(module).filter((value): value is DescService => (value as DescService).kind === "service"),
  );
}
