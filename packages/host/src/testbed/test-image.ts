import { pluginPath } from "./daemon-process.ts";
import { makeOciImage } from "./oci-image.ts";

/** A plugin that leaves countable marks of what was done with its node. */
export const script = (version: string): string => `
const VERSION = "${version}";

fn plugin_config() {
    #{
        init: #{
            commands: ["echo ${version} >> /blockjoy/inits"],
            jobs: [#{ name: "prepare", run_sh: "echo ${version} >> /blockjoy/prepared" }],
        },
        services: [
            #{
                name: "web",
                run_sh: "echo $$ >> /blockjoy/starts; echo hello from $NODE_NAME; exec sleep 1000000",
                shutdown_timeout_secs: 5,
                use_protocol_data: false,
                archive: false,
            },
        ],
    }
}

fn height() {
    7
}

fn version() {
    global::VERSION
}

fn greet(name) {
    \`hello \${name}, this is \${node_env().node_name}\`
}

fn secret(key) {
    get_secret(key).as_string()
}

fn color() {
    node_params().color
}

fn inits() {
    run_sh("cat /blockjoy/inits").unwrap()
}

fn protocol_status() {
    #{ state: "broadcasting", health: "healthy" }
}

fn remind() {
    add_task("reminder", "0 0 0 1 1 *", "height");
}

fn hang() {
    loop {}
}
`;

/** An image with that plugin, and more files, in a folder of its own. */
export function makeTestImage(
  folder: string,
  version: string,
  plugin = script(version),
  files: Readonly<Record<string, string>> = {},
): Promise<string> {
  return makeOciImage(`${folder}/image-${version}`, {
    [pluginPath]: plugin,
    "etc/version": version,
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
    ...files,
  });
}
