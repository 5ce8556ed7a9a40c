// Opens /docs in a browser: it shows every route, asks its own origin only, and breaks no policy.
//
//     docs_test.mjs WAYBILL CHROMIUM
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const [waybill, executablePath] = process.argv.slice(2);
const here = dirname(fileURLToPath(import.meta.url));
const patience = { timeout: 60_000 };

for (const file of ["swagger-ui-bundle.js", "swagger-ui.css", "LICENSE", "NOTICE"]) {
  const ours = readFileSync(join(here, "../../third_party/swagger-ui", file));
  assert.ok(ours.equals(readFileSync(join(here, "node_modules/swagger-ui-dist", file))), `${file} is not the package's`);
}

const folder = mkdtempSync(join(tmpdir(), "waybill-docs-"));
const server = spawn(waybill, ["serve", "--listen", "127.0.0.1:0", "--data-dir", folder, "--rate-limit-api", "0"],
  { stdio: ["ignore", "pipe", "ignore"], env: { PATH: process.env.PATH } });
const origin = await new Promise((resolve, reject) => {
  let said = "";
  server.on("exit", () => reject(new Error(`the server ended: ${said}`)));
  server.stdout.on("data", (piece) => {
    said += piece;
    const found = /listening on (\S+)/.exec(said);
    if (found) resolve(found[1]);
  });
});

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"] });
try {
  const page = await browser.newPage();
  const complaints = [];
  const requested = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => requested.push(request.url()));
  await page.goto(`${origin}/docs`, patience);
  await page.waitForSelector("#operations-orders-placeOrder", patience);

  const document = await (await fetch(`${origin}/openapi.json`)).json();
  const methods = new Set(["get", "put", "post", "delete", "patch"]);
  const routes = Object.values(document.paths).flatMap((item) => Object.keys(item).filter((key) => methods.has(key)));
  assert.equal(await page.locator(".opblock").count(), routes.length);

  // One that is opened and tried out, as a person would.
  await page.click("#operations-probes-isAlive .opblock-summary", patience);
  await page.click("#operations-probes-isAlive .try-out__btn", patience);
  await page.click("#operations-probes-isAlive .execute", patience);
  await page.waitForSelector("#operations-probes-isAlive .live-responses-table", patience);
  await page.click("#operations-orders-placeOrder .opblock-summary", patience);
  await page.waitForSelector("#operations-orders-placeOrder .opblock-body .responses-table", patience);

  const elsewhere = requested.filter((url) => !url.startsWith(origin) && !url.startsWith("data:"));
  assert.deepEqual(elsewhere, []);
  assert.deepEqual(complaints, []);
  assert.ok(requested.some((url) => url.endsWith("/livez")));
  console.log(`${routes.length} routes shown, ${requested.length} requests, all to ${origin}`);
} finally {
  await browser.close();
  server.removeAllListeners("exit");
  server.kill();
  await new Promise((resolve) => server.on("exit", resolve));
  rmSync(folder, { recursive: true, force: true });
}
