"""PIIMiddleware and ours on the same inputs: langchain issues 37659 and 40704, threats P15, S1-S6.

The cases are those of `benchmarks/agents.py`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[2]))

from benchmarks import agents

# Where LangChain's own middleware was seen to leak; if it no longer does, the page must say so.
PEER_LEAKS = frozenset(
    """
    history earlier_calls system_prompt disguised checkpoint tool_results messages_stream
    updates_stream said_by_the_model block_error guessed
    """.split()
)


@pytest.mark.parametrize("case", agents.LEAKS, ids=lambda case: case.__name__)
def test_ours_leaks_nothing_where_the_peer_does(case: Any) -> None:
    assert case(agents.STATE) == 0
    if case.__name__ not in agents.BEHIND_THE_STATE:
        assert case(agents.WIRE) == 0
    assert (case(agents.PEER) > 0) == (case.__name__ in PEER_LEAKS)


@pytest.mark.parametrize("case", agents.WORKS, ids=lambda case: case.__name__)
def test_what_an_agent_is_for_still_works(case: Any) -> None:
    assert case(agents.WIRE) is True
    assert case(agents.STATE) is True
