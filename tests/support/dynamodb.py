"""A DynamoDB that moto serves on a free loopback port."""

from __future__ import annotations

import contextlib
import logging
import uuid
from collections.abc import Iterator
from typing import Any

from support.packages import need


@contextlib.contextmanager
def dynamodb() -> Iterator[Any]:
    """A client of boto3 for a server of our own, which ends with the block."""
    need("boto3", "moto", "flask", "flask_cors")
    import boto3
    from moto.server import ThreadedMotoServer

    _without_stubs()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield boto3.client(
            "dynamodb",
            endpoint_url=f"http://{host}:{port}",
            region_name="eu-central-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
    finally:
        server.stop()


def _without_stubs() -> None:
    """Take moto's stub out of every client of this process: the server is asked over HTTP."""
    import botocore.handlers

    botocore.handlers.BUILTIN_HANDLERS[:] = [
        entry
        for entry in botocore.handlers.BUILTIN_HANDLERS
        if not type(entry[1]).__module__.startswith("moto.")
    ]


def table_name() -> str:
    """A table of its own for one test."""
    return f"t{uuid.uuid4().hex}"
