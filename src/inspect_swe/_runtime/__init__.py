"""One agent call, from start to end. This package does not depend on any particular CLI."""
