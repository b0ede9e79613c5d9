"""`piirag verify-receipt`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from piirag.cli.common import FAILED, complain, exits, read_file
from piirag.errors import ConfigurationError

_LONGEST = 16 * 1024 * 1024


@exits
def verify_receipt(
    receipt: Annotated[Path, typer.Argument(help="The receipt, a JSON file.", show_default=False)],
    public_key: Annotated[
        str,
        typer.Option(help="The signer's public key: base64url, or a file that holds it or a PEM."),
    ],
) -> None:
    """Check that a receipt, of an erasure or of a retention run, is what a key's holder signed.

    The public key has to come from elsewhere than the receipt; `piirag public-key` prints it.
    Exit codes: 0 it is, 1 it is not, 2 wrong usage.
    """
    from piirag.erasure.receipt import verify_receipt as verify
    from piirag.erasure.signing import read_json
    from piirag.errors import ReceiptError
    from piirag.governance.retention.receipt import FORMAT, verify_retention_receipt

    try:
        text, key = read_file(receipt, _LONGEST), _key(public_key)
        of_retention = read_json(text).get("format") == FORMAT
        checked = verify_retention_receipt(text, key) if of_retention else verify(text, key)
    except ReceiptError as error:
        complain(error)
        raise typer.Exit(FAILED) from None
    typer.echo("the signature is good")
    typer.echo(str(checked))


@exits
def public_key(
    config: Annotated[
        Path, typer.Option("--config", help="The file that names the signing key.")
    ] = Path("piirag.toml"),
    pem: Annotated[bool, typer.Option("--pem", help="As PEM, for other tools.")] = False,
) -> None:
    """Print the public key that receipts are checked with."""
    from piirag.config_stores import StoresConfig

    key = StoresConfig.from_file(config).signing_key()
    if key is None:
        raise ConfigurationError("the configuration names no signing key")
    typer.echo(key.public_pem.strip() if pem else key.public)


def _key(given: str) -> str:
    path = Path(given)
    try:
        if path.is_file():
            return read_file(path, _LONGEST).decode("ascii", "replace")
    except (OSError, ValueError):
        pass
    return given
