import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { HostError } from "../errors/host-error.ts";
import { listenForGroup } from "../place/listen-at.ts";
import { exposition, type Sample } from "./exposition.ts";

export interface MetricsEndpoint {
  /** `http://127.0.0.1:PORT/metrics`. */
  readonly url: string;
  close(): Promise<void>;
}

const maxConnections = 16;
const requestMs = 5_000;

/**
 * Answers `/metrics` to programs of this machine (spec host-daemon DB-10.3), wherever it is served. Requests at the same time share one
 * scrape.
 */
export function metricsPage(scrape: () => Promise<readonly Sample[]>): RequestListener {
  let current: Promise<string> | undefined;
  const text = (): Promise<string> => {
    current ??= scrape()
      .then(exposition)
      .finally(() => {
        current = undefined;
      });
    return current;
  };
  return (request, response) => {
    const end = (status: number, body: string): void => {
      response.writeHead(status, { "content-type": "text/plain; version=0.0.4; charset=utf-8" }).end(body);
    };
    if (request.url !== "/metrics") return end(404, "see /metrics\n");
    if (request.method !== "GET") return end(405, "GET is all there is\n");
    text().then(
      (body) => end(200, body),
      (error: unknown) => end(500, `metrics cannot be collected: ${(error as Error).message}\n`),
    );
  };
}

/** Serves on a unix socket, to root and the group `blockvisor`. */
export async function serveMetricsAt(path: string, page: RequestListener): Promise<Pick<MetricsEndpoint, "close">> {
  const server = serverOf(page);
  await listenForGroup(server, path);
  return { close: () => closed(server) };
}

/** Serves on loopback only, as it tells nodes' names. Rejects when the port cannot be had: `config_error`. */
export async function serveMetrics(port: number, page: RequestListener): Promise<MetricsEndpoint> {
  const server = serverOf(page);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      reject(
        new HostError("config_error", `metrics cannot be served at 127.0.0.1:${port}: ${error.message}`, {
          hint: "set metrics_port in blockvisor.json to a port that nobody uses, or remove it",
          cause: error,
        }),
      ),
    );
    server.listen(port, "127.0.0.1", resolve);
  });
  const address = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${address.port}/metrics`, close: () => closed(server) };
}

function serverOf(page: RequestListener): Server {
  const server = createServer({ requestTimeout: requestMs, headersTimeout: requestMs }, page);
  server.maxConnections = maxConnections;
  return server;
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
