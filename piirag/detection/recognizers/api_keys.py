"""Keys and tokens that their issuers made to be told by a prefix.

Prefixes and lengths are those that the issuers document, or that the tokens in their documentation
have. A prefix and a length are no check digit, so placeholders (`ghp_xxxxxxxx`) are left out by the
few different characters they hold.
"""

from __future__ import annotations

from typing import ClassVar

from piirag.detection.recognizers.base import Begins, Contains, Form, LongRun, TextRecognizer, form
from piirag.detection.recognizers.randomness import looks_random

_BEFORE = r"(?<![^\W_])"
_AFTER = r"(?![A-Za-z0-9])"
_SCORE = 0.95
_TAIL = 12


def _varied(value: str) -> bool | None:
    return None if len(set(value[-_TAIL:].lower())) >= 5 else False


def _random(value: str) -> bool | None:
    return None if looks_random(value) else False


def _key(prefixes: str, rest: str, entity: str = "API_KEY", *, words: bool = False) -> Form:
    """A key with one of some prefixes.

    Args:
        prefixes: The prefixes, blanks between them.
        rest: Pattern of what follows.
        entity: Entity type.
        words: Whether words joined by marks have this form as well.
    """
    starts = prefixes.split()
    pattern = rf"{_BEFORE}(?:{'|'.join(starts)}){rest}{_AFTER}"
    gate = Begins(*(start.replace("\\", "") for start in starts))
    return form(entity, pattern, gate, score=_SCORE, check=_random if words else _varied)


class ApiKeyRecognizer(TextRecognizer):
    """API keys and access tokens with the prefix of their issuer."""

    FORMS: ClassVar[tuple[Form, ...]] = (
        # Amazon Web Services: key ids, base 32
        _key("AKIA ASIA ABIA ACCA AROA AIDA AGPA ANPA", r"[A-Z2-7]{16}"),
        # GitHub, GitLab, Bitbucket and Atlassian
        _key("ghp_ gho_ ghu_ ghs_ ghr_", r"[A-Za-z0-9]{36,251}", "AUTH_TOKEN"),
        _key("github_pat_", r"[A-Za-z0-9_]{50,250}", "AUTH_TOKEN"),
        _key(
            "glpat- gldt- glrt- glcbt- glptt- glft- glsoat- glagent-",
            r"[A-Za-z0-9_-]{20,100}(?:\.[A-Za-z0-9_.]{1,40})?",
            "AUTH_TOKEN",
        ),
        _key("ATATT3 ATCTT3 ATBB", r"[A-Za-z0-9_=-]{24,250}", "AUTH_TOKEN"),
        # Messaging
        _key(
            "xoxb- xoxp- xoxa- xoxr- xoxs- xoxe- xoxd- xapp-",
            r"[A-Za-z0-9%-]{0,230}[A-Za-z0-9%]{20}",
            "AUTH_TOKEN",
        ),
        form(
            "API_KEY",
            r"hooks\.slack\.com/(?:services|workflows|triggers)/"
            r"(?P<value>[A-Z0-9]{6,14}/[A-Z0-9]{6,14}/[A-Za-z0-9]{16,64})",
            Contains("hooks.slack.com/"),
            score=_SCORE,
        ),
        form(
            "API_KEY",
            r"discord(?:app)?\.com/api/webhooks/(?P<value>\d{15,21}/[\w-]{50,90})",
            Contains("/api/webhooks/"),
            score=_SCORE,
        ),
        form(
            "AUTH_TOKEN",
            r"(?<![\w-])[MNO][A-Za-z\d]{23,27}\.[\w-]{6}\.[\w-]{27,38}(?![\w-])",
            LongRun(r"[A-Za-z\d]{23}\.[\w-]{6}\.[\w-]{27}"),
            score=_SCORE,
            check=_random,
        ),
        form(
            "AUTH_TOKEN",
            r"(?<!\d)\d{8,10}:AA[\w-]{33}(?![\w-])",
            Contains(":AA"),
            score=_SCORE,
            check=_varied,
        ),
        # Payment
        _key(r"sk_live_ sk_test_ rk_live_ rk_test_ whsec_ sk_prod_", r"[A-Za-z0-9]{16,250}"),
        _key("sq0atp- sq0csp- EAAAE EAAAl", r"[A-Za-z0-9_-]{22,80}"),
        _key(r"access_token\$production\$ access_token\$sandbox\$", r"[a-z0-9]{16}\$[0-9a-f]{32}"),
        _key("shpat_ shpca_ shppa_ shpss_", r"[A-Fa-f0-9]{32}"),
        # Google
        _key("AIza", r"[A-Za-z0-9_-]{35}"),
        _key("GOCSPX-", r"[A-Za-z0-9_-]{28}"),
        _key(r"ya29\.", r"[A-Za-z0-9_-]{20,500}", "AUTH_TOKEN"),
        # Models
        _key("sk-ant-", r"[A-Za-z0-9_-]{24,200}"),
        _key("sk-proj- sk-svcacct- sk-admin- sk-or-v1- sk-", r"[A-Za-z0-9_-]{20,250}", words=True),
        _key("hf_ api_org_", r"[A-Za-z]{30,60}", words=False),
        _key(
            "hf_ gsk_ nvapi- xai- pplx- csk- tvly- fw_ key-",
            r"[A-Za-z0-9_-]{30,120}",
            words=True,
        ),
        # Packages and builds
        _key("npm_", r"[A-Za-z0-9]{36}"),
        _key("pypi-AgEIcHlwaS5vcmc pypi-AgENdGVzdC5weXBpLm9yZw", r"[A-Za-z0-9_-]{50,500}"),
        _key("rubygems_", r"[a-f0-9]{48}"),
        _key("dckr_pat_ dckr_oat_", r"[A-Za-z0-9_-]{20,60}"),
        _key("CCIPAT_ cio", r"[A-Za-z0-9_]{32,120}", words=True),
        # Mail and telephony
        _key(r"SG\.", r"[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}"),
        _key("xkeysib- xsmtpsib-", r"[a-f0-9]{64}-[A-Za-z0-9]{16}"),
        form(
            "API_KEY",
            rf"{_BEFORE}[0-9a-f]{{32}}-us\d{{1,2}}{_AFTER}",
            r"-us\d",
            score=_SCORE,
        ),
        # Clouds and services
        _key("dop_v1_ doo_v1_ dor_v1_", r"[a-f0-9]{64}"),
        _key(r"hvs\. hvb\. hvr\.", r"[A-Za-z0-9_-]{24,250}", "AUTH_TOKEN"),
        _key("dapi", r"[a-f0-9]{32}(?:-\d)?"),
        _key("glsa_ glc_", r"[A-Za-z0-9+/=_]{32,300}"),
        _key("lin_api_ sntrys_ sbp_ figd_ ntn_ secret_", r"[A-Za-z0-9_-]{32,250}", words=True),
        _key("PMAK- NRAK- nfp_ pscale_tkn_ pscale_pw_", r"[A-Za-z0-9_-]{24,120}"),
        _key(r"dp\.pt\. dp\.st\.", r"[A-Za-z0-9._-]{40,80}"),
        _key("pat-na1- pat-eu1-", r"[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}"),
        _key("EAACEdEose0cBA EAA", r"[A-Za-z0-9]{90,400}", "AUTH_TOKEN"),
        _key("AGE-SECRET-KEY-1", r"[02-9AC-HJ-NP-Z]{58}", "PRIVATE_KEY"),
    )
