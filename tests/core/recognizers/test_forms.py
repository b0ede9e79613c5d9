"""Values that their form and check digits tell without a label."""

from __future__ import annotations

import hashlib
import random
import string

import pytest
from faker import Faker
from presidio_analyzer.predefined_recognizers import CryptoRecognizer

from piirag.detection.recognizers.checksums import BASE58, RIPPLE58, bech32, luhn

SCHEMES = ("mastercard", "visa", "visa16", "visa19", "amex", "discover", "diners", "jcb16")
JCB = range(3528, 3590)  # Faker makes others, too


def with_luhn(prefix: str, length: int, rng: random.Random) -> str:
    body = prefix + "".join(rng.choices(string.digits, k=length - len(prefix) - 1))
    return next(body + d for d in string.digits if luhn(body + d))


def groups(number: str, separator: str, sizes: tuple[int, ...] = (4, 4, 4, 4, 4)) -> str:
    parts, at = [], 0
    for size in sizes:
        parts.append(number[at : at + size])
        at += size
    return separator.join(p for p in parts if p)


def values(found, kind):
    return [value for entity, value, _ in found if entity == kind]


# Payment cards


@pytest.mark.parametrize("scheme", SCHEMES)
def test_cards_that_faker_makes(scheme, find):
    fake = Faker()
    fake.seed_instance(7)
    for _ in range(30):
        number = fake.credit_card_number(card_type=scheme)
        real = scheme != "jcb16" or int(number[:4]) in JCB
        found = values(find(f"my card is {number}, thanks"), "CREDIT_CARD")
        assert found == ([number] if real else [])


@pytest.mark.parametrize("separator", ["", " ", "-"])
@pytest.mark.parametrize("prefix", ["2221", "2300", "2500", "2719", "2720"])
def test_mastercard_2_series(prefix, separator, find):
    rng = random.Random(prefix)
    for _ in range(20):
        number = groups(with_luhn(prefix, 16, rng), separator)
        assert find(f"ref {number}.") == [("CREDIT_CARD", number, 1.0)]


@pytest.mark.parametrize("prefix", ["2220", "2721", "5600", "7000", "0000", "9999"])
def test_no_scheme_no_card(prefix, find):
    rng = random.Random(prefix)
    for _ in range(20):
        assert not find(groups(with_luhn(prefix, 16, rng), " "))


def test_cards_in_groups_of_their_schemes(find):
    rng = random.Random(1)
    cases = [("34", 15, (4, 6, 5)), ("37", 15, (4, 6, 5)), ("36", 14, (4, 6, 4))]
    cases += [("62", 19, (6, 13)), ("4", 19, (4, 4, 4, 4, 3)), ("4", 13, (4, 3, 3, 3))]
    for prefix, length, sizes in cases:
        if max(sizes) > 8:
            sizes = (4, 4, 4, 4, 3)
        for separator in " -":
            number = groups(with_luhn(prefix, length, rng), separator, sizes)
            assert values(find(number), "CREDIT_CARD") == [number]


def test_a_wrong_check_digit_is_no_card(find):
    rng = random.Random(2)
    for _ in range(50):
        number = with_luhn("22" + rng.choice("345"), 16, rng)
        wrong = number[:-1] + str((int(number[-1]) + 1) % 10)
        assert not find(f"card {wrong}")


def test_unusual_lengths_need_groups_or_a_word(find):
    rng = random.Random(3)
    thirteen = with_luhn("4", 13, rng)
    assert not find(f"article {thirteen}")
    assert values(find(f"Visa {thirteen}"), "CREDIT_CARD") == [thirteen]
    maestro = with_luhn("5612", 14, rng)
    assert not find(maestro)
    assert values(find(f"maestro card {maestro}"), "CREDIT_CARD") == [maestro]


def test_a_card_is_not_found_within_a_longer_number(find):
    rng = random.Random(4)
    number = with_luhn("2300", 16, rng)
    for text in (f"9{number}9", f"{number}.5", f"1.{number}", f"{number} 1234 5678", f"-{number}"):
        assert not values(find(text), "CREDIT_CARD"), text


# Vehicles


def test_vehicle_identification_numbers_that_faker_makes(find):
    fake = Faker()
    fake.seed_instance(1)
    found = 0
    for _ in range(50):
        number = fake.vin()
        assert ("VIN", number, 1.0) in find(f"VIN {number}")
        found += bool(values(find(f"the car {number} was sold"), "VIN"))
    assert found >= 25  # without a label, the last four must be digits


def test_a_vehicle_identification_number_without_label_needs_its_check_digit(find):
    assert values(find("the car 1HGCM82633A004352 was sold"), "VIN")
    assert not find("the part 1HGCM82643A004352 was sold")
    assert values(find("VIN WVWZZZ1JZXW000001"), "VIN")  # Europe's have none


# Wallets


def base58(payload: bytes, alphabet: str = BASE58) -> str:
    raw = payload + hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]
    number, text = int.from_bytes(raw, "big"), ""
    while number:
        number, rest = divmod(number, 58)
        text = alphabet[rest] + text
    return alphabet[0] * (len(raw) - len(raw.lstrip(b"\0"))) + text


@pytest.mark.parametrize("version", [0, 5, 48, 50, 30, 76, 65])
def test_base58_addresses_and_their_checksum(version, find):
    rng = random.Random(version)
    for _ in range(20):
        address = base58(bytes([version]) + rng.randbytes(20))
        assert find(f"send to {address} today") == [("CRYPTO", address, 1.0)]
        i = rng.randrange(5, len(address) - 5)
        other = rng.choice([c for c in BASE58 if c != address[i]])
        assert not find(f"send to {address[:i]}{other}{address[i + 1 :]} today")


def test_ripple_has_an_alphabet_of_its_own(find):
    rng = random.Random(0)
    for _ in range(20):
        address = base58(b"\0" + rng.randbytes(20), RIPPLE58)
        assert find(address) == [("CRYPTO", address, 1.0)]


def test_bech32_agrees_with_presidio():
    rng = random.Random(9)
    charset = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
    good = "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"
    samples = [good, good.upper(), good[:-1] + "p", good.replace("q", "Q", 1), "bc1", "1qqqqqq"]
    samples += ["bc1" + "".join(rng.choices(charset, k=39)) for _ in range(200)]
    for sample in samples:
        assert bech32(sample) == CryptoRecognizer.validate_bech32_address(sample)[0], sample


def test_bech32_of_other_chains(find):
    for address in (
        "ltc1qg42tkwuuxefutzxezdkdel39gfstuap288mfea",
        "BC1QAR0SRRR7XFKVY5L643LYDNW9RE59GTZZWF5MDQ",
    ):
        assert find(address) == [("CRYPTO", address, 1.0)]
        assert not find(address[:-1] + ("q" if address[-1] != "q" else "p"))


def test_ethereum_and_what_only_looks_like_it(find):
    address = "0x52908400098527886E0F7030069857D2E4169EE7"
    assert values(find(f"to {address}"), "CRYPTO") == [address]
    for text in (
        "0x" + "0" * 40,
        "0x" + "52908400" * 8,  # the hash of a transaction
        address[2:],
        address[:-1],
    ):
        assert not find(text)


def test_keys_of_wallets_are_private_keys(find):
    rng = random.Random(5)
    for payload in (b"\x80" + rng.randbytes(32), b"\x80" + rng.randbytes(32) + b"\x01"):
        key = base58(payload)
        assert find(key) == [("PRIVATE_KEY", key, 1.0)]
    extended = base58(bytes.fromhex("0488ade4") + rng.randbytes(74))
    assert extended.startswith("xprv")
    assert find(extended) == [("PRIVATE_KEY", extended, 1.0)]


# Places


@pytest.mark.parametrize(
    "text",
    [
        "[52.520008, 13.404954, 1.0]",
        "a = [1.5, 52.520008, 13.404954]",
        "f(52.520008, 13.404954)",
        "x: 52.520008, 13.404954, 7.0",
        "52.520008, 13.404954\n, 52.520009, 13.404955",
        "0.520008, 0.404954",
        "52.52, 13.40",
        "95.520008, 13.404954",
        "latitude = compute(52.5)",
    ],
)
def test_figures_that_are_no_places(text, find):
    assert not find(text)


def test_postcodes_without_a_label(find):
    assert values(find("12 High Street, Leeds LS1 4AB"), "POSTCODE") == ["LS1 4AB"]
    for text in ("QQ1 4AB", "ls1 4ab", "M1 8GB", "12345", "LS14AB", "OK 20000", "in IN 10001"):
        assert not find(text), text


# Health


def test_medicare_beneficiary_identifiers(find):
    assert values(find("card 1EG4-TE5-MK73 shown"), "US_MBI") == ["1EG4-TE5-MK73"]
    for wrong in ("0EG4-TE5-MK73", "1SG4-TE5-MK73", "1EG4-TE5MK73", "1eg4-te5-mk73", "1EG4TE5MK7"):
        assert not find(f"card {wrong} shown"), wrong
