"""What a second process does to a vault; run as a script by `test_processes.py`.

It prints "ready", waits for a line, does what its first argument says, and prints the outcome.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent))

from piirag.errors import UserErasedError
from piirag.redaction.mapping import RedactionMapping
from piirag.vault import Claim, MasterKey, SessionGoneError, Vault
from support.vaults import Store


def claim(vault: Vault) -> list[str]:
    """Random tokens for the same hundred values that the other process claims."""
    user = vault.open("u")
    held = []
    for n in range(100):
        index = user.index(f"value {n}")
        while not (won := user.claim([Claim(index, os.urandom(8).hex(), {"v": n})])):
            pass
        held.append(won[index][0])
    return held


def write(vault: Vault) -> int:
    """Values and sessions until the user is erased, as a server would that knows nothing of it."""
    done = 0
    mapping = RedactionMapping()
    mapping.add("[PERSON_1]", "Jane Roe", "PERSON")
    try:
        user = vault.open("u")
        for n in range(5000):
            user.put([(f"{os.getpid()}-{n}", {"v": n}, True)])
            vault.sessions.put(mapping, user_id="u", session_id=f"{os.getpid()}-{n}")
            done += 1
    except UserErasedError:
        return done
    raise SystemExit("the user was never erased")


def take(vault: Vault) -> list[int]:
    """Which of a hundred sessions this process got."""
    got = []
    for n in range(100):
        try:
            vault.sessions.take(user_id="u", session_id=str(n))
        except SessionGoneError:
            continue
        got.append(n)
    return got


def start(vault: Vault) -> str:
    return vault.tag("u")


def main() -> None:
    role, kind, address = sys.argv[1:4]
    key = MasterKey.from_env()
    # To see processes start at once, the vault is opened only after the signal.
    vault = None if role == "start" else Store(kind, address).vault(key)
    print("ready", flush=True)
    sys.stdin.readline()
    vault = vault or Store(kind, address).vault(key)
    print(json.dumps(globals()[role](vault)), flush=True)
    vault.close()


if __name__ == "__main__":
    main()
