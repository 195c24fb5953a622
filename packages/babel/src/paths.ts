import { join } from "node:path";

/** Every path babel touches. `root` is `/` in a node, and a temporary directory in tests. (babel-agent §1.2) */
export type Paths = {
  readonly root: string;
  readonly lib: string;
  readonly runtime: string;
  readonly jobs: string;
  readonly conf: string;
  /** What the host has Setup say, there before babel is; gone once that is done. */
  readonly firstSetup: string;
  /** Environment of the node, for tools in the image. */
  readonly nodeEnv: string;
  readonly postSetup: string;
  readonly postSetupLog: string;
  readonly templates: string;
  readonly pid: string;
  readonly babelSocket: string;
  readonly engineSocket: string;
};

export function pathsBelow(root: string): Paths {
  const lib = join(root, "var/lib/babel");
  const runtime = join(lib, "run");
  return {
    root,
    lib,
    runtime,
    jobs: join(lib, "jobs"),
    conf: join(root, "etc/babel.conf"),
    firstSetup: join(runtime, "setup.json"),
    nodeEnv: join(lib, "node_env"),
    postSetup: join(lib, "post_setup.sh"),
    postSetupLog: join(lib, "post_setup.log"),
    templates: join(lib, "templates"),
    pid: join(lib, "babel.pid"),
    babelSocket: join(runtime, "babel.sock"),
    engineSocket: join(runtime, "engine.sock"),
  };
}

/** A path as the node sees it, below the root. */
export function inRoot(paths: Paths, path: string): string {
  return paths.root === "/" ? path : join(paths.root, path);
}

/** The agent's own programs: the static busybox and the shell scripts that own a job's processes. */
export type Toolbox = {
  readonly busybox: string;
  readonly shim: string;
  /** Shell for `run_sh` and jobs: the image's own, else the bundle's. */
  readonly shell: string;
};
