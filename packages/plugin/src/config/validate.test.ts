import assert from "node:assert/strict";
import { test } from "node:test";
import { valueFromJson } from "../values/from-json.ts";
import { readPluginConfig } from "./read.ts";
import { validateConfig } from "./validate.ts";

const job = (name: string, more: object = {}) => ({ name, run_sh: "x", ...more });

function problems(config: object): string[] {
  const read = readPluginConfig(valueFromJson({ services: [], ...config }));
  assert.deepEqual(read.errors, []);
  return validateConfig(read.config).map(({ level, code, path, message }) => `${level} ${code} ${path}: ${message}`);
}

const stored = (name: string, more: object = {}) => job(name, { store_key: `key-${name}`, ...more });

test("rules of plugin_config", () => {
  const table: [config: object, ...problems: string[]][] = [
    [{ services: [job("a"), job("b")], init: { commands: [], jobs: [job("c", { needs: ["d"] }), job("d")] } }],
    [{ services: [job("a"), job("a")] }, "error NIB509 services[1].name: Services names are not unique"],
    [{ services: [job("upload")] }, "error NIB509 services[0].name: Services names are not unique"],
    [{ aux_services: [job("download")] }, "error NIB509 aux_services[0].name: Auxiliary services names are not unique"],
    [
      { aux_services: [job("a")], init: { commands: [], jobs: [job("a")] } },
      "error NIB509 init.jobs[0].name: Init jobs names are not unique",
    ],
    [
      { services: [job("a")], post_upload: [job("a")] },
      "error NIB509 post_upload[0].name: Post-upload jobs names are not unique",
    ],
    [
      { services: [job("b"), job("b")], pre_upload: { commands: [], jobs: [job("b")] }, post_download: [job("b")] },
      "error NIB509 services[0].name: Services names are not unique",
      "error NIB509 services[1].name: Services names are not unique",
      "error NIB509 pre_upload.jobs[0].name: Pre-upload jobs names are not unique",
    ],
    [
      {
        scheduled: [
          { name: "t", schedule: "@daily", function: "f" },
          { name: "t", schedule: "bad", function: "f" },
        ],
      },
      "error NIB509 scheduled[1].name: Scheduled tasks names are not unique",
      "error NIB507 scheduled[1].schedule: schedule 'bad': Invalid cron expression: 'bad' has 1 fields; 5, 6 or 7 are expected",
    ],
    [{ services: [job("a b/../c")] }, 'error NIB505 services[0].name: job name "a b/../c" cannot be a directory name'],
    [{ services: [job("Reth")] }, "warning NIB505 services[0].name: job name `Reth` should be lower case"],
    [
      { services: [job("a", { data_dir: "/abs" })] },
      "error NIB505 services[0].data_dir: Service 'a' data_dir '/abs' must be a relative path without '..' components",
    ],
    [
      { services: [job("a", { store_key: "a b" })] },
      "error NIB505 services[0].store_key: Service 'a' store_key 'a b' must contain only alphanumeric characters, hyphens, and underscores",
    ],
    [{ services: [stored("a"), stored("b")] }],
    [
      { services: [stored("a"), job("b", { store_key: "key-a" })] },
      "error NIB505 services[1].store_key: store_key 'key-a' is that of service 'a' too",
    ],
    [
      { services: [stored("a", { data_dir: "x" }), stored("b", { data_dir: "x/y" })] },
      "error NIB505 services[1].data_dir: data of service 'b' overlap with those of 'a'",
    ],
    [
      { services: [stored("a"), job("b")] },
      "warning NIB505 services[1]: service 'b' has no archive, because other services have a store_key and it has none",
    ],
    [
      { init: { commands: [], jobs: [job("a", { needs: ["nope", "download"] })] } },
      "lint NIB508 init.jobs[0].needs[0]: job 'a' needs 'nope', but there is no such job",
      "lint NIB508 init.jobs[0].needs[1]: job 'a' needs 'download', which is only started after the init jobs",
    ],
    [
      { services: [job("s")], post_download: [job("p", { needs: ["s"] })] },
      "lint NIB508 post_download[0].needs[0]: job 'p' needs 's', which is a service and never finishes",
    ],
    [
      {
        init: {
          commands: [],
          jobs: [job("a", { needs: ["b"] }), job("b", { needs: ["a"] }), job("c", { needs: ["c"] })],
        },
      },
      "error NIB508 init.jobs[0].needs: jobs wait for each other: a → b → a",
      "error NIB508 init.jobs[2].needs: jobs wait for each other: c → c",
    ],
    [
      { upload: { compression: { ZSTD: 23 } } },
      "error NIB505 upload.compression.ZSTD: zstd has no compression level 23: levels are 1 to 22, and -7 to -1 for speed",
    ],
    [
      { upload: { compression: { ZSTD: 0 } } },
      "error NIB505 upload.compression.ZSTD: zstd has no compression level 0: levels are 1 to 22, and -7 to -1 for speed",
    ],
    [
      { upload: { compression: { ZSTD: -8 } } },
      "error NIB505 upload.compression.ZSTD: zstd has no compression level -8: levels are 1 to 22, and -7 to -1 for speed",
    ],
    [{ upload: { compression: { ZSTD: -7 } } }],
    [{ services: [stored("a", { upload: { exclude: ["*.log"], compression: "NONE", layout: "cas" } })] }],
    [
      { services: [stored("a", { upload: { exclude: ["/x", "a**"], compression: { ZSTD: 23 } } })] },
      "error NIB505 services[0].upload.compression.ZSTD: zstd has no compression level 23: levels are 1 to 22, and -7 to -1 for speed",
      'lint NIB505 services[0].upload.exclude[0]: "/x" matches nothing',
      'lint NIB505 services[0].upload.exclude[1]: "a**" is no pattern: `**` must be a whole component of the path',
    ],
    [
      { services: [job("a", { upload: { exclude: ["*.log"] } })] },
      "warning NIB505 services[0].upload: service 'a' has no archive of its own, so this changes nothing",
    ],
    [{ upload: { compression: { ZSTD: 22 } } }],
    [
      { upload: { exclude: ["**/logs/**", "a[]x]*", "[!a]", "*.log", "**"] } },
      'warning NIB505 upload.exclude[4]: "**" excludes everything from uploads',
    ],
    [
      { upload: { exclude: ["a**", "**b/c", "a/***", "[ab", "[!]"], append_only: ["**", "/x", "c**", ""] } },
      'lint NIB505 upload.exclude[0]: "a**" is no pattern: `**` must be a whole component of the path',
      'lint NIB505 upload.exclude[1]: "**b/c" is no pattern: `**` must be a whole component of the path',
      'lint NIB505 upload.exclude[2]: "a/***" is no pattern: wildcards are either `*` or `**`',
      'lint NIB505 upload.exclude[3]: "[ab" is no pattern: a class `[…]` is not closed',
      'lint NIB505 upload.exclude[4]: "[!]" is no pattern: a class `[…]` is not closed',
      'lint NIB505 upload.append_only[1]: "/x" matches nothing',
      'lint NIB505 upload.append_only[2]: "c**" is no pattern: `**` must be a whole component of the path',
      "lint NIB505 upload.append_only[3]: an empty pattern matches nothing",
    ],
    [{ services: Array.from({ length: 62 }, (_, n) => job(`s${n}`)) }],
    [
      { services: Array.from({ length: 63 }, (_, n) => job(`s${n}`)) },
      "error NIB505 : 65 jobs, with `download` and `upload`: a node can have 64",
    ],
    [{ upload: { exclude: ["**/*"] } }, 'warning NIB505 upload.exclude[0]: "**/*" excludes everything from uploads'],
    [
      { config_files: [{ template: "t", destination: "/d", params: [], mode: 0o10000 }] },
      'lint NIB505 config_files[0].template: template "t" should be an absolute path in the node',
      "error NIB505 config_files[0].params: params must be a map to render a template",
      "error NIB505 config_files[0].mode: mode must be permission bits, such as 0o600",
    ],
  ];
  for (const [config, ...expected] of table) assert.deepEqual(problems(config), expected);
});
