import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { TemporaryDirectory } from "../../testing/cli-process.ts";
import { templatesInDirectories } from "./templates-in-directory.ts";

test("templates are found where the Dockerfile copies them from, and in the usual places", async () => {
  using directory = new TemporaryDirectory();
  const put = (name: string) => {
    const path = join(directory.path, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, name);
  };
  for (const name of [
    "conf/a.tera",
    "conf/deep/b",
    "c.conf",
    "x/d.tpl",
    "x/e.other",
    "templates/f",
    "g",
    "later",
    "h i",
  ])
    put(name);
  symlinkSync(join(directory.path, "g"), join(directory.path, "link"));
  symlinkSync("/etc", join(directory.path, "etc"));
  writeFileSync(
    join(directory.path, "Dockerfile"),
    `FROM x AS build
# COPY g /opt/commented
COPY conf /opt/conf
COPY --chown=1:1 c.conf \\
  /etc/c.conf
ADD x/*.tpl /opt/x/
COPY --from=build /g /opt/staged
COPY ["h i", "/opt/spaces/"]
COPY g /opt/again
COPY later /opt/again
COPY link ../outside /opt/links/
COPY etc /opt/etc
`,
  );
  const found = await templatesInDirectories([directory.path]).read([
    ...["/opt/conf/a.tera", "/opt/conf/deep/b", "/etc/c.conf", "/opt/x/d.tpl", "/opt/x/e.other", "/opt/spaces/h i"],
    ...["/opt/again", "/opt/staged", "/opt/commented", "/opt/links/link", "/opt/links/outside", "/opt/etc/passwd"],
    ...["/var/lib/babel/templates/f", "/var/lib/babel/templates/g", "/var/lib/babel/templates/../g", "/elsewhere/g"],
  ]);
  assert.deepEqual(
    [...found].map(([path, { file, text }]) => [path, file.slice(directory.path.length + 1), text]),
    [
      ["/opt/conf/a.tera", "conf/a.tera", "conf/a.tera"],
      ["/opt/conf/deep/b", "conf/deep/b", "conf/deep/b"],
      ["/etc/c.conf", "c.conf", "c.conf"],
      ["/opt/x/d.tpl", "x/d.tpl", "x/d.tpl"],
      ["/opt/spaces/h i", "h i", "h i"],
      ["/opt/again", "later", "later"],
      ["/var/lib/babel/templates/f", "templates/f", "templates/f"],
      ["/var/lib/babel/templates/g", "g", "g"],
      ["/var/lib/babel/templates/../g", "g", "g"],
    ],
  );
});
