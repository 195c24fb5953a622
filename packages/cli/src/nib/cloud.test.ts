import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type ApiProcess, startApiProcess } from "../testing/api-process.ts";
import { runCli, TemporaryDirectory } from "../testing/cli-process.ts";

/** The story of a user against a real control plane; each test goes on where the one before ended. */
const home = new TemporaryDirectory();
let api: ApiProcess;

before(async () => {
  api = await startApiProcess();
});
after(async () => {
  home[Symbol.dispose]();
  await api.close();
});

const metadata = join(home.path, "babel.yaml");
const config = join(home.path, ".nib.json");

const nib = (args: readonly string[], input = "") =>
  runCli("nib", args, {
    cwd: home.path,
    env: { HOME: home.path, XDG_CONFIG_HOME: "", NIB_TOKEN: "", NIB_API_URL: "" },
    input,
  });

function edit(from: string | RegExp, to: string): void {
  const before = readFileSync(metadata, "utf8");
  writeFileSync(metadata, before.replace(from, to));
  assert.notEqual(readFileSync(metadata, "utf8"), before);
}

async function call(method: string, message: object, token = ""): Promise<Record<string, unknown>> {
  const response = await fetch(`${api.url}/blockjoy.v1.${method}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(message),
  });
  return (await response.json()) as Record<string, unknown>;
}

const userToken = async () => {
  const { token } = await call("AuthService/Login", { email: api.email, password: api.password });
  return String(token);
};

async function personalOrg(): Promise<string> {
  const { orgs } = await call("OrgService/List", { limit: "1" }, await userToken());
  return (orgs as readonly { readonly orgId: string }[])[0]?.orgId ?? "";
}

/** What the control plane has, in base64. */
async function secretOf(orgId: string) {
  const resource = { resourceType: "RESOURCE_TYPE_ORG", resourceId: orgId };
  return (await call("CryptService/GetSecret", { resource, key: "grafana-loki-key" }, await userToken()))["value"];
}

async function push(...options: string[]) {
  const { status, stdout } = await nib(["image", "push", ...options]);
  return { status, stdout };
}

test("without a login, commands that need one say how to get it", async () => {
  const { status, stderr } = await nib(["protocol", "list"]);
  assert.equal(status, 4);
  assert.equal(
    stderr,
    "Error: you are not logged in (NIB401)\n" +
      `  cause: ${config} does not exist\n` +
      "  next:  run `nib login USER_ID` first (in CI: set NIB_TOKEN and NIB_API_URL)\n",
  );
});

test("a wrong password, an API that is not there and plain http to others are told", async () => {
  const login = ["login", api.userId, "--email", api.email, "--password-stdin", "--api"];
  const wrong = await nib([...login, api.url], "wrong\n");
  assert.deepEqual(
    [wrong.status, wrong.stderr.split("\n")[0]],
    [4, "Error: the email or the password is wrong (NIB401)"],
  );
  const open = await nib([...login, "http://example.com"], "x\n");
  assert.deepEqual(
    [open.status, open.stderr.split("\n")[0]],
    [2, "Error: http://example.com would send the key unencrypted (NIB001)"],
  );
  assert.equal(existsSync(config), false);
});

test("on a terminal login asks for email and password, which is not shown", async () => {
  const main = join(import.meta.dirname, "main.ts");
  for (const enter of ["\n", "\r"]) {
    // util-linux gives the terminal; each answer is typed when its question is there.
    const command = `${process.execPath} ${main} login ${api.userId} --api ${api.url}`;
    const terminal = spawn("script", ["--quiet", "--return", "--command", command, "/dev/null"], {
      env: { ...process.env, HOME: home.path, XDG_CONFIG_HOME: "", NIB_TOKEN: "", NIB_API_URL: "", NO_COLOR: "1" },
    });
    const answers = [`${api.email}${enter}`, `x\u007f${api.password}${enter}`];
    let shown = "";
    let asked = 0;
    terminal.stdout.setEncoding("utf8").on("data", (text: string) => {
      shown += text;
      for (; asked < [...shown.matchAll(/(?:email|password): /g)].length; asked += 1)
        terminal.stdin.write(answers[asked]);
    });
    const [status] = await once(terminal, "close");
    assert.equal(status, 0, shown);
    assert.ok(shown.endsWith(`password: \r\nLogged in to ${api.url} as ${api.userId}\r\n`), shown);
    assert.ok(!shown.includes(api.password));
    assert.equal((await nib(["logout"])).status, 0);
  }
});

test("login keeps a key that only the user can read", async () => {
  const { status, stdout, stderr } = await nib(
    ["login", api.userId, "--api", api.url, "--email", api.email, "--password-stdin"],
    `${api.password}\n`,
  );
  assert.deepEqual(
    { status, stdout, stderr },
    { status: 0, stdout: `Logged in to ${api.url} as ${api.userId}\n`, stderr: "" },
  );
  assert.equal(statSync(config).mode & 0o777, 0o600);
  const { token, ...rest }: { token: string } = JSON.parse(readFileSync(config, "utf8"));
  assert.match(token, /^api_/);
  assert.deepEqual(rest, { nodexeus_api_url: api.url });
});

test("logging in again replaces the key, and the user id is not needed", async () => {
  const old = readFileSync(config, "utf8");
  const { status } = await nib(["login", "--password-stdin"], `${api.email}\n${api.password}\n`);
  assert.equal(status, 0);
  const fresh = readFileSync(config, "utf8");
  assert.notEqual(fresh, old);
  writeFileSync(config, old);
  assert.equal((await nib(["protocol", "list"])).status, 4, "the old key is worth nothing");
  writeFileSync(config, fresh);
  chmodSync(config, 0o644);
  const who = await nib(["whoami"]);
  assert.match(who.stderr, /^Warning: others can read .*chmod 600/);
  chmodSync(config, 0o600);
  const { data } = JSON.parse((await nib(["whoami", "--format", "json"])).stdout);
  assert.equal(data.user_id, api.userId);
  assert.ok(data.permissions.includes("protocol-view-development"));
});

test("protocol push adds, updates and leaves alone; a wrong file changes nothing", async () => {
  const list = (description: string, key = "acme") =>
    writeFileSync(
      join(home.path, "protocols.yaml"),
      `- { key: ${key}, name: Acme, visibility: public, description: ${description} }\n`,
    );
  const run = async (...options: string[]) => (await nib(["protocol", "push", ...options])).stdout;
  list("first");
  assert.equal(await run(), "Protocol 'acme' added\n");
  assert.equal(await run(), "Protocol 'acme' unchanged\n");
  list("second");
  assert.equal(await run("--dry-run"), "Protocol 'acme' would be updated\n  description: first → second\n");
  assert.equal(await run(), "Protocol 'acme' updated\n  description: first → second\n");
  list("x", "No Key");
  const { status, stderr } = await nib(["protocol", "push"]);
  assert.equal(status, 3);
  assert.match(stderr, /protocols.yaml:1:10 error NIB203 /);
});

test("image push without its protocol says so before anything is sent", async () => {
  await nib(["image", "create", "nobody", "acmed-mainnet-full", "--dir", "."]);
  const { status, stderr } = await nib(["image", "push"]);
  assert.equal(status, 1);
  assert.match(stderr, /Error: there is no protocol 'nobody' \(NIB404\)\n {2}next: {2}list it in protocols.yaml/);
});

test("a new image is pushed as generated, and pushed again it is unchanged", async () => {
  await nib(["image", "create", "acme", "acmed-mainnet-full", "--dir", ".", "--force"]);
  assert.deepEqual(await push("--dry-run"), {
    status: 0,
    stdout:
      "Variant version 'acme/acmed-mainnet-full/0.0.1' would be added\n" +
      "Image 'acme/acmed-mainnet-full/0.0.1/1' would be added\n",
  });
  assert.deepEqual(await push(), {
    status: 0,
    stdout: "Variant version 'acme/acmed-mainnet-full/0.0.1' added\nImage 'acme/acmed-mainnet-full/0.0.1/1' added\n",
  });
  assert.deepEqual(await push(), {
    status: 0,
    stdout: "Variant version 'acme/acmed-mainnet-full/0.0.1' unchanged\nNo image changes to push\n",
  });
  assert.equal((await push("--dry-run", "--exit-code")).status, 0);
});

test("what changed is shown field by field and becomes a new build", async () => {
  edit("min_cpu: 1", "min_cpu: 2");
  edit("-pruned-v1", "-pruned-v2");
  edit("dns_scheme: https\n    visibility", "dns_scheme: wss\n    visibility");
  edit("add_memory_mb: 100", "add_memory_mb: 200");
  edit("name: websocket", "name: ws");
  const dry = await push("--dry-run", "--exit-code");
  assert.equal(dry.status, 10);
  const [version, image, ...fields] = dry.stdout.trimEnd().split("\n");
  assert.equal(version, "Variant version 'acme/acmed-mainnet-full/0.0.1' unchanged");
  assert.equal(image, "Image 'acme/acmed-mainnet-full/0.0.1/2' would be added");
  assert.deepEqual(fields, [
    "  dns_scheme: https → wss",
    "  min_cpu: 1 → 2",
    '  firewall_config.rules[rpc].ports: [{"port":8545,"name":"http"},{"port":8546,"name":"websocket"}] → ' +
      '[{"port":8545,"name":"http"},{"port":8546,"name":"ws"}]',
    "  properties[history-pruned].addMemoryBytes: 100000000 → 200000000",
    "  archive_pointers[history-pruned].store_key: acme-acmed-mainnet-full-pruned-v1 → acme-acmed-mainnet-full-pruned-v2",
  ]);
  assert.equal((await push()).stdout.split("\n")[1], "Image 'acme/acmed-mainnet-full/0.0.1/2' added");
  assert.equal((await push()).stdout.split("\n")[1], "No image changes to push");
});

test("metadata is frozen per version, and versions only go up", async () => {
  edit("value: acmed", "value: other");
  const frozen = await nib(["image", "push"]);
  assert.equal(frozen.status, 1);
  assert.match(
    frozen.stderr,
    /NIB412\)\n\n {2}metadata\[client\]\.value: "acmed" → "other"\n\n {2}next: {2}raise 'version' to 0\.0\.2\n$/,
  );
  edit("version: 0.0.1", "version: 0.0.2");
  const json = await nib(["image", "push", "--format", "json"]);
  assert.deepEqual(JSON.parse(json.stdout).data, {
    variants: [{ key: "acmed-mainnet-full", version: "added", image: "added", build: 1, diff: [] }],
    dry_run: false,
  });
  edit("version: 0.0.2", "version: 0.0.1");
  const lower = await nib(["image", "push"]);
  assert.equal(lower.status, 1);
  assert.match(lower.stderr, /version 0\.0\.1 is lower than the latest, 0\.0\.2 \(NIB409\)/);
});

test("an image in development can be pushed again, unlike in the reference", async () => {
  edit("version: 0.0.1", "version: 0.0.3");
  edit(/visibility: public/g, "visibility: development");
  assert.match((await push()).stdout, /0\.0\.3\/1' added/);
  assert.match((await push()).stdout, /No image changes to push/);
});

test("strict takes the warning about a local image for an error", async () => {
  const { status, stderr } = await nib(["image", "push", "--strict"]);
  assert.equal(status, 3);
  assert.match(stderr, /babel.yaml:13:16 error NIB219 other hosts cannot fetch this image/);
});

test("protocols are listed with their versions", async () => {
  const { stdout } = await nib(["protocol", "list", "--name", "ACM"]);
  assert.match(stdout, /^- Acme \[acme\]: second\n(?: {3}\* acmed-mainnet-full\/0\.0\.\d\n){3}\n$/);
  assert.match((await nib(["p", "ls", "--name", "nothing like it"])).stdout, /^$/);
  const { data } = JSON.parse((await nib(["p", "ls", "--format", "json"])).stdout);
  assert.deepEqual([data.total, data.protocols[0].key], [1, "acme"]);
});

test("secrets are set from stdin or a file, listed without their values, and deleted", async () => {
  const org = await personalOrg();
  const file = join(home.path, "key.bin");
  writeFileSync(file, Buffer.of(0, 255, 10));
  const key = "grafana-loki-key";
  const set = ["secret", "set", key];
  const ofOrg = ["--org", org];
  const said = async (args: readonly string[], input = "") => (await nib(args, input)).stdout;
  const complaint = async (args: readonly string[], input = "") => {
    const { status, stderr } = await nib(args, input);
    return `${status} ${stderr.split("\n")[0]}`;
  };
  const scope = "2 Error: say whose secret: one of --org ID, --node ID and --platform (NIB001)";
  const large = "2 Error: a secret has at most 65536 bytes (NIB001)";
  const refused = [complaint([...set, ...ofOrg, "--platform"]), complaint([...set, ...ofOrg], "x".repeat(70_000))];
  assert.deepEqual(await Promise.all(refused), [scope, large]);
  const first = said([...set, ...ofOrg, "--if-version", "0"], "s3cret\n");
  const second = said([...set, "--platform", "--protocol", "acme", "--file", file]);
  assert.deepEqual(await Promise.all([first, second]), [
    `Secret '${key}' of the org ${org} set, version 1\n`,
    `Secret '${key}' of the platform set, version 1\n`,
  ]);
  assert.equal(await secretOf(org), Buffer.from("s3cret").toString("base64"));
  const [lost, list, json] = await Promise.all([
    complaint([...set, ...ofOrg, "--if-version", "7"], "other"),
    said(["secret", "list", "--platform"]),
    said(["secret", "ls", ...ofOrg, "--format", "json"]),
  ]);
  assert.equal(lost, "1 Error: SecretStoreService/PutSecret was refused: The secret has version 1. (NIB410)");
  assert.match(list, /Key +Of +Version +Changed +For\n grafana-loki-key +platform +1 +\d{4}-\S+ \S+ +acme\n/);
  const [{ updated_at, ...rest }, ...others] = JSON.parse(json).data.secrets;
  assert.ok(Math.abs(Date.parse(updated_at) - Date.now()) < 60_000);
  assert.deepEqual([rest, others], [{ key, scope: "org", version: 1, protocols: [] }, []]);
  assert.equal(await said(["secret", "delete", key, ...ofOrg]), `Secret '${key}' of the org ${org} deleted\n`);
});

test("a key for secrets can manage those of the user's orgs, and not push", async () => {
  const login = ["login", "--api", api.url, "--email", api.email, "--password-stdin", "--secrets"];
  assert.equal((await nib(login, `${api.password}\n`)).status, 0);
  const [list, who] = await Promise.all([
    nib(["secret", "list", "--org", await personalOrg()]),
    nib(["whoami", "--format", "json"]),
  ]);
  assert.deepEqual(list, {
    status: 0,
    stdout: `There are no secrets of the org ${await personalOrg()}.\n`,
    stderr: "",
  });
  const { permissions } = JSON.parse(who.stdout).data;
  assert.deepEqual(
    permissions.filter((name: string) => name.includes("-admin-") || name.startsWith("secret")),
    ["secret-manage"],
  );
});

test("a control plane that knows of no secrets is said to have none", async () => {
  const other = createServer().on("stream", (stream) => stream.respond({ ":status": 404 }, { endStream: true }));
  await once(other.listen(0, "127.0.0.1"), "listening");
  const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
  const env = { HOME: home.path, NIB_TOKEN: "key", NIB_API_URL: url };
  const { status, stderr } = await runCli("nib", ["secret", "list", "--platform"], { env });
  other.close();
  assert.deepEqual(
    [status, stderr.split("\n")[0]],
    [1, `Error: the API at ${url} has no SecretStoreService/ListSecrets (NIB410)`],
  );
});

test("logging out deletes the key on both sides", async () => {
  const key = readFileSync(config, "utf8");
  const out = await nib(["logout"]);
  assert.deepEqual(out, { status: 0, stdout: `Logged out of ${api.url}\n`, stderr: "" });
  assert.equal(existsSync(config), false);
  writeFileSync(config, key, { mode: 0o600 });
  assert.equal((await nib(["protocol", "list"])).status, 4);
});
