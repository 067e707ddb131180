"""How bytes and processes get into a sandbox and out of it."""
