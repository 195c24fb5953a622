import { createReadStream } from "node:fs";
import type { Call } from "../../../command/verb.ts";
import { Failure, reason } from "../../../failure/failure.ts";
import { askSecret } from "../../../output/question.ts";
import { asUser, chosenScope } from "../scope.ts";
import type { SetOptions } from "../verbs.ts";

const largestValue = 64 * 1024;
const lineEnd = 2;

/** `nib secret set` (plugin-api §2 "Secrets"). */
export async function setSecret({ out, args, options }: Call<SetOptions, [key: string]>): Promise<void> {
  const [key] = args;
  const { scope, text, view } = chosenScope(options);
  const { file, ifVersion, protocol } = options;
  if (protocol !== undefined && !options.platform) throw new Failure("usage", "--protocol is for --platform only");
  const value =
    file === undefined ? await valueOfStdin(key) : await bytesOf(createReadStream(file), `cannot read ${file}`);
  const request = {
    ...{ scope, key, value, protocolKeys: [...(protocol ?? [])] },
    ...(ifVersion === undefined ? {} : { expectedVersion: ifVersion }),
  };
  const { version } = await asUser(out, "PutSecret", (store) => store.putSecret(request));
  out.line(`Secret '${key}' of ${text} set, version ${version}`);
  out.document({ key, ...view, version });
}

async function valueOfStdin(key: string): Promise<Uint8Array> {
  if (process.stdin.isTTY) return Buffer.from(await askSecret(`value of ${key}: `, "use --file"));
  const bytes = await bytesOf(process.stdin, "cannot read stdin");
  const end = bytes.at(-1) !== 0x0a ? bytes.length : bytes.at(-2) === 0x0d ? -2 : -1;
  return bytes.subarray(0, end);
}

/** Of what the control plane takes. */
async function bytesOf(source: AsyncIterable<Uint8Array>, failed: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of source) {
      length += chunk.length;
      if (length > largestValue + lineEnd) break;
      chunks.push(chunk);
    }
  } catch (error) {
    throw new Failure("file-unreadable", failed, { causes: [reason(error)] });
  }
  if (length > largestValue + lineEnd) throw new Failure("usage", `a secret has at most ${largestValue} bytes`);
  return Buffer.concat(chunks);
}
