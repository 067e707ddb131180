"""Results of a run: output files and saved sessions."""
