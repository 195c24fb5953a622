import { ArchiveStoreService, type UploadGrant } from "@blockvisor/wire/blockvisor/archive/v1/archive";
import type { Client } from "@connectrpc/connect";
import { Api } from "../../../cloud/api.ts";
import { readCredentials } from "../../../cloud/credentials.ts";
import { count } from "../../../command/values.ts";
import type { Call } from "../../../command/verb.ts";
import { Failure } from "../../../failure/failure.ts";
import { bytesText } from "../../../output/bytes.ts";
import type { Output } from "../../../output/output.ts";
import type { QuotaOptions, RetainOptions } from "./verbs.ts";

type Store = Client<typeof ArchiveStoreService>;

/** One call as the user that is logged in, who has to be an administrator. */
async function asAdministrator<T>(out: Output, name: string, request: (store: Store) => Promise<T>): Promise<T> {
  const { url, token } = readCredentials(out);
  using api = new Api(out, url, token);
  const store = api.client(ArchiveStoreService);
  return await api.call(`ArchiveStoreService/${name}`, () => request(store));
}

export async function retain({ out, args, options }: Call<RetainOptions, [storeKey: string]>): Promise<void> {
  const [storeKey] = args;
  const { last, days } = options;
  const policy = {
    ...(last === undefined ? {} : { keepLast: last }),
    ...(days === undefined ? {} : { keepDays: days }),
  };
  await asAdministrator(out, "SetRetention", (store) => store.setRetention({ storeKey, ...policy }));
  const kept = [
    ...(last === undefined ? [] : [`the newest ${last}`]),
    ...(days === undefined ? [] : [`those younger than ${days} days`]),
  ];
  out.line(`Of ${storeKey} ${kept.length === 0 ? "every version is" : `${kept.join(" and ")} are`} kept`);
  out.document({ store_key: storeKey, keep_last: last ?? null, keep_days: days ?? null });
}

export async function deprecate(
  call: Call<{ readonly undo?: true }, [storeKey: string, version: string]>,
): Promise<void> {
  const { out, args, options } = call;
  const [storeKey, text] = args;
  const dataVersion = BigInt(count(text));
  const deprecated = options.undo !== true;
  await asAdministrator(out, "DeprecateVersion", (store) =>
    store.deprecateVersion({ storeKey, dataVersion, deprecated }),
  );
  out.line(`${storeKey} version ${text} is ${deprecated ? "deprecated" : "handed out again"}`);
  out.document({ store_key: storeKey, data_version: Number(dataVersion), deprecated });
}

export async function release({ out, args }: Call<object, [storeKey: string]>): Promise<void> {
  const [storeKey] = args;
  const { dataVersion } = await asAdministrator(out, "ReleaseReservation", (store) =>
    store.releaseReservation({ storeKey }),
  );
  out.line(`The upload of ${storeKey} version ${dataVersion} is given up; the next one gets another number`);
  out.document({ store_key: storeKey, data_version: Number(dataVersion) });
}

type GrantCall = Call<object, [hostId: string, storeKey?: string]>;

const grantOf = ([hostId, storeKey]: GrantCall["args"]) => ({
  hostId,
  ...(storeKey === undefined ? {} : { storeKey }),
});

export async function grant({ out, args }: GrantCall): Promise<void> {
  const given = grantOf(args);
  await asAdministrator(out, "GrantUpload", (store) => store.grantUpload({ grant: given }));
  out.line(`The host ${args[0]} may upload ${args[1] ?? "every archive that it can see"}`);
  out.document(grantView(given));
}

export async function revoke({ out, args }: GrantCall): Promise<void> {
  const given = grantOf(args);
  await asAdministrator(out, "RevokeUpload", (store) => store.revokeUpload({ grant: given }));
  out.line(`The grant of the host ${args[0]} for ${args[1] ?? "every archive"} is taken back`);
  out.document(grantView(given));
}

export async function listGrants({ out }: Call<object, []>): Promise<void> {
  const { grants } = await asAdministrator(out, "ListUploadGrants", (store) => store.listUploadGrants({}));
  const views = grants.map(grantView);
  if (views.length === 0) out.line("No host was granted to upload archives.");
  else {
    out.table(
      [
        { title: "Host", value: ({ host_id }) => host_id, colour: "cyan" },
        { title: "Store key", value: ({ store_key }) => store_key ?? "every archive" },
      ],
      views,
    );
  }
  out.document({ grants: views });
}

const grantView = ({ hostId, storeKey }: Pick<UploadGrant, "hostId" | "storeKey">) => ({
  host_id: hostId,
  store_key: storeKey ?? null,
});

export async function quota({ out, args, options }: Call<QuotaOptions, [orgId: string]>): Promise<void> {
  const [orgId] = args;
  const { bytes, uploads, reset } = options;
  const asked = bytes !== undefined || uploads !== undefined;
  if (asked && reset) throw new Failure("usage", "--reset is for neither --bytes nor --uploads");
  const own = {
    ...(bytes === undefined ? {} : { storedBytes: BigInt(bytes) }),
    ...(uploads === undefined ? {} : { uploadsPerDay: uploads }),
  };
  if (asked || reset) await asAdministrator(out, "SetQuota", (store) => store.setQuota({ orgId, quota: own }));
  const now = await asAdministrator(out, "GetQuota", (store) => store.getQuota({ orgId }));
  const view = {
    org_id: orgId,
    stored_bytes: Number(now.storedBytes),
    stored_bytes_limit: now.quota?.storedBytes === undefined ? null : Number(now.quota.storedBytes),
    uploads_today: now.uploads,
    uploads_per_day_limit: now.quota?.uploadsPerDay ?? null,
  };
  const { stored_bytes_limit: most, uploads_per_day_limit: often } = view;
  out.line(
    `Stored:                ${bytesText(view.stored_bytes)} of ${most === null ? "any number" : bytesText(most)}`,
  );
  out.line(`Uploads in 24 hours:   ${view.uploads_today} of ${often ?? "any number"}`);
  out.document(view);
}

export async function collectGarbage({ out, options }: Call<{ readonly dryRun?: true }, []>): Promise<void> {
  const dryRun = options.dryRun ?? false;
  const { items } = await asAdministrator(out, "CollectGarbage", (store) => store.collectGarbage({ dryRun }));
  const views = items.map(({ storeKey, dataVersion, reason, objects, bytes }) => ({
    store_key: storeKey,
    data_version: dataVersion === 0n ? null : Number(dataVersion),
    reason,
    objects: Number(objects),
    bytes: Number(bytes),
  }));
  if (views.length === 0) out.line("There is no garbage.");
  else {
    out.table(
      [
        { title: "Store key", value: (row) => row.store_key, colour: "cyan" },
        { title: "Version", value: (row) => String(row.data_version ?? "-"), align: "right" },
        { title: "Objects", value: (row) => String(row.objects), align: "right" },
        { title: "Size", value: (row) => bytesText(row.bytes), align: "right" },
        { title: dryRun ? "Would be removed" : "Removed", value: (row) => row.reason },
      ],
      views,
    );
  }
  out.document({ dry_run: dryRun, items: views });
}
