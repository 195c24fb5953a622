/**
 * Named places where a crash test may cut the process (`BV_FAILPOINT=name` or `name@3` for the third pass).
 * The cut is SIGKILL to ourselves: nothing after it runs, as after `kill -9` or a power loss.
 */
let armed: { readonly name: string; passes: number } | undefined;
let environmentRead = false;

function arm(specification: string | undefined): void {
  environmentRead = true;
  armed = specification === undefined ? undefined : parse(specification);
}

export function failpoint(name: string): void {
  if (!environmentRead) arm(process.env["BV_FAILPOINT"]);
  if (armed?.name !== name) return;
  armed.passes -= 1;
  if (armed.passes > 0) return;
  process.kill(process.pid, "SIGKILL");
  // The signal is delivered on return to user space at the latest; nothing below may have an effect.
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

function parse(specification: string): { readonly name: string; passes: number } {
  const at = specification.lastIndexOf("@");
  const passes = at < 0 ? 1 : Number(specification.slice(at + 1));
  return { name: at < 0 ? specification : specification.slice(0, at), passes: Number.isInteger(passes) ? passes : 1 };
}
