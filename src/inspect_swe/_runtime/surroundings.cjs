// Runs in our Node.js, before the CLI: gives the commands that the CLI starts what was kept from Node.js itself.
const { isMainThread } = require("node:worker_threads")
const { ChildProcess } = require("node:child_process")
const { TMPDIR, ...withheld } = require("./surroundings.json")

if (isMainThread) Object.assign(process.env, withheld)

// A child that runs in the same Node.js is the CLI's own. TMPDIR is looked up by the CLI whenever it writes there.
const { spawn } = ChildProcess.prototype
const nameOf = (pair) => pair.split("=", 1)[0]
const isWithheld = (pair) => withheld[nameOf(pair)] === pair.slice(pair.indexOf("=") + 1)
ChildProcess.prototype.spawn = function (options) {
  let envPairs = options.envPairs ?? []
  if (options.file === process.execPath) envPairs = envPairs.filter((pair) => !isWithheld(pair))
  else if (TMPDIR !== undefined && !envPairs.some((pair) => nameOf(pair) === "TMPDIR")) envPairs = [...envPairs, `TMPDIR=${TMPDIR}`]
  return spawn.call(this, { ...options, envPairs })
}
