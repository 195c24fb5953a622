/**
 * Turns the control plane's contract (`contract/blockjoy.v1.json`, the data form of the protobuf files) into `.proto` files.
 * `./dev generate` runs this and then `buf generate`, which writes `src/gen/`.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

interface Field {
  readonly name: string;
  readonly number: number;
  readonly type: string;
  readonly label: "singular" | "optional" | "repeated" | "map" | "oneof";
  readonly oneof?: string;
}
interface Reserved {
  readonly numbers?: readonly number[];
  readonly names?: readonly string[];
}
interface Message {
  readonly fields: readonly Field[];
  readonly reserved?: Reserved;
}
interface Enumeration {
  readonly values: Readonly<Record<string, number>>;
}
interface Method {
  readonly name: string;
  readonly request: string;
  readonly response: string;
  readonly clientStreaming: boolean;
  readonly serverStreaming: boolean;
}
interface ProtoFile {
  readonly package: string;
  readonly imports: readonly string[];
  readonly services: Readonly<Record<string, { readonly methods: readonly Method[] }>>;
  readonly messages: Readonly<Record<string, Message>>;
  readonly enums: Readonly<Record<string, Enumeration>>;
}

const here = import.meta.dirname;
const contract = JSON.parse(readFileSync(join(here, "contract/blockjoy.v1.json"), "utf8")) as {
  readonly files: Readonly<Record<string, ProtoFile>>;
};

for (const [path, file] of Object.entries(contract.files)) {
  const target = join(here, "proto", path);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, renderFile(file));
}

function renderFile(file: ProtoFile): string {
  const lines = [
    "// Generated from contract/blockjoy.v1.json by generate.ts. Do not edit.",
    'syntax = "proto3";',
    "",
    `package ${file.package};`,
    "",
    ...file.imports.map((path) => `import "${path}";`),
    "",
  ];
  for (const [name, service] of Object.entries(file.services)) {
    lines.push(`service ${name} {`, ...service.methods.map(renderMethod), "}", "");
  }
  for (const [name, message] of nest(file.messages)) lines.push(...renderMessage(name, message), "");
  for (const [name, values] of Object.entries(file.enums)) lines.push(...renderEnum(name, values), "");
  return `${lines.join("\n").trimEnd()}\n`;
}

/** Message names come fully spelt out; a dot would mean a nested message, which this contract does not use. */
function nest(messages: ProtoFile["messages"]): [string, Message][] {
  const entries = Object.entries(messages);
  const nested = entries.find(([name]) => name.includes("."));
  if (nested) throw new Error(`nested message ${nested[0]} is not supported`);
  return entries;
}

function renderMethod(method: Method): string {
  const request = `${method.clientStreaming ? "stream " : ""}${method.request}`;
  const response = `${method.serverStreaming ? "stream " : ""}${method.response}`;
  return `  rpc ${method.name}(${request}) returns (${response});`;
}

function renderMessage(name: string, message: Message): string[] {
  const lines = [`message ${name} {`];
  if (message.reserved?.numbers?.length) lines.push(`  reserved ${message.reserved.numbers.join(", ")};`);
  if (message.reserved?.names?.length) {
    lines.push(`  reserved ${message.reserved.names.map((reserved) => JSON.stringify(reserved)).join(", ")};`);
  }
  const rendered = new Set<string>();
  for (const field of message.fields) {
    if (field.label !== "oneof") {
      lines.push(`  ${renderField(field)}`);
    } else if (field.oneof && !rendered.has(field.oneof)) {
      rendered.add(field.oneof);
      const members = message.fields.filter((member) => member.oneof === field.oneof);
      lines.push(`  oneof ${field.oneof} {`, ...members.map((member) => `    ${renderField(member)}`), "  }");
    }
  }
  lines.push("}");
  return lines;
}

function renderField(field: Field): string {
  const label = field.label === "optional" || field.label === "repeated" ? `${field.label} ` : "";
  return `${label}${field.type} ${field.name} = ${field.number};`;
}

function renderEnum(name: string, enumeration: Enumeration): string[] {
  const values = Object.entries(enumeration.values).sort(([, a], [, b]) => a - b);
  return [`enum ${name} {`, ...values.map(([value, number]) => `  ${value} = ${number};`), "}"];
}
