// Runs inside OpenCode, which takes it for a plugin of the user's. See docs/dev/quirks/opencode.md for the reasons.
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"

const ADDED = '{\n  "$schema": "https://opencode.ai/config.json",'

const isNew = (path) => existsSync(path) && statSync(path).mtimeMs >= performance.timeOrigin

// Takes back what OpenCode has written into the task's folders while it read its configuration.
function restore(folder, top) {
  for (const place of [folder, join(folder, ".opencode")]) {
    for (const name of ["opencode.json", "opencode.jsonc"]) {
      const path = join(place, name)
      if (isNew(path)) writeFileSync(path, readFileSync(path, "utf8").replace(ADDED, "{"))
    }
  }
  for (const path of [join(folder, ".opencode", ".gitignore"), join(folder, ".git", "opencode")]) {
    if (isNew(path)) rmSync(path)
  }
  if (folder !== top && folder !== dirname(folder)) restore(dirname(folder), top)
}

// The environment of the process that started OpenCode, which is the image's.
function environment(pid) {
  try {
    const lines = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0")
    return Object.fromEntries(lines.map((line) => line.split(/=(.*)/s)))
  } catch {
    return {}
  }
}

// Under ACP somebody may be there to be asked.
const asked = process.env.OPENCODE_ASKS ? { bash: "ask", edit: "ask", webfetch: "ask", websearch: "ask" } : null
delete process.env.OPENCODE_ASKS

// Another plugin may give a provider another address.
const providers = JSON.parse(process.env.OPENCODE_CONFIG_CONTENT ?? "{}").provider ?? {}

function route(config) {
  for (const [name, { options }] of Object.entries(providers)) {
    const own = config.provider?.[name]?.options
    if (own) Object.defineProperty(own, "baseURL", { get: () => options.baseURL, set: () => {}, enumerable: true })
  }
}

function unasked(rules) {
  if (rules === "ask") return "allow"
  if (!rules || typeof rules !== "object") return rules
  return Object.fromEntries(Object.entries(rules).map(([name, rule]) => [name, unasked(rule)]))
}

export const InspectSwe = async ({ directory, worktree }, { unseen, withheld }) => {
  restore(directory, worktree)
  // What was meant for OpenCode itself shall not reach the commands and servers that it starts.
  const image = environment(process.ppid)
  // An ACP agent reads its configuration again for each session, and would then wait for npm.
  const kept = process.argv.includes("acp") ? ["npm_config_offline"] : []
  for (const [name, value] of Object.entries(unseen)) {
    if (process.env[name] !== value || kept.includes(name)) continue
    if (name in image) process.env[name] = image[name]
    else delete process.env[name]
  }
  // What was kept from OpenCode itself is for them. It looks for TMPDIR whenever it writes there.
  const { TMPDIR, ...others } = withheld
  Object.assign(process.env, others)
  return {
    // Nobody is there to be asked; what the user's or the task's configuration denies stays denied.
    config: async (config) => {
      route(config)
      if (asked) {
        config.permission = { "*": "allow", ...asked, ...config.permission }
        return
      }
      config.permission = { "*": "allow", ...unasked(config.permission) }
      for (const agent of Object.values(config.agent ?? {})) agent.permission = unasked(agent.permission)
    },
    "shell.env": async (_, output) => {
      for (const name of kept) output.env[name] = image[name]
      if (TMPDIR) output.env.TMPDIR = TMPDIR
    },
    // Names the session before the model is asked, so that it can be resumed however OpenCode ends.
    event: async ({ event }) => {
      if (kept.length || event.type !== "session.created" || event.properties.info.parentID) return
      process.stdout.write(JSON.stringify({ type: "session", sessionID: event.properties.info.id }) + "\n")
    },
    // It reads its configuration once more as it ends.
    dispose: async () => {
      Object.assign(process.env, unseen, { OPENCODE_DISABLE_PROJECT_CONFIG: "1" })
    },
  }
}
