// Runs inside pi, which takes it for an extension of the user's. See docs/dev/quirks/pi.md for the reasons.
import { readFileSync, writeSync } from "node:fs"
import { join } from "node:path"

// In front of a prompt that pi would read as a command of its own; the model never sees it.
const AS_WRITTEN = "\u2063"
const PATIENCE = 60_000

// A person's terminal is not written to.
const tell = (context, output, line) => context.mode === "tui" || writeSync(output, JSON.stringify(line) + "\n")
const sessionOf = (context) => context.sessionManager.getSessionId()
const pause = (time) => new Promise((done) => setTimeout(done, time))

const read = (name) => JSON.parse(readFileSync(join(process.env.PI_CODING_AGENT_DIR, name), "utf8"))

const providers = () => Object.entries(read("models.json").providers)

// Another extension may have given the provider another address.
function route(pi) {
  for (const [name, { models, ...provider }] of providers()) pi.registerProvider(name, provider)
}

function servers() {
  try {
    return Object.keys(read("mcp.json").mcpServers)
  } catch {
    return []
  }
}

function unmarked(part) {
  return part.type === "text" && part.text.startsWith(AS_WRITTEN) ? { ...part, text: part.text.slice(1) } : part
}

export default function (pi) {
  // What was meant for pi itself shall not reach the commands and servers that it starts.
  for (const name of ["JITI_FS_CACHE", "NODE_COMPILE_CACHE"]) delete process.env[name]

  let failed = ""
  pi.on("session_start", (_, context) => {
    tell(context, 1, { pi_session: sessionOf(context) })
    route(pi)
    const { ui } = context
    const notify = ui.notify
    ui.notify = (text, ...rest) => {
      failed += text.startsWith("MCP servers need attention") ? `${text}\n` : ""
      return notify.call(ui, text, ...rest)
    }
  })

  // Its own patience ends after ten seconds. Which servers have failed it only tells a person.
  let waited = false
  pi.on("before_agent_start", async () => {
    const late = (name) => {
      const prefix = `mcp__${name.replace(/\W/g, "_")}__`
      return !failed.includes(`\n  ${name}: `) && !pi.getAllTools().some((tool) => tool.name.startsWith(prefix))
    }
    const end = Date.now() + PATIENCE
    while (!waited && Date.now() < end && servers().some(late)) await pause(50)
    waited = true
    route(pi)
  })

  for (const name of ["agent_start", "turn_start"]) pi.on(name, () => route(pi))
  pi.on("before_provider_headers", ({ headers }, context) => {
    headers["x-session-id"] = sessionOf(context)
    const address = context.model?.baseUrl
    if (!address || providers().some(([, { baseUrl }]) => baseUrl === address)) return
    // Nothing has been sent yet.
    tell(context, 2, { type: "pi_end", reason: "error", error: `An extension would send model requests past Inspect, to ${address}.` })
    process.exit(1)
  })

  pi.on("message_end", ({ message }) => {
    if (message.role !== "user") return
    const { content } = message
    if (typeof content !== "string") return { message: { ...message, content: content.map(unmarked) } }
    return { message: { ...message, content: unmarked({ type: "text", text: content }).text } }
  })

  pi.on("agent_end", ({ messages }, context) => {
    const last = messages.findLast((message) => message.role === "assistant") ?? {}
    const end = { type: "pi_end", reason: last.stopReason, raw: last.rawStopReason, error: last.errorMessage }
    tell(context, 2, end)
  })
}
