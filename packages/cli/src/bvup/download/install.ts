import { createWriteStream, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import { compareVersions } from "@blockvisor/image/version";
import { BundleService } from "@blockvisor/wire/blockjoy/v1/bundle";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { Api } from "../../cloud/api.ts";
import { checkedApiUrl } from "../../cloud/api-url.ts";
import { hostLogin } from "../../cloud/host-login.ts";
import { Failure, reason } from "../../failure/failure.ts";
import type { Output } from "../../output/output.ts";
import { stateDirectory } from "../../place/root.ts";
import { runTool } from "../../process/run-tool.ts";

const downloadTimeoutMs = 15 * 60_000;

/** Downloads the highest bundle that the control plane offers and runs its installer (host-daemon §8.2). */
export async function installBundle(out: Output): Promise<void> {
  const { url, token } = await hostLogin(out);
  using api = new Api(out, url, token);
  const headers = { authorization: `Bearer ${token}` };
  const bundles = createClient(BundleService, createGrpcTransport({ baseUrl: url, defaultTimeoutMs: 30_000 }));
  const { bundleIds } = await api.call("BundleService/ListVersions", () => bundles.listVersions({}, { headers }));
  const [newest] = bundleIds.toSorted((a, b) => compareVersions(b.version, a.version));
  if (!newest) {
    throw new Failure("api-not-found", "No bv bundle found", {
      hint: "install blockvisor by hand and use --skip-download",
    });
  }
  const bundle = await api.call("BundleService/Retrieve", () => bundles.retrieve({ bundleId: newest }, { headers }));
  const directory = join(stateDirectory(), "downloads");
  await download(out, bundle.url, directory, newest.version);
  const installer = join(directory, "bundle", "installer");
  const { status, tail } = await runTool(installer, [], { missing: "the bundle has no installer; report it" });
  if (status !== 0) throw new Failure("build-failed", `the installer of ${newest.version} failed`, { excerpt: tail });
  out.line(`Installed blockvisor ${newest.version}`);
}

async function download(out: Output, url: string, directory: string, version: string): Promise<void> {
  const progress = out.progress(`Downloading blockvisor ${version}`);
  try {
    rmSync(join(directory, "bundle"), { recursive: true, force: true });
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const response = await fetch(checkedApiUrl(url), { signal: AbortSignal.timeout(downloadTimeoutMs) });
    if (!response.ok || !response.body) throw new Error(`the server answered ${response.status}`);
    const archive = join(directory, "bundle.tar.gz");
    await pipeline(Readable.fromWeb(response.body as ReadableStream), createWriteStream(archive, { mode: 0o600 }));
    const unpacked = await runTool("tar", ["-xzf", archive, "-C", directory, "--no-same-owner"], {
      missing: "apt-get install tar gzip",
    });
    if (unpacked.status !== 0) throw new Error(`tar: ${unpacked.tail}`);
    progress.done();
  } catch (error) {
    progress.failed();
    throw error instanceof Failure
      ? error
      : new Failure("api-unreachable", `the bundle cannot be downloaded: ${reason(error)}`, {
          hint: "try again later",
        });
  }
}
