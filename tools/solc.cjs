// solc's command line, as far as Ape and forge use it, on top of npm's WebAssembly build.
//
//   solc.cjs --version
//   solc.cjs --standard-json [--base-path DIR] [--include-path DIR]... [--allow-paths DIR,...] < input > output
//
// solc compiles on one core. Contracts are generated and optimised independently of each other, so
// their files are dealt to as many threads as there are cores. A job is a file with what it imports,
// so that its bytecode depends on nothing else, and is kept in build/solc-cache.
"use strict";

const crypto = require("node:crypto");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { Worker, isMainThread, parentPort, workerData } = require("node:worker_threads");

const STACK_MB = 64; // the optimiser recurses deeply; a thread's default of 4 MB is not always enough
const MAX_THREADS = 8; // each takes some hundred MB
const CACHE = process.env.SOLC_CACHE ?? path.join(__dirname, "..", "build", "solc-cache");
const WHOLE = process.env.SOLC_WHOLE === "1"; // every job sees all sources: for tools that follow AST ids across files

function parseArguments(args) {
  const options = { mode: null, basePath: process.cwd(), includePaths: [], allowPaths: [] };
  const rest = args.flatMap((arg) => (arg.startsWith("--") ? arg.split(/=(.*)/s, 2) : [arg]));
  while (rest.length > 0) {
    const flag = rest.shift();
    if (flag === "--version" || flag === "--standard-json") options.mode = flag;
    else if (flag === "--base-path") options.basePath = path.resolve(rest.shift());
    else if (flag === "--include-path") options.includePaths.push(path.resolve(rest.shift()));
    else if (flag === "--allow-paths") {
      const folders = rest.shift().split(",").filter(Boolean);
      options.allowPaths.push(...folders.map((folder) => path.resolve(folder)));
    } else if (flag !== "-") throw new Error(`unrecognised option '${flag}'`);
  }
  return options;
}

/** Reads a source that the input does not contain: from the base path, then from each include path. */
function importFrom({ basePath, includePaths, allowPaths }) {
  const roots = [basePath, ...includePaths];
  const allowed = [...roots, ...allowPaths].map((folder) => folder + path.sep);
  return (name) => {
    const candidates = roots.map((root) => path.resolve(root, name));
    const inside = (file) => allowed.some((folder) => file.startsWith(folder));
    const found = candidates.find((file) => inside(file) && fs.existsSync(file));
    if (found === undefined) return { error: `not found: ${candidates.join(", ")}` };
    return { contents: fs.readFileSync(found, "utf8") };
  };
}

/** Names of the sources that a file imports. */
function importsOf(input, file) {
  const remappings = (input.settings.remappings ?? []).map((remapping) => remapping.split("="));
  const content = input.sources[file]?.content ?? "";
  return [...content.matchAll(/^import[^"']*["']([^"']+)["']/gm)].map(([, name]) => {
    if (name.startsWith(".")) return path.posix.join(path.posix.dirname(file), name);
    const [prefix, target] = remappings.find(([from]) => name.startsWith(from)) ?? ["", ""];
    return target + name.slice(prefix.length);
  });
}

/** A file and all that it imports, however deep. */
function closure(input, file, seen = new Set()) {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const name of importsOf(input, file)) closure(input, name, seen);
  return seen;
}

/** The length of a file and of all that it imports: roughly how long its contracts take. */
function weight(input, file) {
  return [...closure(input, file)].reduce((sum, name) => sum + (input.sources[name]?.content?.length ?? 0), 0);
}

/** Whether a file is likely to yield bytecode: a contract, or a library that is called, not inlined. */
function yieldsCode(content = "") {
  return /^contract\s/m.test(content) || (/^library\s/m.test(content) && /\b(external|public)\b/.test(content));
}

/** Groups of selected files, one job each: every file that yields bytecode, heavy ones first; the rest. */
function split(input) {
  const selected = Object.keys(input.settings?.outputSelection ?? {});
  const named = selected.length > 0 && selected.every((file) => file in input.sources);
  if (!named) return [selected]; // nothing selected, or "*" and the like
  const heavy = selected
    .filter((file) => yieldsCode(input.sources[file].content))
    .map((file) => ({ file, weight: weight(input, file) }))
    .sort((a, b) => b.weight - a.weight)
    .map(({ file }) => file);
  const rest = selected.filter((file) => !heavy.includes(file));
  return [...heavy.map((file) => [file]), rest].filter((group) => group.length > 0);
}

/** The job that compiles `files`: their own sources only, so that another file's change leaves it as it is. */
function inputFor(input, files) {
  const selection = input.settings?.outputSelection;
  if (selection === undefined) return input;
  const outputSelection = Object.fromEntries(files.map((file) => [file, selection[file]]));
  const settings = { ...input.settings, outputSelection };
  const names = [...new Set(files.flatMap((file) => [...closure(input, file)]))].sort();
  if (WHOLE || !names.every((name) => name in input.sources)) return { ...input, settings };
  const sources = Object.fromEntries(names.map((name) => [name, input.sources[name]]));
  return { ...input, settings, sources };
}

/** Outputs of earlier jobs, by the hash of compiler and job: what did not change is not compiled again. */
function cacheFile(job) {
  const version = require("solc/package.json").version;
  const hash = crypto.createHash("sha256").update(`${version}\n${job}`).digest("hex");
  return path.join(CACHE, `${hash}.json`);
}

function cached(job) {
  try {
    return fs.readFileSync(cacheFile(job), "utf8");
  } catch {
    return undefined;
  }
}

function keep(job, output) {
  if ((JSON.parse(output).errors ?? []).some((error) => error.severity === "error")) return;
  fs.mkdirSync(CACHE, { recursive: true });
  const part = `${cacheFile(job)}.${process.pid}`;
  fs.writeFileSync(part, output);
  fs.renameSync(part, cacheFile(job));
}

async function runCached(jobs, options) {
  const outputs = jobs.map(cached);
  const missing = jobs.map((_, index) => index).filter((index) => outputs[index] === undefined);
  const workers = Math.min(missing.length, os.availableParallelism(), MAX_THREADS);
  const fresh = await runJobs(missing.map((index) => jobs[index]), workers, options);
  for (const [k, index] of missing.entries()) {
    outputs[index] = fresh[k];
    keep(jobs[index], fresh[k]);
  }
  return outputs;
}

/** Names the contract in an error that solc does not locate, such as one of stack depth. */
function located(error, files) {
  if (error.sourceLocation !== undefined || files.length > 1) return error;
  const name = (text) => `${files[0]}: ${text}`;
  return { ...error, message: name(error.message), formattedMessage: name(error.formattedMessage) };
}

function merge(outputs, groups) {
  const merged = {};
  const errors = new Map();
  for (const [index, output] of outputs.entries()) {
    for (const error of output.errors ?? []) {
      const named = located(error, groups[index]);
      errors.set(JSON.stringify(named), named);
    }
    for (const part of ["contracts", "sources"]) {
      for (const [file, value] of Object.entries(output[part] ?? {})) {
        merged[part] ??= {};
        merged[part][file] = { ...merged[part][file], ...value };
      }
    }
  }
  if (errors.size > 0) merged.errors = [...errors.values()];
  return merged;
}

/** Runs the jobs on worker threads, each taking the next one when it is done. */
function runJobs(jobs, workers, options) {
  const outputs = new Array(jobs.length);
  const queue = [...jobs.keys()];
  const runWorker = () =>
    new Promise((resolve, reject) => {
      const limits = { stackSizeMb: STACK_MB, maxOldGenerationSizeMb: 4096 };
      const worker = new Worker(__filename, { workerData: options, resourceLimits: limits });
      let current;
      const next = () => {
        current = queue.shift();
        worker.postMessage(current === undefined ? null : jobs[current]);
      };
      worker.on("message", (output) => {
        outputs[current] = output;
        next();
      });
      worker.on("error", reject);
      worker.on("exit", resolve);
      next();
    });
  return Promise.all(Array.from({ length: workers }, runWorker)).then(() => outputs);
}

async function compile(options) {
  const input = JSON.parse(fs.readFileSync(0, "utf8"));
  const groups = split(input);
  const jobs = groups.map((files) => JSON.stringify(inputFor(input, files)));
  const outputs = await runCached(jobs, options);
  if (outputs.length === 1) return outputs[0];
  return JSON.stringify(merge(outputs.map((output) => JSON.parse(output)), groups));
}

async function main() {
  const options = parseArguments(process.argv.slice(2));
  if (options.mode === "--version") {
    const version = require("solc").version();
    process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${version}\n`);
  } else if (options.mode === "--standard-json") {
    process.stdout.write(await compile(options));
  } else {
    throw new Error("either --version or --standard-json is needed");
  }
}

function work() {
  const solc = require("solc");
  const callbacks = { import: importFrom(workerData) };
  parentPort.on("message", (job) => {
    if (job === null) parentPort.close();
    else parentPort.postMessage(solc.compile(job, callbacks));
  });
}

if (isMainThread) {
  main().catch((error) => {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  });
} else {
  work();
}
