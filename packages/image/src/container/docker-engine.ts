import { type IncomingMessage, request } from "node:http";
import type { Readable } from "node:stream";
import { OperationError } from "./operation-error.ts";

/** Where a Docker engine listens: the value of DOCKER_HOST, or its default socket. */
export function dockerHost(env: NodeJS.ProcessEnv = process.env): string {
  return env["DOCKER_HOST"] || "unix:///var/run/docker.sock";
}

/** The id (`sha256:…` of the configuration) of an image in the engine; never pulls. Errors `docker-unreachable`, `image-not-found`. */
export async function dockerImageId(name: string, host: string, signal?: AbortSignal): Promise<string> {
  const response = await get(host, `/images/${encodeURIComponent(name)}/json`, signal);
  const body: unknown = JSON.parse(await bounded(response));
  if (response.statusCode === 404) {
    const short = name.replace(/^docker\.io\/(?:library\/)?/, "");
    throw new OperationError("image-not-found", `the Docker engine at ${host} has no image '${short}'`, {
      fix: `build it first: docker build -t ${short} .`,
    });
  }
  const id = typeof body === "object" && body !== null && "Id" in body ? body.Id : undefined;
  if (response.statusCode !== 200 || typeof id !== "string" || !/^sha256:[0-9a-f]{64}$/.test(id)) {
    throw unreachable(host, `it answered ${response.statusCode}`);
  }
  return id;
}

/** The image as `docker save` writes it: a tar of layer tars, and `manifest.json`. */
export async function saveDockerImage(id: string, host: string, signal?: AbortSignal): Promise<Readable> {
  const response = await get(host, `/images/${encodeURIComponent(id)}/get`, signal);
  if (response.statusCode === 200) return response;
  throw unreachable(host, `saving ${id} answered ${response.statusCode}: ${await bounded(response)}`);
}

function get(host: string, path: string, signal?: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const target = address(host);
    const call = request({ ...target, path, headers: { host: "docker" }, ...(signal ? { signal } : {}) }, resolve);
    call.setTimeout(60_000, () => call.destroy(new Error("it does not answer")));
    call.once("error", (error) => reject(unreachable(host, error.message, error)));
    call.end();
  });
}

function address(host: string): { readonly socketPath: string } | { readonly hostname: string; readonly port: number } {
  const url = URL.canParse(host) ? new URL(host) : undefined;
  if (url?.protocol === "unix:") return { socketPath: decodeURIComponent(url.pathname) };
  if (url?.protocol === "tcp:" || url?.protocol === "http:") {
    return { hostname: url.hostname, port: Number(url.port || 2375) };
  }
  throw new OperationError("docker-unreachable", `DOCKER_HOST '${host}' is not supported`, {
    fix: "use unix:///path/to/docker.sock or tcp://host:port",
  });
}

async function bounded(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > 4 * 1024 * 1024) break;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function unreachable(host: string, reason: string, cause?: unknown): OperationError {
  return new OperationError("docker-unreachable", `the Docker engine at ${host} cannot be used: ${reason}`, {
    fix: "start the Docker daemon, or set DOCKER_HOST to where it listens",
    cause,
  });
}
