// Runs Python code in Pyodide or MicroPython, with copies of some folders importable:
//
//   node run_pyodide.mjs pyodide|micropython NODE_MODULES CODE FOLDER...
//
// Nothing is fetched: NODE_MODULES is what `npm install --prefix DIR` has filled. Exits with 1, the
// traceback on stderr, if the code raises; with 2 if called wrongly.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [name, nodeModules, code, ...folders] = process.argv.slice(2);
const files = {
  pyodide: "pyodide/pyodide.mjs",
  micropython: "@micropython/micropython-webassembly-pyscript/micropython.mjs",
};
if (!(name in files) || code === undefined) {
  console.error("usage: node run_pyodide.mjs pyodide|micropython NODE_MODULES CODE FOLDER...");
  process.exit(2);
}
// Imported by file, as Node seeks bare module names only in folders above this one.
const loader = await import(pathToFileURL(path.resolve(nodeModules, files[name])));
const load = loader.loadPyodide ?? loader.loadMicroPython;
const python = await load({ stdout: (line) => console.log(line), linebuffer: true });

for (const folder of folders) {
  for (const file of fs.readdirSync(folder, { recursive: true })) {
    if (!/\.(py|jsonl)$/.test(file)) continue;
    const target = path.posix.join("/lib/site", path.basename(folder), file);
    python.FS.mkdirTree(path.posix.dirname(target));
    python.FS.writeFile(target, fs.readFileSync(path.join(folder, file)));
  }
}
try {
  python.runPython(`import sys\nsys.path.insert(0, "/lib/site")`);
  python.runPython(code);
} catch (error) {
  if (error.name !== "PythonError") throw error; // the interpreter crashed
  // sys.exit() and sys.exit(0) are no failure.
  if (error.type !== "SystemExit" || !/\nSystemExit: (0|None)?\n$/.test(error.message)) {
    process.exitCode = 1;
    process.stderr.write(error.message);
  }
}
