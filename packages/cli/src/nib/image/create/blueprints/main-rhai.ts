/** The blueprint of `main.rhai` (nib-and-images §2.4). `%name%` is filled in. */
export const mainRhai = String.raw`// The plugin: teaches the platform how to run %protocol_key%. It is part of the container, in /var/lib/babel/plugin/, and runs
// on the host; what it asks for (run_sh, jobs, files, HTTP calls) happens inside the node.
//
// While developing, edit the copy of a node and call it at once:
//   /var/lib/blockvisor/NODE_ID/rootfs/var/lib/babel/plugin/main.rhai
//   bv node run protocol_status
//
// Several files: import "base" as base; reads base.rhai from the same directory, also one that a base image put there.

// ---- Constants ------------------------------------------------------------------------------------------------------
// Evaluated before every call, never stale. Inside functions they are read as global::NAME.

// What differs between networks. Quote keys: most have a dash.
const NETWORKS = #{
    "%network%": #{
        net_type: "%network%",
        bootnodes: ["node-1.example.com:30303", "node-2.example.com:30303"],
    },
};

// What differs between the variants of babel.yaml: one row each.
const VARIANTS = #{
    "%variant_key%": #{
        network: "%network%",
        store_key: "%protocol_key%-%variant_key%-v1",
    },
};
const VARIANT = VARIANTS[node_env().node_variant];
const NETWORK = NETWORKS[VARIANT.network];

// Everything a node has to keep belongs below protocol_data_path: it survives upgrades, the rest of the file system
// does not.
const DATA_DIR = node_env().protocol_data_path + "/node";
const CONFIG_FILE = "/etc/%protocol_key%.conf";

// The endpoint that functions like protocol_status usually ask:
// const API_HOST = "http://127.0.0.1:8545";

// ---- Configuration --------------------------------------------------------------------------------------------------

/// What the platform has to do to get a node running, and what it then keeps running. Every section but "services" is
/// optional. All names of jobs and services share one name space; "download" and "upload" are taken.
fn plugin_config() {
    #{
        // Files made from templates, before anything else. Optional, default: none.
        config_files: [
            #{
                // A file of the image, in the syntax of Jinja / Tera: {{ name }}, {% if x %}, {% for x in list %}.
                template: "/var/lib/babel/templates/node.conf.template",
                // Overwritten every time.
                destination: global::CONFIG_FILE,
                // What the template can use; anything that JSON can say.
                params: #{
                    network: global::NETWORK.net_type,
                    bootnodes: global::NETWORK.bootnodes,
                    history: node_params()["history"],
                },
            },
        ],

        // Services that do not belong to the protocol: proxies, metrics agents, log shippers. Started first, without
        // waiting for data. Optional, default: none. Shared ones are best kept in a base image, in a file of their own.
        aux_services: [
            #{
                name: "disk-watch",
                // Has to stay in the foreground, like every service.
                run_sh: "while :; do df -h " + node_env().data_mount_point + " | tail -n 1; sleep 60 & wait $!; done",

                // The following can be said about every service and job. All optional.
                // When it ends it is started again after backoff_base_ms, then after twice as long, and so on; once it
                // has run for backoff_timeout_ms it starts from the beginning. max_retries: give up after so many.
                // backoff_max_ms: wait no longer than this (default: 5 minutes).
                // Default: 60000, 1000, never give up.
                restart_config: #{
                    backoff_timeout_ms: 60000,
                    backoff_base_ms: 1000,
                },
                // How it is asked to stop. Default: SIGTERM.
                shutdown_signal: "SIGTERM",
                // How long that may take before it counts as an error; it is not simply killed. Default: 60.
                shutdown_timeout_secs: 10,
                // Who runs it, a user of the image. Default: root.
                // run_as: "nobody",
                // How much of its output is kept. Default: 128.
                log_buffer_capacity_mb: 16,
                // Put the time in front of every line. Default: false.
                log_timestamp: true,
            },
        ],

        // Done once, before the services start. Optional, default: nothing.
        init: #{
            // One after the other, each within 15 seconds.
            commands: ["mkdir -p " + global::DATA_DIR],
            // Then all at once, unless they need each other.
            jobs: [
                #{
                    name: "identity",
                    run_sh: "umask 077; head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \\n' > " + global::DATA_DIR + "/identity",
                    // "never" or #{ on_failure: #{ backoff_timeout_ms: ., backoff_base_ms: ., max_retries: . } }.
                    // Default: "never".
                    restart: "never",
                    // Jobs that have to be finished before. Default: none.
                    needs: [],
                    // true: runs once in the life of the node, also not again after an upgrade. Default: false.
                    one_time: true,
                    // true: the job touches protocol data; data that are in use are not downloaded again.
                    // Default: false.
                    use_protocol_data: false,
                },
            ],
        },

        // Protocol data. The first of these that applies is done, once the init jobs are finished:
        //   1. the data are there already: nothing;  2. an archive exists: it is downloaded;
        //   3. alternative_download;                  4. cold_init.
        // How an archive is downloaded. Optional, these are the defaults.
        download: #{
            max_connections: 3,
            max_runners: 8,
            restart_config: #{
                backoff_timeout_ms: 600000,
                backoff_base_ms: 500,
                max_retries: 10,
            },
        },
        // Where data come from when there is no archive: a command. Optional; it takes restart_config (default: never
        // again), run_as and the log fields.
        // alternative_download: #{
        //     run_sh: "wget -q -O - https://snapshots.example.com/latest.tar | tar -x -C " + global::DATA_DIR,
        // },
        // Jobs after a download, with the fields of init jobs. Optional.
        // post_download: [
        //     #{ name: "verify", run_sh: "test -s " + global::DATA_DIR + "/height" },
        // ],
        // The last resort: start from nothing. post_download is not run then. Optional; takes one_time as well.
        cold_init: #{
            run_sh: "mkdir -p " + global::DATA_DIR + " && echo 0 > " + global::DATA_DIR + "/height",
            one_time: false,
        },

        // The protocol itself: started when data are there, kept running from then on.
        services: [
            #{
                name: "node",
                run_sh: "exec /usr/bin/example-node " + global::DATA_DIR + " " + block_interval() + " " + shell_quote(node_params()["verbose-log"] ?? "off"),
                shutdown_timeout_secs: 20,
                // Whether the service waits for protocol data, and stops while they are archived. Default: true.
                use_protocol_data: true,
                // Where its data are, below protocol_data_path. Default: its name.
                data_dir: "node",
                // Clients with data sets of their own (a consensus and an execution client, say) name each one's data
                // set here instead of in babel.yaml, and set "archive: false" on services whose data are not archived
                // (default: true):
                // store_key: global::VARIANT.store_key,
            },
            // #{
            //     name: "second-client",
            //     run_sh: "exec /usr/bin/second-client --data " + node_env().protocol_data_path + "/second-client",
            //     store_key: global::VARIANT.store_key + "-second",
            // },
        ],

        // Making an archive of the protocol data: bv node run upload. Services that use protocol data are stopped,
        // pre_upload, upload and post_upload are done, and the services are started again.
        // pre_upload: #{ commands: [], jobs: [] },
        // Optional, all fields too.
        upload: #{
            // What to leave out, relative to protocol_data_path. "dir/**" is everything in dir.
            exclude: ["**/*.lock", "**/identity"],
            // #{ ZSTD: level } or "NONE". Default: #{ ZSTD: 3 }.
            compression: #{ ZSTD: 3 },
            max_connections: 3,
            max_runners: 8,
            // Chosen for you when left out: about 500 MB a chunk, enough time, one more than the last version.
            // number_of_chunks: 100,
            // url_expires_secs: 3600,
            // data_version: 1,
            restart_config: #{
                backoff_timeout_ms: 600000,
                backoff_base_ms: 500,
                max_retries: 10,
            },
        },
        // post_upload: [#{ name: "announce", run_sh: "echo archived" }],

        // Functions of this file that are called again and again. Optional.
        scheduled: [
            #{
                name: "remember-height",
                // second minute hour day-of-month month day-of-week year
                schedule: "0 * * * * * *",
                function: "remember_height",
                // Handed to the function. Default: an empty text.
                param: "scheduled",
            },
        ],
    }
}

// ---- What the platform asks -----------------------------------------------------------------------------------------

/// Mandatory: how the node is doing. "state" is a word of the protocol, "health" is healthy, neutral or unhealthy.
/// Starting, downloading and uploading are reported without asking.
///
/// A protocol with a JSON-RPC endpoint would ask it:
///     let synced = run_jrpc(#{ host: global::API_HOST, method: "eth_syncing", params: [] }).expect(200).result == false;
fn protocol_status() {
    let answer = run_sh("cat " + global::DATA_DIR + "/height");
    if answer.exit_code != 0 {
        return #{ state: "starting", health: "neutral" };
    }
    if block_age() > 10 * block_interval() {
        return #{ state: "delinquent", health: "unhealthy" };
    }
    #{ state: "broadcasting", health: "healthy" }
}

/// Optional, like every function from here on: shown by bv node info and in the console.
fn height() {
    parse_int(run_sh("cat " + global::DATA_DIR + "/height").unwrap())
}

/// Seconds since the last block.
fn block_age() {
    let made = run_sh("stat -c %Y " + global::DATA_DIR + "/height");
    if made.exit_code == 0 && made.stdout != "" {
        system_time() - parse_int(made.stdout)
    } else {
        0
    }
}

// ---- Your own: bv node run NAME --param TEXT --------------------------------------------------------------------------

/// Seconds between blocks, as the user of the node chose.
fn block_interval() {
    parse_int(node_params()["block-interval-secs"] ?? "2")
}

/// Called by the schedule above. save_data keeps one text per node, across restarts and upgrades.
fn remember_height(param) {
    save_data(param + ": " + height());
    ""
}

fn remembered_height() {
    load_data()
}

/// Text from outside goes into a shell line only through sanitize_sh_param.
fn greet(name) {
    run_sh("echo hello " + sanitize_sh_param(name)).unwrap()
}
`;
