// Generates a typed client from the document and compiles what uses it.
//
//     client_test.mjs OPENAPI.json FOLDER
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, symlinkSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const [document, folder] = process.argv.slice(2);
const here = dirname(fileURLToPath(import.meta.url));
const run = (program, ...words) =>
  execFileSync(process.execPath, [join(here, "node_modules", program), ...words], { cwd: folder, stdio: ["ignore", "inherit", "inherit"] });

mkdirSync(folder, { recursive: true });
rmSync(join(folder, "node_modules"), { force: true });
symlinkSync(join(here, "node_modules"), join(folder, "node_modules"));
copyFileSync(join(here, "client.ts"), join(folder, "client.ts"));
run("openapi-typescript/bin/cli.js", document, "-o", join(folder, "schema.d.ts"));
run("typescript/bin/tsc", "--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", "--module", "nodenext",
  "--lib", "es2022,dom", "client.ts");
console.log("the client compiles");
