"""Files that hold a key: only their owner may read them."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from piirag.errors import VaultKeyError


def create_private(path: Path, text: str) -> bool:
    """Write a new file, mode 0600, complete from the moment it is there.

    Args:
        path: The file.
        text: What it holds.

    Returns:
        False, and nothing is changed, where there is such a file already.

    Raises:
        VaultKeyError: It cannot be written.
    """
    # Written beside it and linked: another process that reads at this moment finds a whole key.
    draft = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.link(draft, path)
            return True
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(draft)
    except FileExistsError:
        return False
    except OSError as error:
        reason = error.strerror or type(error).__name__
    raise VaultKeyError(f"cannot create the master key file: {reason}")


def read_private(path: Path) -> str:
    """The text of a file that only its owner may read.

    Raises:
        VaultKeyError: It cannot be read, or others may read or write it.
    """
    reason = ""
    try:
        with path.open("rb") as file:
            # Of the open file: what the path leads to may change.
            mode = os.fstat(file.fileno()).st_mode
            text = file.read().decode("ascii", "replace")
    except OSError as error:
        reason = error.strerror or type(error).__name__
    if reason:
        raise VaultKeyError(f"cannot read the master key file: {reason}")
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        raise VaultKeyError("the master key file can be read by others; set its mode to 0600")
    return text
