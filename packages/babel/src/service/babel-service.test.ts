import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, cp, mkdir, readdir, readFile, rename, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { ErrorDetailSchema, RunShResponseSchema } from "@blockvisor/wire/blockvisor/babel/v1/babel";
import { ConnectError } from "@connectrpc/connect";
import { buildAgent } from "../bundle/build.ts";
import { hasEnded, statOf } from "../process/identity.ts";
import { builtAgent, clientsOf, SECRET, statusOf, TestAgent, until } from "../testbed/agent.ts";

const bundle = await builtAgent();
after(() => rm(dirname(bundle.folder), { recursive: true, force: true }));

async function failureOf(call: Promise<unknown>): Promise<ConnectError> {
  return ConnectError.from(
    await call.then(
      () => new Error("it succeeded"),
      (reason: unknown) => reason,
    ),
  );
}
const codeOf = async (call: Promise<unknown>): Promise<string> => {
  const error = await failureOf(call);
  return `${error.findDetails(ErrorDetailSchema)[0]?.code}: ${error.rawMessage}`;
};
const alive = (pid: number): boolean => {
  const found = statOf(pid);
  return found !== undefined && !hasEnded(found);
};

describe("operations in the node", () => {
  let agent: TestAgent;
  before(async () => {
    agent = await TestAgent.start(bundle);
  });
  after(() => agent.dispose());

  test("run_sh: normalised body, exit code, signal, stdin, environment", async () => {
    const sh = (body: string, more = {}) => agent.babel.runSh({ body, ...more });
    assert.equal((await sh("  echo a && \\\n && \n")).stdout, "a\n");
    const killed = await sh("kill -KILL $$");
    assert.deepEqual([killed.exitCode, killed.signal], [137, "SIGKILL"]);
    assert.equal(
      (await sh("cat; echo $EXTRA; pwd", { stdin: Buffer.from("in|"), env: { EXTRA: "x" } })).stdout,
      "in|x\n/\n",
    );
    assert.equal((await sh("cat")).stdout, "");
    assert.equal((await sh("printf '\\377'")).stdout, "\uFFFD");
    assert.match(await codeOf(sh("true", { user: "nobody-here" })), /^run-sh-user/);
  });

  test("run_sh: 32 at once; nothing else waits for them (D1-14)", async () => {
    const fifo = join(agent.root, "fifo");
    execFileSync("mkfifo", [fifo]);
    const end = new AbortController();
    const scripts = Array.from({ length: 32 }, () =>
      failureOf(agent.babel.runSh({ body: `cat ${fifo}` }, { signal: end.signal })),
    );
    await until(async () => /^run-sh-busy: 32/.test(await codeOf(agent.babel.runSh({ body: "true" }))), "all run");
    assert.equal((await agent.babel.getVersion({})).pid, agent.pid);
    end.abort();
    await Promise.all(scripts);
    await until(
      async () => /^it succeeded/.test((await failureOf(agent.babel.runSh({ body: "true" }))).rawMessage),
      "one may run",
    );
  });

  test("what the image set for its own programs does not reach babel, but scripts and jobs", async (t) => {
    const image = { NODE_OPTIONS: "--no-such-option", LD_PRELOAD: "/nope.so", OPENSSL_CONF: "a b\n'c'" };
    // Authorities of the host's, and how babel uses memory, are for babel, and not for what it starts.
    const authorities = { BABEL_CA_FILE: import.meta.filename };
    const other = await TestAgent.start(bundle, { ...image, ...authorities });
    t.after(() => other.dispose());
    const body = 'echo "$NODE_OPTIONS|$LD_PRELOAD|$OPENSSL_CONF|$NODE_EXTRA_CA_CERTS|$GLIBC_TUNABLES"';
    const { stdout } = await other.babel.runSh({ body });
    assert.equal(stdout, "--no-such-option|/nope.so|a b\n'c'||\n");
    assert.match(other.stderr, /^(Warning: Ignoring extra certs from [^\n]*\n)?$/);
  });

  test("run_sh: output is bounded, head and tail are kept", async () => {
    const { stdout, stdoutTruncated, stderrTruncated } = await agent.babel.runSh({
      body: "seq 1 200000",
      outputLimitBytes: 1000,
    });
    assert.ok(stdoutTruncated && !stderrTruncated);
    assert.match(stdout, /^1\n2\n[\s\S]*… \d+ bytes dropped …[\s\S]*199999\n200000\n$/);
    assert.ok(stdout.length < 1100);
  });

  test("run_sh: the timeout kills everything, and tells what was printed (T-12)", async () => {
    const body =
      "(setsid sh -c 'trap \"\" TERM; echo $$; while :; do sleep 0.1; done' &); sleep 0.2; echo waiting; sleep 1000";
    const error = await failureOf(agent.babel.runSh({ body, timeoutMs: 500 }));
    assert.equal(error.findDetails(ErrorDetailSchema)[0]?.code, "run-sh-timeout");
    const partial = error.findDetails(RunShResponseSchema)[0]!;
    const [pid, waiting] = partial.stdout.split("\n");
    assert.equal(waiting, "waiting");
    assert.equal(alive(Number(pid)), false);
  });

  test("run_sh: a caller that goes away takes its script along; a background child does not hold the call", async () => {
    const gone = new AbortController();
    const call = failureOf(
      agent.babel.runSh({ body: `echo $$ > ${agent.root}/gone; sleep 1000` }, { signal: gone.signal }),
    );
    await until(
      () =>
        stat(join(agent.root, "gone")).then(
          ({ size }) => size > 0,
          () => false,
        ),
      "it runs",
    );
    gone.abort();
    await call;
    const pid = Number(await readFile(join(agent.root, "gone"), "utf8"));
    await until(() => !alive(pid), "the script is gone");

    const { stdout } = await agent.babel.runSh({ body: "sleep 1000 & echo $!" }, { timeoutMs: 10_000 });
    process.kill(Number(stdout));
  });

  test("files: whole or not at all, bounded, with their mode", async () => {
    const path = "/deep/er/file";
    const real = join(agent.root, path);
    const write = (parts: readonly object[]) =>
      agent.babel.writeFile(
        (async function* () {
          for (const part of parts) yield { part } as never;
        })(),
      );
    const header = (more = {}) => ({ case: "header", value: { path, ...more } });
    const content = (text: string) => ({ case: "content", value: Buffer.from(text) });
    const digest = (text: string) => ({ case: "sha256", value: createHash("sha256").update(text).digest() });
    assert.match(await codeOf(write([header(), content("ab")])), /^file-incomplete/);
    assert.match(await codeOf(write([header(), content("ab"), digest("ab"), content("c")])), /^file-incomplete/);
    await assert.rejects(stat(real), { code: "ENOENT" });
    assert.equal((await write([header(), content("ab"), content("c"), digest("abc")])).size, 3n);
    assert.equal(await readFile(real, "utf8"), "abc");
    assert.equal((await stat(real)).mode & 0o777, 0o640);
    for (const [name, text, mode] of [
      ["script", "#!/bin/sh\necho hi\n", 0o750],
      ["program", "\x7fELF", 0o750],
      ["empty", "", 0o640],
    ] as const) {
      await write([header({ path: `/other/${name}` }), content(text), digest(text)]);
      assert.equal((await stat(join(agent.root, "other", name))).mode & 0o777, mode, name);
    }
    await chmod(real, 0o711);
    const sha256 = digest("new");
    await write([header(), content("new"), sha256]);
    assert.equal((await stat(real)).mode & 0o777, 0o711);
    assert.match(await codeOf(write([header(), content("bad"), sha256])), /^file-checksum-mismatch/);
    assert.equal(await readFile(real, "utf8"), "new");
    assert.deepEqual(await readdir(dirname(real)), ["file"]);
    await symlink("file", join(dirname(real), "link"));
    await write([{ case: "header", value: { path: "/deep/er/link" } }, content("through"), digest("through")]);
    assert.equal(await readFile(real, "utf8"), "through");
    assert.match(
      await codeOf(write([{ case: "header", value: { path: "/deep" } }, content("x")])),
      /^file-not-regular/,
    );
    assert.match(await codeOf(write([content("x")])), /^file-destination-missing/);

    const read = async (file: string, limitBytes = 0n) => {
      const parts = [];
      for await (const { part } of agent.babel.readFile({ path: file, limitBytes })) parts.push(part);
      return parts;
    };
    const [first, last] = await read(path);
    assert.equal(first?.case === "content" && Buffer.from(first.value).toString(), "through");
    assert.deepEqual(
      last?.case === "sha256" && Buffer.from(last.value),
      createHash("sha256").update("through").digest(),
    );
    assert.match(await codeOf(read(path, 3n)), /^file-too-large/);
    assert.match(await codeOf(read("/nope")), /^file-not-found/);
    await mkdir(join(agent.root, "proc"), { recursive: true });
    assert.match(await codeOf(read("/proc")), /^file-not-regular/);
  });

  test("render_template through the service", async () => {
    await writeFile(join(agent.root, "t.tera"), "name={{ name }}");
    const request = { template: "/t.tera", destination: "/etc/app.conf", params: '{"name":"x"}' };
    assert.equal((await agent.babel.renderTemplate(request)).changed, true);
    assert.equal((await agent.babel.renderTemplate(request)).changed, false);
    assert.match(
      await codeOf(agent.babel.renderTemplate({ ...request, params: "{}" })),
      /^template-failed: failed to render template file with: .*t\.tera:1:9: variable 'name'/,
    );
  });
});

describe("http from the node", () => {
  let agent: TestAgent;
  let server: Server;
  let url: string;
  const seen: { method: string; url: string; headers: Record<string, unknown>; body: string }[] = [];
  before(async () => {
    agent = await TestAgent.start(bundle, { http_proxy: "http://127.0.0.1:1", HTTP_PROXY: "http://127.0.0.1:1" });
    server = createServer(async (request, response) => {
      let body = "";
      for await (const chunk of request) body += chunk;
      seen.push({ method: request.method!, url: request.url!, headers: request.headersDistinct, body });
      const path = request.url!.split("?")[0];
      if (path === "/teapot") response.writeHead(418).end("short and stout");
      else if (path === "/gzip") response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync("zipped ü"));
      else if (path === "/zstd") response.writeHead(200, { "content-encoding": "zstd" }).end(zstdCompressSync("zstd"));
      else if (path === "/bomb")
        response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(Buffer.alloc(20_000_000)));
      else if (path === "/astray") response.writeHead(302, { location: "http://[::" }).end();
      else if (path === "/loop") response.writeHead(302, { location: "/loop" }).end();
      else if (path === "/moved") response.writeHead(303, { location: "/final" }).end();
      else if (path === "/slow") return;
      else response.end(`${request.method} ${path}`);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(async () => {
    server.closeAllConnections();
    server.close();
    await agent.dispose();
  });

  test("json-rpc: the body, headers that replace and repeat", async () => {
    const headers = [
      { name: "Content-Type", value: "text/x" },
      { name: "x-twice", value: "1" },
      { name: "X-Twice", value: "2" },
    ];
    const params = '{"a":[1.0,9007199254740993]}';
    const answer = await agent.babel.runJrpc({ host: `${url}/rpc`, method: "m", params, headers });
    assert.deepEqual([answer.statusCode, answer.body], [200, "POST /rpc"]);
    const request = seen.at(-1)!;
    assert.equal(request.body, `{"jsonrpc":"2.0","id":0,"method":"m","params":${params}}`);
    assert.deepEqual([request.headers["content-type"], request.headers["x-twice"]], [["text/x"], ["1", "2"]]);
    await agent.babel.runJrpc({ host: `${url}/rpc`, method: "m" });
    assert.equal("params" in JSON.parse(seen.at(-1)!.body), false);
    assert.match(await codeOf(agent.babel.runJrpc({ host: url, method: "m", params: "{" })), /^jrpc-params-invalid/);
    const bad = { host: url, method: "m", headers: [{ name: "a b", value: "x" }] };
    assert.match(await codeOf(agent.babel.runJrpc(bad)), /^http-header-invalid/);
  });

  test("rest: any status, encodings, redirects, methods, limits", async () => {
    const get = (path: string, more = {}) => agent.babel.runRest({ url: `${url}${path}`, ...more });
    assert.deepEqual([(await get("/teapot")).statusCode, (await get("/teapot")).body], [418, "short and stout"]);
    assert.equal((await get("/gzip")).body, "zipped ü");
    assert.equal((await get("/zstd")).body, "zstd");
    assert.equal((await get("/moved", { method: "POST", body: Buffer.from("x") })).body, "GET /final");
    assert.equal((await get("/put", { method: "put" })).body, "PUT /put");
    assert.match(await codeOf(get("/bomb")), /^http-response-too-large/);
    assert.match(await codeOf(get("/astray")), /^http-url-invalid: not an http or https URL: http:\/\/\[::/);
    assert.match(await codeOf(get("/loop")), /^http-redirects: more than 10 redirects/);
    assert.match(
      await codeOf(agent.babel.runRest({ url: "http://127.0.0.1:1/x" })),
      /^http-failed: error sending request for url .*connection refused/,
    );
    assert.match(await codeOf(agent.babel.runRest({ url: "ftp://x" })), /^http-url-invalid/);
    assert.equal((await failureOf(agent.babel.runRest({ url: `${url}/slow` }, { timeoutMs: 300 }))).code, 4);
    const slow = /^http-timeout: timeout after 0.2s: no complete response from http:/;
    assert.match(await codeOf(get("/slow", { timeoutMs: 200 })), slow);
    assert.match(await codeOf(agent.babel.runJrpc({ host: `${url}/slow`, method: "m", timeoutMs: 200 })), slow);
  });
});

describe("setup and secret", () => {
  let agent: TestAgent;
  before(async () => {
    agent = new TestAgent(bundle, await import("node:fs/promises").then((fs) => fs.mkdtemp("/tmp/babel-setup-")));
    await agent.spawn();
  });
  after(() => agent.dispose());

  test("nothing before Setup, nothing without the secret", async () => {
    assert.equal((await agent.babel.getVersion({})).state, 1);
    assert.match(await codeOf(agent.babel.runSh({ body: "true" })), /^not-ready/);
    assert.match(await codeOf(agent.babel.setup({ secret: "short" })), /^secret-invalid/);
    await agent.setup();
    assert.equal((await agent.babel.getVersion({})).state, 2);
    const stranger = clientsOf(agent.socket, "another secret 0123456789");
    assert.match(await codeOf(stranger.babel.runSh({ body: "true" })), /^secret-invalid/);
    assert.match(await codeOf(stranger.jobs.listJobs({})), /^secret-invalid/);
    stranger.close();
    assert.equal((await stat(agent.socket)).mode & 0o777, 0o600);
    const conf = join(agent.root, "etc/babel.conf");
    assert.equal((await stat(conf)).mode & 0o777, 0o600);
    assert.equal(JSON.parse(await readFile(conf, "utf8")).secret, SECRET);
  });

  test("tools in the image find the node's environment in a file that a shell reads back unchanged", async () => {
    const value = 'a "quoted" $HOME `date` \\ value';
    await agent.setup({ "some-key": value });
    const path = join(agent.root, "var/lib/babel/node_env");
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    const script = `set -a; . "${path}"; printf '%s|%s' "$NODE_ID" "$BV_PROP_SOME_KEY"`;
    assert.equal(execFileSync("sh", ["-c", script], { encoding: "utf8" }), `n-1|${value}`);
  });

  test("a restarted babel is ready in the same boot, and waits for Setup in another one", async () => {
    await agent.run("svc", "sleep 1000");
    await agent.running("svc");
    await agent.restart();
    assert.equal((await agent.babel.getVersion({})).state, 2);
    const conf = join(agent.root, "etc/babel.conf");
    const text = await readFile(conf, "utf8");
    await agent.kill();
    await writeFile(conf, text.replace(/"boot_id":"[^"]*"/, '"boot_id":"another/1"'));
    await agent.spawn();
    assert.equal((await agent.babel.getVersion({})).state, 1);
    await agent.setup();
    assert.equal(statusOf(await agent.info("svc")), "running");
    await agent.jobs.deleteJob({ name: "svc" });
  });

  test("a Setup that is there first is done before anybody can call; one with a hook of the image is left to the call", async () => {
    const { root } = agent;
    const conf = join(root, "etc/babel.conf");
    const said = join(root, "var/lib/babel/run/setup.json");
    const { boot_id, ...setup } = JSON.parse(await readFile(conf, "utf8"));
    const inAnotherRun = async () => {
      await agent.kill();
      await writeFile(conf, JSON.stringify({ ...setup, boot_id: `another ${boot_id}` }));
      await writeFile(said, JSON.stringify(setup));
      await agent.spawn();
      return { state: (await agent.babel.getVersion({})).state, isLeft: existsSync(said) };
    };
    await agent.run("svc", "sleep 1000");
    assert.deepEqual(await inAnotherRun(), { state: 2, isLeft: false });
    assert.equal((await agent.babel.runSh({ body: "echo $NODE_ID" })).stdout, "n-1\n");
    assert.equal(statusOf(await agent.info("svc")), "running");

    // One that a host announces is waited for.
    await agent.kill();
    await writeFile(conf, JSON.stringify({ ...setup, boot_id: `another ${boot_id}` }));
    const pidFile = join(root, "var/lib/babel/babel.pid");
    await rm(pidFile);
    const announced = agent.spawn(undefined, { BABEL_SETUP: "file" });
    await until(async () => existsSync(pidFile), "babel has begun");
    await writeFile(`${said}.new`, JSON.stringify(setup));
    await rename(`${said}.new`, said);
    await announced;
    assert.deepEqual([(await agent.babel.getVersion({})).state, existsSync(said)], [2, false]);
    const hook = join(root, "var/lib/babel/post_setup.sh");
    await writeFile(hook, "#!/bin/sh\n", { mode: 0o755 });
    assert.deepEqual(await inAnotherRun(), { state: 1, isLeft: true });
    await rm(hook);
    await rm(said);
    await agent.setup();
    await agent.jobs.deleteJob({ name: "svc" });
  });

  test("a second babel takes over from the first, and no job is started twice", async () => {
    await agent.run("svc", "sleep 1000");
    const { run } = await agent.running("svc");
    const first = agent.pid;
    await agent.spawn();
    await until(() => !alive(first), "the first has ended");
    const job = await agent.info("svc");
    assert.deepEqual([statusOf(job), job.run?.pid, job.run?.number], ["running", run?.pid, 1n]);
    await agent.jobs.deleteJob({ name: "svc" });
  });

  test("ramdisks are mounted once, resized, and compared by their exact path", async () => {
    const nodeEnv = { dataMountPoint: "/blockjoy" };
    const point = join(agent.root, "ram");
    const mounts = async () =>
      (await readFile("/proc/self/mountinfo", "utf8"))
        .split("\n")
        .filter((line) => line.includes(` ${point}`))
        .map((line) => /size=\d+k/.exec(line)?.[0]);
    const setup = (...disks: readonly (readonly [string, bigint])[]) =>
      agent.babel.setup({
        nodeEnv,
        secret: SECRET,
        ramdisks: disks.map(([ramDiskMountPoint, ramDiskSizeMb]) => ({ ramDiskMountPoint, ramDiskSizeMb })),
      });
    try {
      await setup([`${point}disk`, 1n]);
      await setup([`${point}disk`, 1n], [`${point}/`, 1n]);
      await setup([`${point}disk/`, 1n], [point, 2n]);
      assert.deepEqual(await mounts(), ["size=1024k", "size=2048k"]);
    } finally {
      for (const path of [`${point}disk`, point]) execFileSync("/bin/busybox", ["umount", path]);
    }
    assert.match(await codeOf(setup(["relative", 1n])), /^setup-ramdisk/);
    await agent.setup();
  });

  test("post_setup.sh runs at each Setup; its failure and its output are told", async () => {
    const hook = join(agent.root, "var/lib/babel/post_setup.sh");
    await writeFile(hook, '#!/bin/sh\necho "for $NODE_NAME" \n', { mode: 0o755 });
    await agent.setup();
    assert.equal(await readFile(join(agent.root, "var/lib/babel/post_setup.log"), "utf8"), "for test-node\n");
    await writeFile(hook, "#!/bin/sh\nexit 3\n");
    assert.match(await codeOf(agent.setup()), /^post-setup-failed: failed to setup node with: .*exited with code 3/);
    await rm(hook);
    await agent.setup({ key: "new" });
    assert.equal((await agent.babel.runSh({ body: "echo $BV_PROP_KEY" })).stdout, "new\n");
  });

  test("the image says how long post_setup.sh may take, and as whom scripts run (D1-13, D2-05)", async (t) => {
    const image = { BABEL_POST_SETUP_TIMEOUT_MS: "200", BV_USER: "nobody" };
    const other = await TestAgent.start(bundle, image);
    t.after(() => other.dispose());
    await mkdir(join(other.root, "etc"), { recursive: true });
    await writeFile(join(other.root, "etc/passwd"), "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n");
    const { stdout } = await other.babel.runSh({ body: "id -u; id -g; echo $HOME $USER" });
    assert.equal(stdout, "65534\n65534\n/nonexistent nobody\n");
    const hook = join(other.root, "var/lib/babel/post_setup.sh");
    await writeFile(hook, "#!/bin/sh\necho $$\nsleep 1000\n", { mode: 0o755 });
    assert.match(await codeOf(other.setup()), /^post-setup-timeout: failed to setup node with: .*took over 200 ms$/);
    const pid = Number(await readFile(join(other.root, "var/lib/babel/post_setup.log"), "utf8"));
    assert.ok(pid > 0 && !alive(pid));
  });

  test("what ran begins again with the next Setup, after post_setup.sh; what ended stays so (T-10)", async () => {
    const ready = join(agent.root, "ready");
    await agent.run("begins", `[ -e ${ready} ] && echo after || echo before; exec sleep 1000`);
    await agent.run("ended", "exit 3");
    await agent.create("stopped", "true");
    await agent.running("begins");
    await agent.finished("ended");
    await agent.babel.shutdown({});
    const hook = join(agent.root, "var/lib/babel/post_setup.sh");
    // A job that does not wait for it would be sooner.
    await writeFile(hook, `#!/bin/sh\nsleep 0.3; : > ${ready}\n`, { mode: 0o755 });
    await agent.setup();
    await until(async () => (await agent.log("begins", 2)).length === 1, "it runs again");
    assert.deepEqual(await agent.log("begins"), ["before", "after"]);
    const infos = await Promise.all(["begins", "ended", "stopped"].map((name) => agent.info(name)));
    assert.deepEqual(infos.map(statusOf), ["running", "finished(3)", "stopped"]);
    await rm(hook);
    await agent.jobs.retainJobs({ names: [] });
  });

  test("another build takes over in the same directory while jobs run (T-29)", async () => {
    await agent.run("long", "i=0; while :; do echo $i; i=$((i+1)); sleep 0.02; done");
    const { run } = await agent.running("long");
    const next = join(bundle.folder, "next+build");
    const before = bundle.description.version;
    await cp(join(bundle.folder, before), next, { recursive: true });
    const description = await readFile(join(next, "agent.json"), "utf8");
    await writeFile(join(next, "agent.json"), description.replaceAll(before, "next+build"));
    await agent.kill("SIGTERM");
    await agent.spawn(JSON.parse(description.replaceAll(before, "next+build")));
    assert.equal((await agent.babel.getVersion({})).version, "next+build");
    const job = await agent.info("long");
    assert.deepEqual([statusOf(job), job.run?.pid], ["running", run?.pid]);
    await agent.jobs.stopJob({ name: "long" });
    const lines = await agent.log("long");
    assert.deepEqual(
      lines,
      lines.map((_line, index) => String(index)),
    );

    // Built again, the old one is current; the one in use stays, what nobody uses goes.
    for (const name of ["old+1", "old+2"])
      await cp(join(bundle.folder, before), join(bundle.folder, name), { recursive: true });
    await utimes(join(bundle.folder, "old+2"), 1, 1);
    await buildAgent(bundle.folder);
    assert.deepEqual((await readdir(bundle.folder)).sort(), [before, "agent.json", "next+build", "old+1"].sort());
  });
});
