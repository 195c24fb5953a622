import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** An image whose only layer is empty, byte for byte as it was signed. */
const layer = Buffer.alloc(1_024);
const digestOf = (content: string | Buffer): string => createHash("sha256").update(content).digest("hex");
const config = JSON.stringify({
  architecture: "amd64",
  os: "linux",
  config: {},
  rootfs: { type: "layers", diff_ids: [`sha256:${digestOf(layer)}`] },
});
const manifest = JSON.stringify({
  schemaVersion: 2,
  mediaType: "application/vnd.oci.image.manifest.v1+json",
  config: {
    mediaType: "application/vnd.oci.image.config.v1+json",
    digest: `sha256:${digestOf(config)}`,
    size: config.length,
  },
  layers: [
    {
      mediaType: "application/vnd.oci.image.layer.v1.tar",
      digest: `sha256:${digestOf(layer)}`,
      size: layer.length,
    },
  ],
});

/** gpg --export, and gpg --sign of an `atomic container signature` of the manifest for `example.com/org/image:v1`; the private key is gone. */
const publicKey =
  "mDMEZZIAgBYJKwYBBAHaRw8BAQdAdEGktulYhDxuJVxAdbXpghPISFTnpu96Fh5Zw7CE2OG0EnNpZ25lckBleGFtcGxlLmNvbYiQBBMWCAA4FiEE53Byz/QwlQgLx3UN5xAmjEs2+bEFAmWSAIACGwMFCwkIBwIGFQoJCAsCBBYCAwECHgECF4AACgkQ5xAmjEs2+bE7ngD8D1GIYngFzkbnobEPxJPPCV/2cfPTFT8QsEbt/CJjreQA/3zjFi3VLtxz/UBdEOp6Av+YiRKIglbxYnKw4d3z6IYI";
const signature =
  "owGbwMvMwCH2XECtx9vs50bGNf+T2AsSK3PyE1NSJzE0VCslF2WWZCYn5ihZKVQrZaak5pVkllSCOSn5ydmpRbpFqWmpRal5yalAQaXUisTcgpxUveT8XP38onT9zNzE9FSrMkOlWh0FJTAHWWtuYl5mWmpxiW5KZjqQAhlQnJFoZGpmlWJimGiRlJqSnGhuZmCempRmYWxonmZmam5sYpRiaJxmbG6SbGiRkmZkbmFimmZuYJKWbJlknGJoaGFhkJJongS2r6SyAOyoxJL83MxkheT8vJLEzLzUIoXizPS8xJLSolSwsvyCksz8PIgPa2s7SlkYxDgYZMUUWZ4XFJ3/YjCVg/t4KS8sgFiZQMHCwMUpABMpt2b4X6zBKXMgTU879HSKeMAs0Y7dszLlFQ6dvKbx1NLi8MskZ4a/4pfn8HcfXjPx6471V27c4VO0EA2rqb50NLNm2+n1NcVNjAA=";

/** Makes a `dir:` image in `folder`, with its signature or without. */
export function makeSignedImage(folder: string, { signed }: { readonly signed: boolean }): void {
  mkdirSync(folder);
  const files = {
    [digestOf(layer)]: layer,
    [digestOf(config)]: config,
    "manifest.json": manifest,
    version: "Directory Transport Version: 1.1\n",
    ...(signed ? { "signature-1": Buffer.from(signature, "base64") } : {}),
  };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
}

/** Writes a policy, at `path`, by which only images in folders are accepted, and these only with that signature. */
export function writeSignaturePolicy(path: string): void {
  writeFileSync(`${path}.gpg`, Buffer.from(publicKey, "base64"));
  const signedIdentity = { type: "exactReference", dockerReference: "example.com/org/image:v1" };
  const signedBy = { type: "signedBy", keyType: "GPGKeys", keyPath: `${path}.gpg`, signedIdentity };
  writeFileSync(path, JSON.stringify({ default: [{ type: "reject" }], transports: { dir: { "": [signedBy] } } }));
}
