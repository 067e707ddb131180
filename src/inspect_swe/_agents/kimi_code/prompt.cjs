// Runs in Kimi Code, before it. See docs/dev/quirks/kimi_code.md for the reasons.
const { isMainThread } = require("node:worker_threads")
const fs = require("node:fs")
const others = process.env.OTHER_NODE_OPTIONS

if (others !== undefined) {
  // Programs that it starts shall not load this file.
  delete process.env.OTHER_NODE_OPTIONS
  if (others) process.env.NODE_OPTIONS = others
  else delete process.env.NODE_OPTIONS
}

if (isMainThread && process.argv.at(-1) === "--prompt=-") {
  // It takes a prompt as an argument only.
  process.argv.splice(-1, 1, `--prompt=${fs.readFileSync(0, "utf8")}`)
  // It names its session once the prompt has ended well, which may never be.
  let told
  for (const place of [fs, fs.promises]) {
    const { mkdir } = place
    place.mkdir = function (path, ...rest) {
      const id = /[\\/](session_[0-9a-f-]{36})(?:[\\/]|$)/.exec(String(path))?.[1]
      if (id && !told) process.stdout.write(`${JSON.stringify({ type: "session.begun", session_id: (told = id) })}\n`)
      return mkdir.call(this, path, ...rest)
    }
  }
  require("node:module").syncBuiltinESMExports()
}
