// Runs in our Node.js, before the CLI: gives the commands that the CLI starts what was kept from Node.js itself.
const { isMainThread } = require("node:worker_threads")
const { ChildProcess } = require("node:child_process")
const withheld = require("./surroundings.json")

if (isMainThread) {
  Object.assign(process.env, withheld)
  // A child that runs in the same Node.js is the CLI's own.
  const { spawn } = ChildProcess.prototype
  const isWithheld = (pair) => withheld[pair.split("=", 1)[0]] === pair.slice(pair.indexOf("=") + 1)
  ChildProcess.prototype.spawn = function (options) {
    if (options.file !== process.execPath || !options.envPairs) return spawn.call(this, options)
    return spawn.call(this, { ...options, envPairs: options.envPairs.filter((pair) => !isWithheld(pair)) })
  }
}

if ("TMPDIR" in withheld) {
  require("node:os").tmpdir = () => process.env.TMP || process.env.TEMP || "/tmp"
  require("node:module").syncBuiltinESMExports()
}
