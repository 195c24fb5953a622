/** A function that the platform gives to scripts, as the reference shows it. */
export interface FunctionDoc {
  /** `name(parameter: TYPE, other: TYPE | TYPE) -> TYPE`; together they are every overload there is. */
  readonly forms: readonly string[];
  readonly about: string;
  /** What it throws, beside what all do (a node that is down, time that is over). */
  readonly throws?: string;
  /** Statements of a function; they run in the tests. */
  readonly example: string;
}

export interface FunctionSection {
  readonly title: string;
  readonly about: string;
  readonly functions: readonly FunctionDoc[];
}

/** Every function of spec plugin-api.md §2, and ours. */
export const SECTIONS: readonly FunctionSection[] = [
  {
    title: "Jobs",
    about: `A job's configuration is \`#{job_type: #{run_sh: "…"}, restart: …}\`, and as wanted \`needs\`, \`wait_for\`, \`shutdown_timeout_secs\`, \`shutdown_signal\`, \`run_as\`,
\`log_buffer_capacity_mb\`, \`log_timestamp\`, \`use_protocol_data\`, \`one_time\`. \`restart\` is \`"never"\`, \`#{always: R}\` or \`#{on_failure: R}\` with
\`R = #{backoff_timeout_ms: INT, backoff_base_ms: INT}\`, and as wanted \`max_retries\` and \`backoff_max_ms\`.
A service's \`ready_check\` is \`#{sh: STRING}\` (a script that exits with 0), \`#{tcp: INT}\` (a port of the node that takes connections) or \`#{http: STRING}\` (a URL
that answers 2xx): jobs that need it or wait for it start as soon as it is ready, without waiting for its end. Spaces around names are cut off.`,
    functions: [
      {
        forms: ["create_job(name: STRING, config: MAP)"],
        about:
          "Defines a job; it is `stopped` until it is started. One of that name that runs is stopped first, in its own time.",
        throws:
          "when the configuration is wrong, or the node has 64 jobs; `manifest not available for …` for a `download` of an archive that there is not",
        example: `create_job("index", #{ job_type: #{ run_sh: "indexer --once" }, restart: "never" });`,
      },
      {
        forms: ["start_job(name: STRING)", "start_job(name: STRING, config: MAP)"],
        about:
          "Starts a job as soon as what it needs has ended; does nothing with one that runs. With a configuration it defines it first.",
        throws: "`can't start, job '…' not found` (`job_not_found`)",
        example: `start_job("index", #{ job_type: #{ run_sh: "indexer" }, restart: #{ always: #{ backoff_timeout_ms: 60000, backoff_base_ms: 1000 } } });`,
      },
      {
        forms: ["stop_job(name: STRING)"],
        about: "Stops a job and waits for it, as long as its `shutdown_timeout_secs` says.",
        throws: "`can't stop, job '…' not found` (`job_not_found`)",
        example: `stop_job("index");`,
      },
      {
        forms: ["stop_all_jobs()"],
        about: "Stops all jobs, those first that need others. Their definitions stay.",
        example: `stop_all_jobs();`,
      },
      {
        forms: ["cleanup_job(name: STRING)"],
        about: "Drops what a job that does not run keeps in order to go on where it was cut.",
        throws: "`job_not_found`, `job_active`",
        example: `cleanup_job("download");`,
      },
      {
        forms: ["job_info(name: STRING) -> MAP"],
        about: `\`#{status, status_name: "pending" | "running" | "finished" | "stopped", exit_code: INT or (), timestamp_secs: INT, timestamp, progress: #{total, current, message} or (), restart_count,
logs: newest first, upgrade_blocking, stage: "download" | "alternative_download" | "cold_init" or ()}\`.`,
        throws: "`unknown status, job '…' not found` (`job_not_found`)",
        example: `if job_info("index").status_name == "running" { info("indexing"); }`,
      },
      {
        forms: ["job_status(name: STRING) -> STRING or MAP"],
        about: `\`.status\` of \`job_info\`: \`"running"\`, \`"stopped"\`, \`#{pending: #{waiting_for: [STRING]}}\` or \`#{finished: #{exit_code: INT or (), message: STRING}}\`.`,
        throws: "as `job_info`",
        example: `job_status("index") == "running"`,
      },
      {
        forms: ["get_jobs() -> MAP"],
        about: "Name → what `job_info` tells, of all jobs.",
        example: `for name in get_jobs().keys() { info(name); }`,
      },
      {
        forms: ["default_init()"],
        about: "In `init()` of a script: what init does where a script has none of its own.",
        throws: "in any other function",
        example: `default_init();`,
      },
      {
        forms: ["default_upload()"],
        about: "In `upload()` of a script: what an upload does where a script has none of its own.",
        throws: "in any other function, when nothing is to be archived, while another upload goes on",
        example: `default_upload();`,
      },
    ],
  },
  {
    title: "Requests",
    about: `They are sent inside the node: \`127.0.0.1\` is the node itself. \`headers\` is a MAP or an ARRAY of \`[name, value]\`; names may repeat. The limit is in seconds, 15 unless something is said.
The result has \`.status_code\` (INT), \`.body\` (STRING) and \`.expect(code)\`: the body as JSON if the status is that INT, or if the function that is given there says \`true\` of it; else it throws
\`unexpected status_code: …\`.`,
    functions: [
      {
        forms: ["run_jrpc(request: MAP) -> response", "run_jrpc(request: MAP, limit: INT | FLOAT) -> response"],
        about:
          "JSON-RPC by POST. `#{host: URL, method: STRING, params: ARRAY or MAP, headers}`, the last two as wanted.",
        throws: "`timeout after …s`, what is wrong with the connection; never for a status or an `error` in the answer",
        example: `parse_hex(run_jrpc(#{ host: "http://127.0.0.1:8545", method: "eth_blockNumber" }).expect(200).result)`,
      },
      {
        forms: ["run_rest(request: MAP) -> response", "run_rest(request: MAP, limit: INT | FLOAT) -> response"],
        about:
          "`#{url, headers, method, body}`; GET without a `method`. A `body` that is a MAP or ARRAY is sent as JSON.",
        throws: "as `run_jrpc`",
        example: `run_rest(#{ url: "http://127.0.0.1:9000/health" }, 2).expect(|code| code < 300)`,
      },
      {
        forms: ["run_graphql(request: MAP) -> response", "run_graphql(request: MAP, limit: INT | FLOAT) -> response"],
        about:
          '`#{url, query, variables: MAP, operation_name, headers, method}`; by GET, or by POST with `method: "POST"`.',
        throws: "as `run_jrpc`",
        example: `run_graphql(#{ url: "http://127.0.0.1:8080", query: "{ head { height } }", method: "POST" }).expect(200)`,
      },
    ],
  },
  {
    title: "Shell",
    about: `The result has \`.exit_code\` (INT), \`.stdout\`, \`.stderr\` (STRING), \`.truncated\` (BOOL: the middle of a long output was left out) and \`.unwrap()\`: the output, or it throws
\`unexpected exit_code: …\`.`,
    functions: [
      {
        forms: ["run_sh(body: STRING) -> result", "run_sh(body: STRING, how: INT | FLOAT | MAP) -> result"],
        about:
          "`sh -c` in the node, as root. `how` is the limit in seconds (15 unless something is said), or `#{timeout, env: MAP, stdin: STRING, user: STRING}`. When time is over everything that it started is ended.",
        throws: "when time is over, or a signal ended it; never for an exit code",
        example: `parse_int(run_sh("date +%s", #{ env: #{ TZ: "UTC" } }).unwrap())`,
      },
      {
        forms: ["shell_quote(text: STRING) -> STRING"],
        about: "The text as one word of a shell, whatever is in it.",
        example: `run_sh("echo " + shell_quote(node_params().color)).unwrap()`,
      },
      {
        forms: ["sanitize_sh_param(text: STRING) -> STRING"],
        about:
          'The text in double quotes, if it has only letters, digits, spaces and `/ : { } , - _ . "`. `shell_quote` takes everything.',
        throws: "`Shell unsafe character detected: …`",
        example: `run_sh("echo " + sanitize_sh_param("some/path")).unwrap()`,
      },
    ],
  },
  {
    title: "Files and templates",
    about: "Paths are the node's.",
    functions: [
      {
        forms: [
          "render_template(template: STRING, destination: STRING, params: MAP)",
          "render_template(template: STRING, destination: STRING, params: MAP, mode: INT)",
        ],
        about:
          "Renders a Tera (Jinja-like) template. Without a `mode` the destination keeps its permissions, or gets 0o644. The new content takes the place of the old one at once.",
        throws: "naming all variables that are missing; the destination then stays as it was",
        example: `render_template("/var/lib/babel/templates/app.toml", "/etc/app.toml", #{ name: node_env().node_name }, 0o600);`,
      },
      {
        forms: ["file_read(path: STRING) -> BLOB"],
        about: "The content of a file; `.as_string()` makes a text of it.",
        throws: "`file_read … failed: …`",
        example: `file_read("/etc/hostname").as_string()`,
      },
      {
        forms: ["file_write(path: STRING, content: BLOB)", "file_write(path: STRING, content: BLOB, mode: INT)"],
        about:
          "Writes a file, in the place of an old one at once. Without a `mode` it keeps its permissions; a new one gets 0o640, a program 0o750.",
        throws: "`file_write … failed: …`",
        example: `file_write("/etc/token", "secret".to_blob(), 0o600);`,
      },
    ],
  },
  {
    title: "The node",
    about: "Asked for once in a call of the plugin.",
    functions: [
      {
        forms: ["node_params() -> MAP"],
        about: "Parameters of the node, all STRING, by the keys of `babel.yaml`; `()` for one that there is not.",
        example: `node_params()["color"] ?? "red"`,
      },
      {
        forms: ["node_env() -> MAP"],
        about: `\`node_id\`, \`node_name\`, \`node_org_id\` (also \`org_id\`), \`node_version\`, \`node_protocol\`, \`node_variant\`, \`node_ip\`, \`node_ipv6\` (empty where nodes have one address), \`node_gateway\`, \`dev_mode\` (BOOL), \`bv_host_id\`, \`bv_host_name\`, \`bv_api_url\`,
\`data_mount_point\`, \`protocol_data_path\`, \`properties\` (MAP).`,
        example: `info(node_env().node_variant + " in " + node_env().protocol_data_path);`,
      },
      {
        forms: ["has_protocol_archive() -> BOOL", "has_protocol_archive(store_key: STRING) -> BOOL"],
        about: "Whether there is an archive to download, of the image or of one service. `false` on dev nodes.",
        throws: "when the control plane cannot be asked",
        example: `if !has_protocol_archive() { warn("from genesis"); }`,
      },
      {
        forms: ["protocol_data_stamp() -> INT or ()"],
        about: "Unix seconds of the last use of the protocol data; `()` when they were never used.",
        example: `protocol_data_stamp() ?? 0`,
      },
    ],
  },
  {
    title: "What a plugin keeps",
    about: "Data and secrets survive restarts and upgrades, and go with the node.",
    functions: [
      {
        forms: ["save_data(data: STRING | MAP)", "save_data(slot: STRING, data: STRING | MAP)"],
        about:
          "Keeps one text, or one MAP, per node, and one in each slot that it names; at most 1 MiB, and 1 MiB in all slots together. A crash leaves the old or the new one.",
        throws: "when it is larger",
        example: `save_data(#{ peers: 5 });`,
      },
      {
        forms: [
          "load_data() -> STRING",
          "load_data(fallback: ANY) -> STRING or MAP",
          "load_data(slot: STRING, fallback: ANY) -> STRING or MAP",
        ],
        about: "What was saved, or saved in a slot; with a MAP as `fallback` as a MAP.",
        throws: "`No such file or directory (os error 2)` without a fallback before the first `save_data`",
        example: `load_data(#{ peers: 0 })`,
      },
      {
        forms: ["swap_data(slot: STRING, expected: ANY, data: ANY) -> BOOL"],
        about:
          "Saves in a slot only if that still has what was `expected`, a STRING or a MAP, or `()` for nothing; tells whether it did. Of scripts that run at the same time, such as a task and a call by hand, one succeeds.",
        throws: "as `save_data`",
        example: `swap_data("leader", (), "node-1")`,
      },
      {
        forms: ["get_secret(key: STRING) -> BLOB"],
        about:
          "A secret: the node's own, else that of its org, else the platform's (`nib secret`); `.as_string()` makes a text of it. Within one call of the plugin it stays what it is. On dev nodes what was given with `--secret` or put, else the text of that key in `/etc/blockvisor-dev-secrets.json`; `cloudflare-cert-key`, `grafana-loki-key` and `grafana-prometheus-key`, which every node has in production, are `dev-secret` otherwise.",
        throws: "`not_found`; `get_secret failed: …`",
        example: `get_secret("grafana-loki-key").as_string()`,
      },
      {
        forms: ["put_secret(key: STRING, value: BLOB)"],
        about:
          "Stores a secret of the node. On dev nodes it lies in a file of the node's directory, which only root can read.",
        throws: "`put_key failed: …`",
        example: `put_secret("node-key", "0x00".to_blob());`,
      },
    ],
  },
  {
    title: "Tasks",
    about: "Functions that are called by time, while the node runs.",
    functions: [
      {
        forms: [
          "add_task(name: STRING, schedule: STRING, function: STRING)",
          "add_task(name: STRING, schedule: STRING, function: STRING, param: STRING)",
          "add_task(name: STRING, schedule: STRING, function: STRING, param: STRING, how: MAP)",
        ],
        about:
          'Calls a function of the plugin by a cron schedule (`second minute hour day month weekday [year]`, 5 fields too, `@daily` …), in the place of a task of that name. `how`, all as wanted: `#{timezone: "UTC", jitter_secs: INT, timeout_secs: INT, catch_up: BOOL}`: each run begins up to `jitter_secs` later, at random; with `catch_up: false` what is due while something else is done with the node is left out, else it runs afterwards, once.',
        throws: "when the schedule is wrong, or there is no such function with at most one parameter",
        example: `add_task("tidy", "0 0 3 * * *", "example", "", #{ timezone: "UTC", jitter_secs: 600 });`,
      },
      {
        forms: ["delete_task(name: STRING)"],
        about: "Removes a task, if there is one.",
        example: `delete_task("tidy");`,
      },
    ],
  },
  {
    title: "Values",
    about: "",
    functions: [
      {
        forms: ["parse_json(text: STRING) -> ANY"],
        about: "JSON as RFC 8259 has it, any value: INT where it fits i64, else FLOAT; null is `()`.",
        throws: "where the text is wrong, with line and column",
        example: `parse_json("[1, 2.5, null]")`,
      },
      {
        forms: ["parse_json_or(text: STRING, fallback: ANY) -> ANY"],
        about: "The same; `fallback` for what is no JSON.",
        example: `parse_json_or("nothing", #{})`,
      },
      {
        forms: ["to_json(map: MAP) -> STRING"],
        about: "JSON text, keys in order. A FLOAT stays one (`1.0`), an INT is exact.",
        example: `to_json(#{ a: [1, 2.0] })`,
      },
      {
        forms: ["parse_hex(text: STRING) -> INT"],
        about: "A hexadecimal number, with or without `0x`.",
        throws: "`invalid digit found in string`, `number too large to fit in target type` beyond i64",
        example: `parse_hex("0xa1")`,
      },
      {
        forms: ["system_time() -> INT"],
        about: "Unix seconds now.",
        example: `system_time()`,
      },
      {
        forms: ["parse_rfc3339(text: STRING) -> INT"],
        about: "Unix seconds of a time such as `1985-04-12T23:20:50.52Z`.",
        throws: "when it is none",
        example: `parse_rfc3339("1985-04-12T23:20:50.52Z")`,
      },
      {
        forms: ["parse_rfc2822(text: STRING) -> INT"],
        about: "Unix seconds of a time as mails have it.",
        throws: "when it is none",
        example: `parse_rfc2822("Fri, 12 Apr 1985 23:20:50 +0000")`,
      },
      {
        forms: ["parse_time(text: STRING, format: STRING) -> INT"],
        about: "Unix seconds of a time in a format of strftime, which has to have an offset (`%z`).",
        throws: "when they do not fit",
        example: `parse_time("12.04.1985 23:20:50 +0000", "%d.%m.%Y %H:%M:%S %z")`,
      },
      {
        forms: ["url_encode(text: STRING) -> STRING"],
        about: "Percent-encoded, but for letters, digits and `- . _ ~`.",
        example: `url_encode("a b/c")`,
      },
      {
        forms: ["url_decode(text: STRING) -> STRING"],
        about: "The other way round.",
        throws: "`invalid percent-encoding`",
        example: `url_decode("a%20b")`,
      },
      {
        forms: ["base64_encode(data: STRING | BLOB) -> STRING"],
        about: "Base64, padded. A STRING stands for its UTF-8.",
        example: `base64_encode("user:password")`,
      },
      {
        forms: ["base64_decode(text: STRING) -> BLOB"],
        about: "Of the standard or the URL alphabet, padded or not.",
        throws: "`invalid base64`",
        example: `base64_decode("dXNlcg==").as_string()`,
      },
      {
        forms: ["sha256(data: STRING | BLOB) -> STRING"],
        about: "The digest in lower-case hexadecimal.",
        example: `sha256("abc")`,
      },
    ],
  },
  {
    title: "Logs and failures",
    about: "Lines are in the daemon's log, with the node's id.",
    functions: [
      { forms: ["info(text: STRING)"], about: "Says something.", example: `info("ready");` },
      { forms: ["warn(text: STRING)"], about: "Says that something should be looked at.", example: `warn("slow");` },
      { forms: ["error(text: STRING)"], about: "Says that something is wrong.", example: `error("broken");` },
      {
        forms: ["error_code(caught: ANY) -> STRING or ()"],
        about:
          'Of what was caught: the stable code of the host\'s failure (`"job_not_found"`, `"job_active"`, `"agent_unreachable"` …), `()` for everything else.',
        example: `try { stop_job("index"); } catch (e) { if error_code(e) != "job_not_found" { throw e; } }`,
      },
    ],
  },
];
