// Runs a Python script in MicroPython, with one Python package importable:
//
//   node run.mjs NODE_MODULES PACKAGE_DIR SCRIPT.py
//
// NODE_MODULES is the DIR/node_modules that `npm install --prefix DIR
// @micropython/micropython-webassembly-pyscript` filled.  Exits 1, with the
// traceback on stderr, if the script raises; 2 if called wrongly; else 0.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

if (process.argv.length !== 5) {
  console.error("usage: node run.mjs NODE_MODULES PACKAGE_DIR SCRIPT.py");
  process.exit(2);
}
const [nodeModules, packageDir, script] = process.argv.slice(2).map((arg) => path.resolve(arg));

// Imported by file, as Node seeks bare module names only in folders above this one.
const { loadMicroPython } = await import(pathToFileURL(
  path.join(nodeModules, "@micropython/micropython-webassembly-pyscript/micropython.mjs")));

// MicroPython's output comes one byte a call.  The loader's own line buffer
// would lose a last line that does not end in a newline, so we gather it here.
let pending = [];
function flush() {
  process.stdout.write(Uint8Array.from(pending));
  pending = [];
}
const mp = await loadMicroPython({
  heapsize: 8 * 1024 * 1024, // the default 1 MB is small
  linebuffer: false,
  stdout: ([byte]) => { if (pending.push(byte) && byte === 10) flush(); },
});

// "/" is MicroPython's working directory, and "" comes first in its sys.path:
// what is copied to /NAME is found by `import NAME`.
function copy(source, target) {
  mp.FS.mkdirTree(path.posix.dirname(target));
  mp.FS.writeFile(target, fs.readFileSync(source));
}
for (const name of fs.readdirSync(packageDir, { recursive: true })) {
  if (name.endsWith(".py")) copy(path.join(packageDir, name), path.posix.join("/", path.basename(packageDir), name));
}

// Kept apart from the packages, so that no script name can hide a module.
const main = "/main/" + path.basename(script);
copy(script, main);

try {
  // From a file, not a string, for tracebacks that name the file.
  mp.runPython(`execfile(${JSON.stringify(main)})`);
} catch (error) {
  if (error.name !== "PythonError") throw error; // the interpreter crashed: Node exits 1
  // sys.exit() and sys.exit(0) are no failure.
  if (error.type !== "SystemExit" || !/\nSystemExit: (0|None)?\n$/.test(error.message)) {
    process.exitCode = 1;
    process.stderr.write(error.message);
  }
} finally {
  flush();
}
