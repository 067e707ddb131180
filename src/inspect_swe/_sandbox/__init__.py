"""Files and processes of a sandbox."""
