import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { environment, repository } from "../tooling/command.ts";
import { provideDebianImage } from "../tooling/debian-image.ts";
import { parseGuide } from "../tooling/guide/guide.ts";
import { guideMachine } from "../tooling/guide/machine.ts";
import { walkGuide } from "../tooling/guide/walk.ts";

test("every command of the guide works as it is typed there, and nothing stays behind", async (context) => {
  await provideDebianImage(process.env["DOCKER_HOST"]);
  const directory = mkdtempSync(join(tmpdir(), "bv-e2e-guide-"));
  const machine = guideMachine(directory);
  try {
    await walkGuide(parseGuide(readFileSync(join(repository, "docs/guide.md"), "utf8")), {
      directory: machine.workFolder,
      env: { ...environment, ...machine.env },
      timeout: 180_000,
      onStep: (title) => context.diagnostic(title),
    });
  } finally {
    await machine.remove();
    rmSync(directory, { recursive: true });
  }
});
