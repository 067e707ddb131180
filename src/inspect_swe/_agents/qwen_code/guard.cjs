// Runs in Qwen Code, before it. See docs/dev/quirks/qwen_code.md for the reasons.
const { ChildProcess } = require("node:child_process")
const fs = require("node:fs")
const settings = require("node:path").resolve(".qwen/settings.json")

// The task's settings stay as they are.
const { writeFileSync, copyFileSync } = fs
const refuse = () => {
  throw new Error("The task's settings stay as they are.")
}
fs.writeFileSync = (file, ...rest) => (file === `${settings}.tmp` ? refuse() : writeFileSync(file, ...rest))
fs.copyFileSync = (file, ...rest) => (file === settings ? refuse() : copyFileSync(file, ...rest))
require("node:module").syncBuiltinESMExports()

// A command's end is told after its output, also where both arrive at once. Something in the background may keep its
// output open: that is waited for no longer than a moment.
const LONGEST = 1000
const { emit } = ChildProcess.prototype
ChildProcess.prototype.emit = function (name, ...rest) {
  const open = name === "exit" ? [this.stdout, this.stderr].filter((stream) => stream && !stream.readableEnded && !stream.destroyed) : []
  if (!open.length) return emit.call(this, name, ...rest)
  let left = open.length
  let timer
  const tell = () => {
    clearTimeout(timer)
    left = -1
    emit.call(this, name, ...rest)
  }
  for (const stream of open) stream.once("end", () => --left === 0 && tell())
  timer = setTimeout(() => left > 0 && tell(), LONGEST)
  return true
}
