"""What a privacy engineer signs: audit, retention, provider policy."""
