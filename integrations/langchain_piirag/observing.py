"""The call of a wrapper that is being made here, for whoever records it."""

from __future__ import annotations

from piirag.governance.observation import Current

_here = Current("langchain_piirag_observation")
current = _here.get
observed = _here.observed
