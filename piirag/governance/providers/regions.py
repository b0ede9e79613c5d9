"""Names of regions, and the countries and areas they lie in.

A place is told by all its labels: ``eu-central-1`` lies in ``de``, in ``eea`` and in ``eu``. The
United Kingdom (``uk``) and Switzerland (``ch``) are in none of the last two. The names are those
that Amazon, Google and Microsoft give their regions; one that is not listed is no known place.
"""

from __future__ import annotations

from collections.abc import Iterable

from piirag.errors import ConfigurationError
from piirag.policy_checks import did_you_mean

ANY = "any"
"""In place of regions: wherever it may be, known or not."""

_EU = frozenset(
    """
    at be bg hr cy cz dk ee fi fr de gr hu ie it lv lt lu mt nl pl pt ro sk si es se
    """.split()
)
_EFTA = frozenset("ch is li no".split())
_APAC = frozenset("au hk id in jp kr my nz sg th tw".split())
_ELSEWHERE = frozenset("ae bh br ca cl cn il mx qa sa uk us za".split())
_COUNTRIES = _EU | _EFTA | _APAC | _ELSEWHERE
_AREAS = {
    "eu": ("eea",),
    "eea": (),
    "efta": (),
    "apac": (),
    "us-gov": ("us",),
    "global": (),
}

# Country: the names of its regions at Amazon, Google and Microsoft.
_NAMES = {
    "ae": "me-central-1 uaenorth uaecentral",
    "at": "austriaeast",
    "au": """ap-southeast-2 ap-southeast-4 australia-southeast1 australia-southeast2 australiaeast
        australiasoutheast australiacentral australiacentral2""",
    "be": "europe-west1 belgiumcentral",
    "bh": "me-south-1",
    "br": "sa-east-1 southamerica-east1 brazilsouth brazilsoutheast",
    "ca": """ca-central-1 ca-west-1 northamerica-northeast1 northamerica-northeast2 canadacentral
        canadaeast""",
    "ch": "eu-central-2 europe-west6 switzerlandnorth switzerlandwest",
    "cl": "southamerica-west1 chilecentral",
    "cn": """cn-north-1 cn-northwest-1 chinanorth chinanorth2 chinanorth3 chinaeast chinaeast2
        chinaeast3""",
    "de": """eu-central-1 eusc-de-east-1 europe-west3 europe-west10 germanywestcentral
        germanynorth""",
    "dk": "denmarkeast",
    "es": "eu-south-2 europe-southwest1 spaincentral",
    "fi": "europe-north1",
    "fr": "eu-west-3 europe-west9 francecentral francesouth",
    "hk": "ap-east-1 asia-east2 eastasia",
    "id": "ap-southeast-3 asia-southeast2 indonesiacentral",
    "ie": "eu-west-1 northeurope",
    "il": "il-central-1 me-west1 israelcentral",
    "in": """ap-south-1 ap-south-2 asia-south1 asia-south2 centralindia southindia westindia
        jioindiawest jioindiacentral""",
    "it": "eu-south-1 europe-west8 europe-west12 italynorth",
    "jp": """ap-northeast-1 ap-northeast-3 asia-northeast1 asia-northeast2 japaneast
        japanwest""",
    "kr": "ap-northeast-2 asia-northeast3 koreacentral koreasouth",
    "mx": "mx-central-1 northamerica-south1 mexicocentral",
    "my": "ap-southeast-5 malaysiawest",
    "nl": "europe-west4 westeurope",
    "no": "norwayeast norwaywest",
    "nz": "ap-southeast-6 newzealandnorth",
    "pl": "europe-central2 polandcentral",
    "qa": "me-central1 qatarcentral",
    "sa": "me-central2",
    "se": "eu-north-1 europe-north2 swedencentral swedensouth",
    "sg": "ap-southeast-1 asia-southeast1 southeastasia",
    "th": "ap-southeast-7",
    "tw": "ap-east-2 asia-east1 taiwannorth",
    "uk": "eu-west-2 europe-west2 uksouth ukwest",
    "us": """us-east-1 us-east-2 us-west-1 us-west-2 us-central1 us-east1 us-east4 us-east5
        us-south1 us-west1 us-west2 us-west3 us-west4 eastus eastus2 eastus3 centralus
        northcentralus southcentralus westus westus2 westus3 westcentralus""",
    "us-gov": "us-gov-east-1 us-gov-west-1 usgovvirginia usgovarizona usgovtexas",
    "za": "af-south-1 africa-south1 southafricanorth southafricawest",
}
_REGIONS = {name: country for country, names in _NAMES.items() for name in names.split()}
_OTHER_NAMES = {"gb": "uk", "usa": "us"}

Labels = frozenset[str]


def labels_of(place: str) -> Labels | None:
    """All labels of a place.

    Args:
        place: A region's name, a country's code (ISO 3166-1, in lower case) or an area.

    Returns:
        The labels, the place itself among them; None where it is not known.
    """
    name = place.strip().lower().replace(" ", "")
    name = _OTHER_NAMES.get(name, name)
    labels = {name}
    country = _REGIONS.get(name, name)
    if country in _COUNTRIES:
        labels.add(country)
        labels.update(area for area, within in _within() if country in within)
    elif country in _AREAS:
        labels.update((country, *_AREAS[country]))
    else:
        return None
    return frozenset(labels)


def _within() -> tuple[tuple[str, frozenset[str]], ...]:
    eea = _EU | (_EFTA - {"ch"})
    return ("eu", _EU), ("eea", eea), ("efta", _EFTA), ("apac", _APAC)


def area_of(labels: Labels) -> Labels:
    """The labels of a place but those of its region and, in the EU, of its country."""
    kept = labels - set(_REGIONS)
    return kept - _EU if "eu" in kept else kept


def check_regions(regions: Iterable[str], what: str) -> frozenset[str]:
    """Regions of a policy or a contract, as labels.

    Raises:
        ConfigurationError: No regions, or one that is not known.
    """
    if isinstance(regions, str) or not isinstance(regions, Iterable):
        raise ConfigurationError(f"{what} is a list of regions")
    checked = set()
    for region in regions:
        name = region.strip().lower() if isinstance(region, str) else ""
        name = _OTHER_NAMES.get(name, name)
        if name != ANY and labels_of(name) is None:
            known = [*_AREAS, *sorted(_COUNTRIES), *_REGIONS, ANY]
            raise ConfigurationError(
                f"{what}: no region {str(region)[:40]!r} is known{did_you_mean(name, known) or ''}"
            )
        checked.add(name)
    if not checked:
        raise ConfigurationError(f"{what} names no region; {ANY!r} stands for wherever it may be")
    return frozenset(checked)
