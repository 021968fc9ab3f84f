"""The shell around the core: reads files, keeps time, hands snapshots over."""
