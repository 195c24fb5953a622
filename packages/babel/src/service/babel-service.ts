import * as pb from "@blockvisor/wire/blockvisor/babel/v1/babel";
import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import type { Agent, AgentState } from "../agent.ts";
import { invalid } from "../failure.ts";
import { type FilePart, readFileParts, writeFileFrom } from "../files/transfer.ts";
import { runJrpc, runRest } from "../http/calls.ts";
import type { Response } from "../http/request.ts";
import { inRoot } from "../paths.ts";
import type { ProtocolDataState } from "../protocol-data/state.ts";
import type { NodeEnv } from "../setup/node-env.ts";
import type { ShOutput } from "../shell/run-sh.ts";
import { renderTemplate } from "../template/render-file.ts";
import { timestampOf } from "./timestamp.ts";

/** Beyond the longest chain of jobs. (§1.13) */
const SHUTDOWN_MARGIN_MS = 15_000;
const STATES = {
  "not-ready": pb.GetVersionResponse_State.NOT_READY,
  ready: pb.GetVersionResponse_State.READY,
  shutdown: pb.GetVersionResponse_State.SHUTDOWN,
} as const satisfies Record<AgentState, pb.GetVersionResponse_State>;

/** Babel's own calls: lifecycle, and the operations plugins do in the node. */
export function babelService(agent: Agent): ServiceImpl<typeof pb.Babel> {
  return {
    getVersion: () => ({ version: agent.version, state: STATES[agent.state], bootId: agent.boot, pid: process.pid }),
    setup: async (request) => {
      if (request.secret.length < 16) throw invalid("secret-invalid", "the secret needs at least 16 characters");
      const ramdisks = request.ramdisks.map((ramdisk) => ({
        ram_disk_mount_point: ramdisk.ramDiskMountPoint,
        ram_disk_size_mb: Number(ramdisk.ramDiskSizeMb),
      }));
      await agent.setup({
        node_env: nodeEnvOf(request.nodeEnv),
        ramdisks,
        secret: request.secret,
        ...(request.logLimitMb === 0 ? {} : { log_limit_mb: request.logLimitMb }),
        ...(request.logSegments === 0 ? {} : { log_segments: request.logSegments }),
      });
      return {};
    },
    getShutdownTimeout: () => ({ timeout: durationFromMs(agent.jobs.stopTimeoutMs() + SHUTDOWN_MARGIN_MS) }),
    shutdown: async (request) => {
      await agent.shutdown(request.force);
      return {};
    },
    runSh: (request, context) => runSh(agent, request, context),
    runJrpc: async (request, context) => {
      const { host, method, params, headers } = request;
      const call = { host, method, headers, ...(params === undefined ? {} : { params }) };
      return httpResponse(await runJrpc(agent.http, { ...call, ...limitsOf(request) }, signalOf(request, context)));
    },
    runRest: async (request, context) => {
      const { url, method, body, headers } = request;
      const call = { url, method, headers, ...(body === undefined ? {} : { body }) };
      return httpResponse(await runRest(agent.http, { ...call, ...limitsOf(request) }, signalOf(request, context)));
    },
    renderTemplate: async (request) => {
      const changed = await renderTemplate({
        template: inRoot(agent.paths, request.template),
        destination: inRoot(agent.paths, request.destination),
        params: request.params,
        templates: agent.paths.templates,
        env: agent.environment,
        onlyCompare: request.onlyCompare,
        ...(request.mode === undefined ? {} : { mode: request.mode }),
      });
      return { changed };
    },
    writeFile: (requests) => writeFile(agent, requests),
    readFile: (request) => readFile(agent, request),
    getProtocolDataState: async () => protocolDataMessage(await agent.protocolData.read()),
  };
}

async function runSh(agent: Agent, request: pb.RunShRequest, context: HandlerContext): Promise<pb.RunShResponse> {
  const time = request.timeoutMs === 0 ? [] : [AbortSignal.timeout(request.timeoutMs)];
  const result = await agent.shell.run(
    {
      body: request.body,
      env: { ...agent.environment, ...request.env },
      user: request.user,
      outputLimit: request.outputLimitBytes,
      ...(request.stdin.length === 0 ? {} : { stdin: request.stdin }),
    },
    AbortSignal.any([signalOf(request, context), ...time]),
  );
  const output = outputFields(result);
  if (result.kind === "ended") {
    return create(pb.RunShResponseSchema, { exitCode: result.exitCode, signal: result.signal, ...output });
  }
  const after = request.timeoutMs === 0 ? "" : ` after ${request.timeoutMs / 1000}s`;
  const message = `timeout${after}: the script and everything it started was killed`;
  const hint = "Give run_sh a longer timeout, or make it a job.";
  throw new ConnectError(message, Code.DeadlineExceeded, undefined, [
    { desc: pb.ErrorDetailSchema, value: { code: "run-sh-timeout", message, hint } },
    // In the trailers: only the ends of what was printed.
    { desc: pb.RunShResponseSchema, value: { exitCode: 124, ...shortened(output) } },
  ]);
}

const outputFields = (output: ShOutput) => ({
  stdout: output.stdout,
  stderr: output.stderr,
  stdoutTruncated: output.stdoutTruncated,
  stderrTruncated: output.stderrTruncated,
});

const DETAIL_CHARACTERS = 2_000;
const shortened = (output: ReturnType<typeof outputFields>): ReturnType<typeof outputFields> => ({
  stdout: output.stdout.slice(-DETAIL_CHARACTERS),
  stderr: output.stderr.slice(-DETAIL_CHARACTERS),
  stdoutTruncated: output.stdoutTruncated || output.stdout.length > DETAIL_CHARACTERS,
  stderrTruncated: output.stderrTruncated || output.stderr.length > DETAIL_CHARACTERS,
});

/** For callers that set no deadline. (§2.1, §2.2) */
const DEFAULT_TIME_MS = 15_000;
const limitsOf = ({ responseLimitBytes, timeoutMs }: pb.RunJrpcRequest | pb.RunRestRequest) => ({
  responseLimit: Number(responseLimitBytes),
  timeoutMs,
});

/** A request with a time of its own ends by that; its caller waits a little longer, to be told. */
const signalOf = ({ timeoutMs }: { readonly timeoutMs: number }, context: HandlerContext): AbortSignal =>
  timeoutMs === 0 ? within(context) : context.signal;

const within = (context: HandlerContext): AbortSignal =>
  context.timeoutMs() === undefined
    ? AbortSignal.any([context.signal, AbortSignal.timeout(DEFAULT_TIME_MS)])
    : context.signal;

const httpResponse = (response: Response): pb.HttpResponse =>
  create(pb.HttpResponseSchema, {
    statusCode: response.status,
    body: response.body,
    headers: [...response.headers],
  });

async function writeFile(agent: Agent, requests: AsyncIterable<pb.WriteFileRequest>): Promise<pb.WriteFileResponse> {
  const iterator = requests[Symbol.asyncIterator]();
  const first = await iterator.next();
  const header = first.done ? undefined : first.value.part;
  if (header?.case !== "header") throw invalid("file-destination-missing", "missing file destination");
  async function* parts(): AsyncGenerator<FilePart> {
    for await (const { part } of { [Symbol.asyncIterator]: () => iterator }) {
      if (part.case === "content") yield { kind: "content", bytes: part.value };
      else if (part.case === "sha256") yield { kind: "sha256", digest: part.value };
    }
  }
  const size = await writeFileFrom(inRoot(agent.paths, header.value.path), parts(), header.value.mode);
  return create(pb.WriteFileResponseSchema, { size: BigInt(size) });
}

async function* readFile(agent: Agent, request: pb.ReadFileRequest): AsyncGenerator<pb.ReadFileResponse> {
  for await (const part of readFileParts(inRoot(agent.paths, request.path), Number(request.limitBytes))) {
    yield create(pb.ReadFileResponseSchema, {
      part: part.kind === "content" ? { case: "content", value: part.bytes } : { case: "sha256", value: part.digest },
    });
  }
}

function protocolDataMessage(state: ProtocolDataState): pb.GetProtocolDataStateResponse {
  const { stamp, complete, generation, incomplete, initialized } = state;
  return create(pb.GetProtocolDataStateResponseSchema, {
    generation,
    incomplete,
    initialized,
    ...(stamp === undefined ? {} : { stamp: timestampOf(stamp) }),
    ...(complete === undefined
      ? {}
      : {
          complete: {
            source: complete.source,
            storeKey: complete.store_key,
            dataVersion: BigInt(complete.data_version),
            finishedAt: timestampOf(complete.finished_at),
            totalSize: BigInt(complete.total_size),
          },
        }),
  });
}

function nodeEnvOf(message: pb.NodeEnv | undefined): NodeEnv {
  if (message === undefined) throw invalid("node-env-missing", "Setup without node_env");
  return {
    node_id: message.nodeId,
    node_name: message.nodeName,
    node_org_id: message.nodeOrgId,
    node_version: message.nodeVersion,
    node_protocol: message.nodeProtocol,
    node_variant: message.nodeVariant,
    node_ip: message.nodeIp,
    node_ipv6: message.nodeIpv6,
    node_gateway: message.nodeGateway,
    dev_mode: message.devMode,
    bv_host_id: message.bvHostId,
    bv_host_name: message.bvHostName,
    bv_api_url: message.bvApiUrl,
    data_mount_point: message.dataMountPoint || "/blockjoy",
    protocol_data_path: message.protocolDataPath || "/blockjoy/protocol_data",
    properties: message.properties,
  };
}
