"""pip's configuration, Python package indexes, and resolution of wheels."""
