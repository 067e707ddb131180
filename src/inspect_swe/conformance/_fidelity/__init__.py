"""The fidelity suite: what reaches the model provider in an eval, against what the CLI itself sends."""
