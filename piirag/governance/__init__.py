"""What a privacy engineer signs: audit log, logging policy, retention, providers, assessment."""
