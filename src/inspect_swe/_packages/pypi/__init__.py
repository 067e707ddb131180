"""Read pip's configuration, the Python index, and resolve wheels."""
