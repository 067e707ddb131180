"""Keep CLIs on the host: resolved versions, verified files, locks."""
