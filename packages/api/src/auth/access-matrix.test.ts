import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { ResourceType } from "@blockvisor/wire/blockjoy/common/v1/resource";
import { create, type DescMessage, type DescMethod, type DescService, type Message } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { type OpenDatabase, openDatabase } from "../database/open-database.ts";
import { type Listener, listen } from "../listener/listener.ts";
import { requestHandler } from "../listener/request-handler.ts";
import { quiet } from "../testing/api-under-test.ts";
import { contract } from "../testing/contract.ts";
import { newDataDir } from "../testing/data-dir.ts";
import { type Fixture, seedHost, seedOrg, seedUser } from "../testing/seed.ts";
import { expectedAccess } from "./access-matrix.ts";
import { accessOf, roles, rpcName } from "./access-table.ts";
import { createAccessTokens } from "./access-token.ts";
import { admission } from "./admission.ts";
import { mintApiKey } from "./api-key.ts";
import { authorisation } from "./interceptor.ts";

/**
 * Calls every RPC of the contract as every kind of caller, about its own org, about a foreign one, and about none, through the
 * real interceptor, tokens and database; only the handlers are replaced, by ones that say that they were reached.
 */

const reached = "the handler was reached";
const lifeSeconds = 600;

interface Caller {
  readonly name: string;
  readonly token: string | undefined;
  readonly own: Fixture;
}

describe("access matrix", () => {
  let directory = "";
  let database: OpenDatabase;
  let listener: Listener;
  let services: readonly DescService[] = [];
  let callers: readonly Caller[] = [];
  let foreign: Fixture;
  let publicHost = "";

  before(async () => {
    directory = await newDataDir();
    database = await openDatabase({ kind: "embedded", directory });
    const tokens = createAccessTokens(Buffer.alloc(64, 7), lifeSeconds);
    services = await contract();
    listener = await listen({
      host: "127.0.0.1",
      port: 0,
      concurrency: 100,
      handler: requestHandler({
        routes: (router) => {
          for (const service of services) router.service(service, handlersThatTell(service));
        },
        admit: admission(database.db, tokens, quiet),
        interceptors: [authorisation(database.db, tokens)],
        consoleOrigins: [],
        otherwise: async () => {},
      }),
    });

    const { db } = database;
    const orgA = await seedOrg(db, "org-a", "10.0.0");
    foreign = await seedOrg(db, "org-b", "10.0.1");
    publicHost = await seedHost(db, "public", null, orgA.orgId);
    const siblingHost = await seedHost(db, "sibling", orgA.orgId, orgA.orgId);
    const personal = await seedUser(db, "personal@example.com", []);
    const personalOrg = await seedOrg(db, "personal", "10.0.2", { ownerId: personal, personal: true });
    const sign = (kind: "user" | "host", id: string) =>
      tokens.sign({ resource: { kind, id }, roles: [kind === "user" ? roles.login : roles.host], data: {} });
    const member = async (name: string, held: readonly string[]): Promise<Caller> => {
      const userId = await seedUser(
        db,
        `${name}@example.com`,
        held.map((role) => ({ orgId: orgA.orgId, role })),
      );
      const key = await seedKey(userId, ["node-get", "protocol-view-public"]);
      return { name, token: await sign("user", userId), own: { ...orgA, userId, apiKeyId: key.id } };
    };
    const seedKey = async (userId: string, permissions: readonly string[]) => {
      const id = crypto.randomUUID();
      const { text, salt, secretHash } = mintApiKey(id);
      await db
        .insertInto("api_keys")
        .values({
          id,
          user_id: userId,
          label: "key",
          salt,
          secret_hash: secretHash,
          resource_type: "org",
          resource_id: orgA.orgId,
          permissions: JSON.stringify(permissions),
        })
        .execute();
      return { id, text };
    };
    const owner = await member("owner", [roles.owner, roles.orgAdmin, roles.member]);
    callers = [
      { name: "nobody", token: undefined, own: orgA },
      await member("admin", [roles.admin]),
      owner,
      await member("orgAdmin", [roles.orgAdmin, roles.member]),
      await member("member", [roles.member]),
      { name: "personal", token: await sign("user", personal), own: { ...personalOrg, userId: personal } },
      { name: "host", token: await sign("host", orgA.hostId), own: orgA },
      { name: "siblingHost", token: await sign("host", siblingHost), own: orgA },
      { name: "publicHost", token: await sign("host", publicHost), own: { ...orgA, hostId: publicHost } },
      { name: "orgKey", token: (await seedKey(owner.own.userId, ["node-get", "node-list"])).text, own: owner.own },
    ];
  });
  after(async () => {
    await listener?.close();
    await database?.close();
    await rm(directory, { recursive: true, force: true });
  });

  test("every RPC of the contract has a row in the table and in the expectations, and no row is for nothing", () => {
    const methods = services.flatMap((service) => service.methods);
    const names = methods.map(rpcName).map(short).sort();
    assert.deepEqual(methods.filter((method) => accessOf(method) === undefined).map(rpcName), []);
    assert.deepEqual(Object.keys(expectedAccess).sort(), names);
    assert.equal(names.length, 137);
  });

  test("each caller reaches exactly what it should", async () => {
    const actual: Record<string, string> = {};
    for (const service of services) {
      for (const method of service.methods) {
        if (accessOf(method)?.kind === "unimplemented") {
          assert.equal((await call(method, callers[1]?.token, {})).code, Code.Unimplemented, rpcName(method));
          actual[short(rpcName(method))] = "unimplemented";
          continue;
        }
        const columns: string[] = [];
        for (const [column, about] of [
          ["own", (caller: Caller) => caller.own],
          ["foreign", () => foreign],
          ["none", () => undefined],
        ] as const) {
          const passing = await Promise.all(
            callers.map(async (caller) => {
              const error = await call(method, caller.token, sample(method.input, about(caller)));
              if (error.rawMessage === reached) return [caller.name];
              assertRefusal(error, method, caller, column);
              return [];
            }),
          );
          columns.push(passing.flat().join(" ") || "-");
        }
        actual[short(rpcName(method))] = columns.join(" | ");
      }
    }
    if (process.env["PRINT_MATRIX"] !== undefined) console.log(JSON.stringify(actual, null, 2));
    assert.deepEqual(actual, expectedAccess);
  });

  test("a public host answers only to itself and to administrators", async () => {
    const about = { ...foreign, hostId: publicHost };
    const passing: Record<string, readonly string[]> = {};
    for (const method of services.flatMap((service) => service.methods)) {
      if (!publicHostMethods.includes(short(rpcName(method)))) continue;
      const names: string[] = [];
      for (const caller of callers) {
        const request = sample(method.input, about) as Message & { nodeId?: string };
        delete request.nodeId;
        if ((await call(method, caller.token, request)).rawMessage === reached) names.push(caller.name);
      }
      passing[short(rpcName(method))] = names;
    }
    assert.deepEqual(passing, {
      "Command.List": ["admin", "publicHost"],
      "Command.Pending": ["admin", "publicHost"],
      "Host.GetHost": ["admin", "publicHost"],
      "Host.UpdateHost": ["admin", "publicHost"],
      "Host.DeleteHost": ["admin"],
      "HostFacts.ReportFacts": ["publicHost"],
      "HostFacts.ListFacts": ["admin", "publicHost"],
      "Metrics.Host": ["publicHost"],
    });
  });

  test("an API key of a user may in an org what the user may there, and not what it may in its personal one", async () => {
    const personal = callers.find((caller) => caller.name === "personal");
    const [list, get] = ["SecretStoreService/ListSecrets", "OrgService/Get"].map((name) =>
      services.flatMap((service) => service.methods).find((method) => rpcName(method).endsWith(name)),
    );
    assert.ok(personal && list && get);
    const { userId, orgId } = personal.own;
    await database.db
      .insertInto("user_roles")
      .values({ user_id: userId, org_id: foreign.orgId, role: roles.member })
      .execute();
    const id = crypto.randomUUID();
    const { text, salt, secretHash } = mintApiKey(id);
    const permissions = JSON.stringify(["secret-manage", "org-get"]);
    const key = { id, user_id: userId, label: "key", salt, secret_hash: secretHash, permissions };
    await database.db
      .insertInto("api_keys")
      .values({ ...key, resource_type: "user", resource_id: userId })
      .execute();
    const answers = async (method: DescMethod) =>
      Promise.all(
        [orgId, foreign.orgId].map(
          async (org) => (await call(method, text, requestAbout(method.input, org))).rawMessage,
        ),
      );
    assert.deepEqual(await answers(list), [reached, "Missing permission: secret-manage"]);
    assert.deepEqual(await answers(get), [reached, reached]);
  });

  test("an API key of an org is powerless once its owner has left", async () => {
    const [owner, key] = ["owner", "orgKey"].map((name) => callers.find((caller) => caller.name === name));
    const get = services
      .flatMap((service) => service.methods)
      .find((method) => rpcName(method).endsWith("NodeService/Get"));
    assert.ok(owner && key && get);
    assert.equal((await call(get, key.token, sample(get.input, key.own))).rawMessage, reached);
    await database.db.deleteFrom("user_roles").where("user_id", "=", owner.own.userId).execute();
    assert.equal((await call(get, key.token, sample(get.input, key.own))).code, Code.PermissionDenied);
  });

  function assertRefusal(error: ConnectError, method: DescMethod, caller: Caller, column: string): void {
    const expected =
      caller.token === undefined
        ? [Code.Unauthenticated]
        : column === "none"
          ? [Code.PermissionDenied, Code.InvalidArgument]
          : [Code.PermissionDenied];
    assert.ok(expected.includes(error.code), `${rpcName(method)} as ${caller.name} (${column}): ${error.message}`);
  }

  async function call(method: DescMethod, token: string | undefined, request: object): Promise<ConnectError> {
    const transport = (transports[token ?? ""] ??= createGrpcTransport({ baseUrl: listener.url }));
    try {
      const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
      if (method.methodKind === "unary") {
        await transport.unary(method as never, undefined, undefined, headers, request as never);
      } else {
        const messages = (async function* () {
          yield request;
        })();
        const { message } = await transport.stream(method as never, undefined, undefined, headers, messages as never);
        for await (const _ of message);
      }
    } catch (error) {
      return ConnectError.from(error);
    }
    throw new Error(`${rpcName(method)} answered, but its handler should only tell that it was reached`);
  }
  const transports: Record<string, ReturnType<typeof createGrpcTransport>> = {};
});

const publicHostMethods = [
  "Command.List",
  "Command.Pending",
  "Host.GetHost",
  "Host.UpdateHost",
  "Host.DeleteHost",
  "HostFacts.ReportFacts",
  "HostFacts.ListFacts",
  "Metrics.Host",
];

const short = (name: string) => name.replace(/^(?:blockjoy|blockvisor\.\w+)\.v1\./, "").replace("Service/", ".");

function handlersThatTell(service: DescService): ServiceImpl<DescService> {
  const tell = () => {
    throw new ConnectError(reached, Code.Aborted);
  };
  return Object.fromEntries(service.methods.map((method) => [method.localName, tell])) as never;
}

/** A request about an org alone. */
function requestAbout(input: DescMessage, orgId: string): Message {
  const message = create(input);
  const field = input.fields.find(({ name }) => name === "org_id");
  assert.ok(field);
  reflect(input, message).set(field, orgId);
  return message;
}

/** A request about somebody's things: every field that names one is filled in. */
function sample(input: DescMessage, about: Fixture | undefined): Message {
  const message = create(input);
  if (about === undefined) return message;
  const ids: Readonly<Record<string, string>> = {
    user_id: about.userId,
    member_id: about.userId,
    org_id: about.orgId,
    host_id: about.hostId,
    node_id: about.nodeId,
    command_id: about.commandId,
    api_key_id: about.apiKeyId,
    invitation_id: about.invitationId,
  };
  const view = reflect(input, message);
  for (const field of view.fields) {
    const one = ids[field.name];
    const many = ids[field.name.replace(/s$/, "")];
    if (one !== undefined && field.fieldKind === "scalar") view.set(field, one);
    else if (many !== undefined && field.fieldKind === "list") view.get(field).add(many);
    else if (field.name === "resource") {
      const ofUser = input.typeName.includes("ApiKey");
      view.set(
        field as never,
        reflectResource(field.message as DescMessage, ofUser ? about.userId : about.nodeId, ofUser),
      );
    } else if (field.name === "archive" && field.fieldKind === "message") {
      view.set(field, reflect(field.message, create(field.message, { orgId: about.orgId } as never)));
    } else if (field.name === "metrics" && field.fieldKind === "message") {
      const metrics = create(field.message, { hostId: about.hostId } as never);
      view.set(field, reflect(field.message, metrics));
    }
  }
  return message;
}

function reflectResource(message: DescMessage, id: string, ofUser: boolean) {
  const resource = create(message, {
    resourceType: ofUser ? ResourceType.USER : ResourceType.NODE,
    resourceId: id,
  } as never);
  return reflect(message, resource);
}
