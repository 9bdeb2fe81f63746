// Lighthouse and html-validate over the sample site. Offline: everything is on loopback.
//
//   node check.mjs [--theme gazette] [--runs 3] [--least 95] [--chromium /usr/bin/chromium]
//
// Ends with 1 if a category of a page is below --least (performance: the median of --runs), or if a
// page is not valid HTML.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { launch } from "chrome-launcher";
import { HtmlValidate } from "html-validate";
import lighthouse from "lighthouse";

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, "..", "..");
const { values: options } = parseArgs({
  options: {
    theme: { type: "string", default: "default" },
    runs: { type: "string", default: "3" },
    least: { type: "string", default: "95" },
    chromium: { type: "string", default: "/usr/bin/chromium" },
    python: { type: "string", default: join(ROOT, ".venv", "bin", "python") },
  },
});
const CATEGORIES = ["performance", "accessibility", "best-practices", "seo"];
const PAGES = {
  index: "/",
  article: "/articles/leather-sofas-how-to-choose-one-that-lasts-twenty-years/",
  hub: "/topics/leather-sofas/",
};
const OTHERS = ["/topics/", "/articles/", "/search/", "/none/"];
const FLAGS = [
  "--headless=new",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

async function sample() {
  const script = join(ROOT, "tools", "sample_site.py");
  const child = spawn(options.python, [script, "--theme", options.theme], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  for await (const line of createInterface({ input: child.stdout })) return [child, line.trim()];
  throw new Error("the sample site did not start");
}

const median = (numbers) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

async function measured(url, port) {
  const scores = Object.fromEntries(CATEGORIES.map((name) => [name, []]));
  const failed = new Set();
  for (let run = 0; run < Number(options.runs); run += 1) {
    const { lhr } = await lighthouse(url, { port, logLevel: "error", output: "json" });
    for (const name of CATEGORIES) scores[name].push(Math.round(lhr.categories[name].score * 100));
    for (const name of CATEGORIES.slice(1)) {
      for (const { id } of lhr.categories[name].auditRefs) {
        if (lhr.audits[id].score !== null && lhr.audits[id].score < 1) failed.add(id);
      }
    }
  }
  return [Object.fromEntries(CATEGORIES.map((name) => [name, median(scores[name])])), failed];
}

async function invalid(base) {
  const rules = { "no-trailing-whitespace": "off", "doctype-style": "off", "long-title": "off" };
  const validator = new HtmlValidate({ extends: ["html-validate:recommended"], rules });
  let count = 0;
  for (const path of [...Object.values(PAGES), ...OTHERS]) {
    const text = await (await fetch(base + path)).text();
    const report = await validator.validateString(text);
    for (const { messages } of report.results) {
      for (const { line, ruleId, message } of messages) {
        console.log(`${path}:${line} ${ruleId}: ${message}`);
        count += 1;
      }
    }
  }
  return count;
}

const [child, base] = await sample();
const chrome = await launch({ chromePath: options.chromium, chromeFlags: FLAGS, logLevel: "error" });
let bad = 0;
try {
  for (const [name, path] of Object.entries(PAGES)) {
    const [scores, failed] = await measured(base + path, chrome.port);
    const shown = CATEGORIES.map((category) => `${category} ${scores[category]}`).join(", ");
    console.log(`${options.theme} ${name}: ${shown}${failed.size ? ` (${[...failed]})` : ""}`);
    bad += CATEGORIES.filter((category) => scores[category] < Number(options.least)).length;
  }
  bad += await invalid(base);
} finally {
  chrome.kill();
  child.stdin.end();
}
console.log(bad ? `${bad} problems` : "all good");
process.exitCode = bad ? 1 : 0;
