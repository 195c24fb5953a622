/** The command line of this repository: `./dev VERB`. Each verb is one file in `verbs/`. */
interface Verb {
  readonly usage: string;
  readonly about: string;
  readonly load: () => Promise<{ readonly run: (args: readonly string[]) => Promise<void> }>;
}

const verbs: Readonly<Record<string, Verb>> = {
  demo: {
    usage: "demo [--keep] [--runtime auto|oci|apptainer]",
    about: "walk the guide for real: scaffold, build, check, play, push, a node from the API; ends by itself",
    load: () => import("./verbs/demo.ts"),
  },
  test: {
    usage: "test [NAME…]",
    about: "lint, types, unit, integration and end-to-end tests; with names, only those packages or files",
    load: () => import("./verbs/test.ts"),
  },
  bench: {
    usage: "bench [NAME…]",
    about: "benchmarks, as ratios to a baseline measured in the same run",
    load: () => import("./verbs/bench.ts"),
  },
  fuzz: {
    usage: "fuzz rhai [--seconds N] [--seed N]",
    about: "the long fuzzing runs",
    load: () => import("./verbs/fuzz.ts"),
  },
  machine: {
    usage: "machine [COMMAND]",
    about: "run a command (./dev demo) in a clone of the last commit on a bare Debian machine made for it",
    load: () => import("./verbs/machine.ts"),
  },
  setup: {
    usage: "setup [--service]",
    about:
      "find or install the system packages a host needs, then build; afterwards bin/* work; or a systemd service too",
    load: () => import("./verbs/setup.ts"),
  },
  build: {
    usage: "build",
    about: "bundle the launchers of bin/ and the agent into dist/",
    load: () => import("./verbs/build.ts"),
  },
  lint: {
    usage: "lint [--fix]",
    about: "format, lint, types, dead code and import directions",
    load: () => import("./verbs/lint.ts"),
  },
  generate: {
    usage: "generate",
    about: "what is generated and committed: wire code from the contracts, the references of Rhai and of plugins",
    load: () => import("./verbs/generate.ts"),
  },
};

const [name = "help", ...args] = process.argv.slice(2);
const verb = verbs[name];
if (verb) {
  const { run } = await verb.load();
  await run(args).catch((error: unknown) => {
    console.error(`dev ${name}: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  });
} else {
  const width = Math.max(...Object.values(verbs).map(({ usage }) => usage.length));
  console.log("Usage: ./dev VERB\n");
  for (const { usage, about } of Object.values(verbs)) console.log(`  ${usage.padEnd(width)}  ${about}`);
  if (!["help", "-h", "--help"].includes(name)) {
    console.error(`\ndev: there is no verb '${name}'`);
    process.exitCode = 2;
  }
}
