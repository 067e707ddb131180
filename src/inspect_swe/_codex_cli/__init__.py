"""Names that other packages import; see docs/guides/ecosystem.md."""
