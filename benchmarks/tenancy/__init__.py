"""Whether users stay apart: every read path of every store against hostile input."""
