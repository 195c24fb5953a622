import type { Logger } from "pino";
import type { ObjectStore } from "./object-store.ts";
import { createS3Client, type S3Answer, type S3Location } from "./s3-client.ts";
import { parseListing } from "./s3-listing.ts";

/** What S3 takes in one PUT. */
const largestPut = 5 * 1024 ** 3;

/** Objects in a bucket of any S3. The signing library is loaded when the first such store is made. */
export async function createS3Store(location: S3Location, log: Logger): Promise<ObjectStore> {
  const { AwsV4Signer } = await import("aws4fetch");
  const client = createS3Client(location, AwsV4Signer, log);
  const head = async (key: string) => {
    const answer = found(await client.send({ method: "HEAD", key }));
    if (answer === undefined) return undefined;
    const modified = new Date(answer.headers.get("last-modified") ?? 0);
    return { key, size: Number(answer.headers.get("content-length")), modified };
  };
  const put = async (key: string, body: Uint8Array, headers: Readonly<Record<string, string>> = {}) => {
    const answer = await client.send({ method: "PUT", key, body, headers });
    await answer.body();
    return answer.status;
  };
  async function* pages(prefix: string, delimiter?: string) {
    for (let token: string | undefined, more = true; more; ) {
      const query = {
        "list-type": "2",
        prefix,
        ...(delimiter === undefined ? {} : { delimiter }),
        ...(token === undefined ? {} : { "continuation-token": token }),
      };
      const answer = await client.send({ method: "GET", query });
      const text = (await answer.body()).toString("utf8");
      if (answer.status !== 200) throw new Error(`S3 answered ${answer.status} to a listing: ${text.slice(0, 500)}`);
      const page = parseListing(text);
      yield page;
      token = page.next;
      more = token !== undefined;
    }
  }
  return {
    kind: "s3",
    maxObjectBytes: largestPut,
    async get(key, maxBytes) {
      const answer = found(await client.send({ method: "GET", key }));
      if (answer === undefined) return undefined;
      const size = Number(answer.headers.get("content-length") ?? 0);
      if (size > maxBytes) throw new RangeError(`${key} has ${size} bytes, more than ${maxBytes}`);
      return answer.body();
    },
    async put(key, body) {
      succeeded(await put(key, body), key);
    },
    async create(key, body) {
      // For servers without conditional writes; those that have them decide themselves, atomically.
      if ((await head(key)) !== undefined) return false;
      const status = await put(key, body, { "if-none-match": "*" });
      if (status === 412 || status === 409) return false;
      if (status === 501) succeeded(await put(key, body), key);
      else succeeded(status, key);
      return true;
    },
    head,
    async *list(prefix) {
      for await (const page of pages(prefix)) yield* page.objects;
    },
    async folders(prefix) {
      const names: string[] = [];
      for await (const page of pages(prefix, "/")) {
        names.push(...page.prefixes.map((name) => name.slice(prefix.length, -1)));
      }
      return names.sort();
    },
    async delete(key) {
      await (await client.send({ method: "DELETE", key })).body();
    },
    signGet: (key, { seconds }) => client.presign({ method: "GET", key }, seconds),
    async signPut(key, { seconds, size, sha256 }) {
      const headers: Record<string, string> =
        sha256 === undefined ? {} : { "x-amz-checksum-sha256": Buffer.from(sha256).toString("base64") };
      const signed = size === undefined ? headers : { ...headers, "content-length": String(size) };
      return { url: await client.presign({ method: "PUT", key, headers: signed }, seconds), headers };
    },
  };
}

function found(answer: S3Answer): S3Answer | undefined {
  return answer.status === 404 ? undefined : answer;
}

function succeeded(status: number, key: string): void {
  if (status !== 200 && status !== 204) throw new Error(`S3 answered ${status} to PUT ${key}`);
}
