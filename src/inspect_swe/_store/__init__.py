"""The host's store of CLIs: resolved versions, verified files and locks."""
