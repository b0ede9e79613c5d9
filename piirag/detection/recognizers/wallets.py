"""Addresses of crypto wallets beside those of Presidio's own recogniser."""

from __future__ import annotations

from typing import ClassVar

from piirag.detection.recognizers.base import Contains, Form, LongRun, form
from piirag.detection.recognizers.checksums import BASE58, RIPPLE58, base58check, bech32
from piirag.detection.recognizers.keyed import KeyedRecognizer, Rule, rule

_B58 = "[1-9A-HJ-NP-Za-km-z]"
_HEADS = "bc tb ltc bnb cosmos osmo addr addr_test stake terra juno inj sei kava akash zs".split()

# Version bytes of addresses: Bitcoin 0 and 5, Litecoin 48 and 50, Dogecoin 30 and 22, Dash 76 and
# 16, Tron 65, test networks 111 and 196; two bytes for Zcash (28, 184 and 28, 189).
_VERSIONS = frozenset({0, 5, 48, 50, 30, 22, 76, 16, 65, 111, 196})
_LENGTH = 21


def _base58(value: str) -> bool:
    if value.startswith("r"):
        payload = base58check(value, RIPPLE58)
        return payload is not None and payload[0] == 0 and len(payload) == _LENGTH
    payload = base58check(value)
    if payload is None:
        return False
    if len(payload) == _LENGTH + 1:
        return payload[0] == 28
    return len(payload) == _LENGTH and payload[0] in _VERSIONS


def _ethereum(value: str) -> bool | None:
    # The zero address and such are nobody's.
    return None if len(set(value[2:].lower())) >= 8 else False


def _solana(value: str) -> bool | None:
    number = 0
    for char in value:
        number = number * 58 + BASE58.index(char)
    return None if 31 <= (number.bit_length() + 7) // 8 <= 32 and not value.isalpha() else False


class WalletRecognizer(KeyedRecognizer):
    """Ethereum, Litecoin, Dogecoin, Dash, Tron, Ripple, Zcash, Cardano, Monero; Solana by a label.

    Base58 and bech32 carry a checksum, which is checked. That of Ethereum (EIP-55) takes
    Keccak-256, which nothing installed has; the form is distinct without it.
    """

    RULES: ClassVar[tuple[Rule, ...]] = (
        rule(
            "CRYPTO",
            """solana, sol wallet, sol address, phantom, wallet, wallet address, solana wallet,
            solana address, crypto wallet, crypto address, deposit address, payout address""",
            rf"{_B58}{{32,44}}(?![A-Za-z0-9])",
            check=_solana,
            words=1,
        ),
    )
    FORMS: ClassVar[tuple[Form, ...]] = (
        form(
            "CRYPTO",
            r"(?<![A-Za-z0-9])0x[0-9a-fA-F]{40}(?![A-Za-z0-9])",
            Contains("0x"),
            score=0.7,
            check=_ethereum,
        ),
        form(
            "CRYPTO",
            rf"(?<![A-Za-z0-9])[13LMDAX9Ttrmn2]{_B58}{{24,34}}(?![A-Za-z0-9])",
            LongRun(rf"{_B58}{{25}}"),
            check=_base58,
        ),
        form(
            "CRYPTO",
            rf"(?<![A-Za-z0-9_])(?:(?:{'|'.join(_HEADS)})1[02-9ac-hj-np-z]{{20,110}}"
            r"|(?:BC|LTC)1[02-9AC-HJ-NP-Z]{20,110})(?![A-Za-z0-9])",
            LongRun(r"1[02-9ac-hj-np-z]{20}|1[02-9AC-HJ-NP-Z]{20}"),
            check=bech32,
        ),
        form(
            "CRYPTO",
            rf"(?<![A-Za-z0-9])[48][0-9AB]{_B58}{{93}}(?:{_B58}{{11}})?(?![A-Za-z0-9])",
            LongRun(rf"{_B58}{{90}}"),
            score=0.5,
        ),
    )
