import { bootBareMachine } from "../machine/bare-machine.ts";
import { hostTools, machineTools, provide } from "../system-packages.ts";

/** Proves a command on a machine where nothing was installed by hand: a Debian of its own, with a clone of the last commit. */
export async function run(args: readonly string[]): Promise<void> {
  const script = args.length > 0 ? args.join(" ") : "./dev demo";
  console.log("System packages");
  await provide([...hostTools, ...machineTools]);
  const machine = await bootBareMachine();
  try {
    console.log(`\nIn ${machine.checkout} of a bare machine: ${script}`);
    await machine.run(script);
  } finally {
    await machine.stop();
  }
}
