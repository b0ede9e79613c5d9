"""Recognisers beside those that Presidio's default registry holds.

They are Presidio `EntityRecognizer` objects, so they serve with any `AnalyzerEngine`:
`for recognizer in extra_recognizers(["de"]): engine.registry.add_recognizer(recognizer)`.

Each has a `gate`, whose `search` passes on every text in which the recogniser can find something,
and costs little. Importing this package imports Presidio.
"""

from __future__ import annotations

from collections.abc import Sequence

from presidio_analyzer import EntityRecognizer

from piirag.detection.recognizers.accounts import IdNumberRecognizer
from piirag.detection.recognizers.api_keys import ApiKeyRecognizer
from piirag.detection.recognizers.banking import (
    BankAccountRecognizer,
    BankRoutingRecognizer,
    SwiftCodeRecognizer,
)
from piirag.detection.recognizers.cards import CardRecognizer
from piirag.detection.recognizers.countries import OURS, NinoRecognizer
from piirag.detection.recognizers.credentials import PasswordRecognizer, UsernameRecognizer
from piirag.detection.recognizers.dates import DateOfBirthRecognizer
from piirag.detection.recognizers.devices import CoordinatesRecognizer, DeviceRecognizer
from piirag.detection.recognizers.documents import (
    DistantNationalIdRecognizer,
    DriverLicenseRecognizer,
    NationalIdRecognizer,
    PassportRecognizer,
    TaxIdRecognizer,
)
from piirag.detection.recognizers.health import (
    HealthInsuranceRecognizer,
    MedicalRecordRecognizer,
    UsHealthNumberRecognizer,
)
from piirag.detection.recognizers.mail import MailProviderRecognizer
from piirag.detection.recognizers.phones import PhoneFormRecognizer
from piirag.detection.recognizers.postcodes import PostcodeRecognizer
from piirag.detection.recognizers.presidio_countries import BY_COUNTRY, presidio_recognizers
from piirag.detection.recognizers.private_keys import PrivateKeyRecognizer
from piirag.detection.recognizers.tokens import AuthTokenRecognizer, SecretRecognizer
from piirag.detection.recognizers.vehicles import LicensePlateRecognizer, VinRecognizer
from piirag.detection.recognizers.wallets import WalletRecognizer
from piirag.errors import ConfigurationError

KNOWN_COUNTRIES = tuple(sorted({*BY_COUNTRY, *OURS}))
"""ISO 3166 codes of the countries that there are recognisers for."""

_OTHER_NAMES = {"uk": "gb"}

_ALWAYS = (
    ApiKeyRecognizer,
    AuthTokenRecognizer,
    BankAccountRecognizer,
    BankRoutingRecognizer,
    CardRecognizer,
    CoordinatesRecognizer,
    DateOfBirthRecognizer,
    DeviceRecognizer,
    DistantNationalIdRecognizer,
    DriverLicenseRecognizer,
    HealthInsuranceRecognizer,
    IdNumberRecognizer,
    LicensePlateRecognizer,
    MailProviderRecognizer,
    MedicalRecordRecognizer,
    NationalIdRecognizer,
    NinoRecognizer,
    PassportRecognizer,
    PasswordRecognizer,
    PhoneFormRecognizer,
    PostcodeRecognizer,
    PrivateKeyRecognizer,
    SecretRecognizer,
    SwiftCodeRecognizer,
    TaxIdRecognizer,
    UsHealthNumberRecognizer,
    UsernameRecognizer,
    VinRecognizer,
    WalletRecognizer,
)


def extra_recognizers(
    countries: Sequence[str] = (), language: str = "en"
) -> list[EntityRecognizer]:
    """The recognisers that are always on, and those of some countries.

    Args:
        countries: ISO 3166 alpha-2 codes in any case; `"uk"` counts as `"gb"`.
        language: ISO 639-1 code of the texts they are to be run on.

    Returns:
        New recogniser objects, to be added to a registry that holds Presidio's defaults.

    Raises:
        ConfigurationError: A country that there are no recognisers for.
    """
    always: list[EntityRecognizer] = [kind(supported_language=language) for kind in _ALWAYS]
    return always + country_recognizers(countries, language)


def country_recognizers(countries: Sequence[str], language: str = "en") -> list[EntityRecognizer]:
    """The recognisers of national numbers of some countries, Presidio's and ours.

    Those of Presidio that its default registry has for this language anyway are left out.

    Args:
        countries: ISO 3166 alpha-2 codes in any case; `"uk"` counts as `"gb"`.
        language: ISO 639-1 code of the texts; the country's own language does not matter.

    Raises:
        ConfigurationError: A country that there are no recognisers for.
    """
    if isinstance(countries, str):
        raise ConfigurationError("countries must be a list of codes")
    codes = []
    for country in countries:
        code = country.strip().lower() if isinstance(country, str) else ""
        code = _OTHER_NAMES.get(code, code)
        if code not in KNOWN_COUNTRIES:
            raise ConfigurationError(
                "no recognisers for this country; there are some for " + ", ".join(KNOWN_COUNTRIES)
            )
        codes.append(code)
    ours: list[EntityRecognizer] = [
        kind(supported_language=language)
        for code in dict.fromkeys(codes)
        for kind in OURS.get(code, ())
    ]
    return ours + presidio_recognizers(codes, language)


__all__ = ["KNOWN_COUNTRIES", "country_recognizers", "extra_recognizers"]
