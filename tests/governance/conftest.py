"""What the tests of governance share."""

from __future__ import annotations

import uuid

import pytest

from support.postgres import url_of_server


@pytest.fixture(scope="session")
def postgres_server() -> str:
    """The URL of a Postgres server of our own."""
    return url_of_server()


@pytest.fixture
def schema() -> str:
    """The name of a schema that nothing else uses."""
    return f"audit_{uuid.uuid4().hex[:12]}"
