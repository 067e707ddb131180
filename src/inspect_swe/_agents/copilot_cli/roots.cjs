// Runs in the CLI. Its native part wants root certificates, though the address that it calls is one without TLS, and
// ends where a lean image has none. Node.js brings some: they go where that part looks for more.
const { existsSync, writeFileSync } = require("node:fs")
const { join } = require("node:path")

const NAMES = ["NODE_EXTRA_CA_CERTS", "SSL_CERT_DIR", "SSL_CERT_FILE"]
const PLACES = [
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
  "/etc/ssl/certs/ca-certificates.crt",
]

if (!NAMES.some((name) => process.env[name]) && !PLACES.some(existsSync)) {
  const file = join(__dirname, "roots.pem")
  if (!existsSync(file)) writeFileSync(file, require("node:tls").rootCertificates.join("\n"))
  process.env.NODE_EXTRA_CA_CERTS = file
}
