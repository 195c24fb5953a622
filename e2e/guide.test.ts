import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { environment } from "../tooling/command.ts";
import { provideDebianImage } from "../tooling/debian-image.ts";
import { readGuide } from "../tooling/guide/guide.ts";
import { guideMachine } from "../tooling/guide/machine.ts";
import { walkGuide } from "../tooling/guide/walk.ts";

/** Runs what the page says, and sees that nothing stays behind. */
async function walk(page: string, context: TestContext): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "bv-e2e-guide-"));
  const machine = guideMachine(directory);
  try {
    await walkGuide(readGuide(page), {
      directory: machine.workFolder,
      env: { ...environment, ...machine.env },
      timeout: 180_000,
      onStep: (title) => context.diagnostic(title),
    });
  } finally {
    await machine.remove();
    rmSync(directory, { recursive: true });
  }
}

test("every command of the image builder's guide works as it is typed there", async (context) => {
  await provideDebianImage(process.env["DOCKER_HOST"]);
  await walk("docs/guide.md", context);
});

test("every command of the operator's guide works as it is typed there", async (context) => {
  await walk("docs/operators.md", context);
});
