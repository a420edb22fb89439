// solc's command line, as far as Ape and forge use it, on top of npm's WebAssembly build.
//
//   solc.cjs --version
//   solc.cjs --standard-json [--base-path DIR] [--include-path DIR]... [--allow-paths DIR,...] < input > output
//
// A source that the input does not contain is read from the base path, then from each include path,
// then as given; never from outside of those folders and the allowed paths.
"use strict";

const fs = require("node:fs");
const path = require("node:path");

const solc = require("solc");

const VALUE_FLAGS = new Set(["--base-path", "--include-path", "--allow-paths"]);

function parse(args) {
  const options = { basePath: process.cwd(), includePaths: [], allowPaths: [] };
  for (let i = 0; i < args.length; i++) {
    const [flag, inline] = args[i].split(/=(.*)/s, 2);
    const value = () => inline ?? args[++i];
    if (flag === "--base-path") options.basePath = path.resolve(value());
    else if (flag === "--include-path") options.includePaths.push(path.resolve(value()));
    else if (flag === "--allow-paths") {
      options.allowPaths = value().split(",").filter(Boolean).map((p) => path.resolve(p));
    } else if (flag === "--version" || flag === "--standard-json") options.mode = flag;
    else if (flag !== "-") throw new Error(`unrecognised option '${flag}'`);
  }
  return options;
}

function importFrom({ basePath, includePaths, allowPaths }) {
  const roots = [basePath, ...includePaths];
  const allowed = [...roots, ...allowPaths].map((p) => p + path.sep);
  return (name) => {
    const candidates = path.isAbsolute(name) ? [name] : roots.map((root) => path.join(root, name));
    for (const file of candidates) {
      if (!allowed.some((prefix) => file.startsWith(prefix)) || !fs.existsSync(file)) continue;
      return { contents: fs.readFileSync(file, "utf8") };
    }
    return { error: `Source "${name}" not found: searched ${candidates.join(", ")}` };
  };
}

function main() {
  const options = parse(process.argv.slice(2));
  if (options.mode === "--version") {
    process.stdout.write(
      `solc, the solidity compiler commandline interface\nVersion: ${solc.version()}\n`,
    );
  } else if (options.mode === "--standard-json") {
    const output = solc.compile(fs.readFileSync(0, "utf8"), { import: importFrom(options) });
    fs.writeFileSync(1, output);
  } else {
    throw new Error("one of --version and --standard-json is needed");
  }
}

try {
  main();
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
