import {
  type Archive,
  type ArchiveVersion,
  Layout,
  ListArchivesRequestSchema,
  type ListArchivesResponse,
  ListArchivesResponseSchema,
  VersionState,
} from "@blockvisor/wire/blockvisor/archive/v1/archive";
import { create, fromJson, type MessageInitShape, toJson } from "@bufbuild/protobuf";
import { HostArchives } from "../../../cloud/host-archives.ts";
import type { Call } from "../../../command/verb.ts";
import type { DaemonClient } from "../../../daemon/client.ts";
import { bytesText } from "../../../output/bytes.ts";
import type { Column } from "../../../output/table.ts";
import { archiveDaemon } from "../archive-daemon.ts";
import type { ListOptions } from "../verbs.ts";

/** `bv archive list`: what this host can see, newest version last. */
export async function archiveList({ out, args, options }: Call<ListOptions, [storeKey?: string]>): Promise<void> {
  const [storeKey] = args;
  const request = { allVersions: options.all ?? false, ...(storeKey === undefined ? {} : { storeKey }) };
  const daemon = await archiveDaemon(out);
  using archives = new HostArchives(out);
  const views = (await everyArchive(daemon ? askDaemon(daemon) : askApi(archives), request)).map(archiveView);
  const rows = views.flatMap(({ store_key, versions }) => versions.map((version) => ({ store_key, ...version })));
  if (rows.length === 0) out.line("No archives found.");
  else out.table(options.all ? columns : columns.filter(({ title }) => title !== "State"), rows);
  out.document({ archives: views });
}

/** One page, of whoever has them. */
type AskForArchives = (request: MessageInitShape<typeof ListArchivesRequestSchema>) => Promise<ListArchivesResponse>;

const askApi =
  (archives: HostArchives): AskForArchives =>
  (request) =>
    archives.call("ListArchives", (client) => client.listArchives(request));

const askDaemon =
  (daemon: DaemonClient): AskForArchives =>
  async (request) => {
    const asked = toJson(ListArchivesRequestSchema, create(ListArchivesRequestSchema, request));
    return fromJson(
      ListArchivesResponseSchema,
      await daemon.call("ListArchives", asked, { timeoutMs: 60_000 }),
      readable,
    );
  };

/** A daemon of another version may say more than we know. */
const readable = { ignoreUnknownFields: true } as const;

/** Page by page, as many as there are. */
async function everyArchive(
  ask: AskForArchives,
  request: { readonly allVersions: boolean; readonly storeKey?: string },
): Promise<readonly Archive[]> {
  const found: Archive[] = [];
  for (;;) {
    const last = found.at(-1);
    const after = last === undefined ? {} : { after: last.storeKey };
    const page = await ask({ ...request, ...after });
    found.push(...page.archives);
    if (!page.more || page.archives.length === 0) return found;
  }
}

type Row = ReturnType<typeof versionView> & { readonly store_key: string };

const columns: readonly Column<Row>[] = [
  { title: "Store key", value: (row) => row.store_key, colour: "cyan" },
  { title: "Version", value: (row) => String(row.data_version), align: "right" },
  { title: "State", value: (row) => row.state, colour: (row) => (row.state === "ready" ? "green" : "yellow") },
  { title: "Data", value: (row) => bytesText(row.total_size), align: "right" },
  { title: "Stored", value: (row) => bytesText(row.stored_size), align: "right" },
  { title: "Chunks", value: (row) => String(row.chunks), align: "right" },
  { title: "Compression", value: (row) => row.compression ?? "none" },
  { title: "Layout", value: (row) => row.layout },
  { title: "Published (UTC)", value: (row) => row.published_at?.slice(0, 19).replace("T", " ") ?? "-" },
  { title: "Downloads", value: (row) => String(row.downloads), align: "right" },
  { title: "Image", value: ({ source }) => source["node_version"] ?? "-" },
];

function archiveView(archive: Archive) {
  const { storeKey, versions, storedSize, keepLast, keepDays, downloads, servedBytes } = archive;
  return {
    store_key: storeKey,
    stored_size: Number(storedSize),
    keep_last: keepLast ?? null,
    keep_days: keepDays ?? null,
    downloads: Number(downloads),
    served_bytes: Number(servedBytes),
    versions: versions.map(versionView),
  };
}

function versionView(version: ArchiveVersion) {
  const { compression } = version.compression ?? {};
  return {
    data_version: Number(version.dataVersion),
    state: VersionState[version.state].toLowerCase(),
    total_size: Number(version.totalSize),
    stored_size: Number(version.storedSize),
    chunks: version.chunks,
    compression: compression?.case === "zstd" ? `zstd:${compression.value}` : null,
    layout: version.layout === Layout.CAS ? "cas" : "parts",
    published_at: time(version.publishedAt),
    published_by: version.publishedBy ?? null,
    downloads: Number(version.downloads),
    lease_until: time(version.leaseUntil),
    source: version.source,
  };
}

const time = (seconds: bigint | undefined): string | null =>
  seconds === undefined ? null : new Date(Number(seconds) * 1000).toISOString();
