"""Provisions of law as officers cite them, reduced to the part that cannot say anything about anybody. Pure.

The access log stands in clear and for good, so of what an officer typed only the number of the act and the article
enter it. The words around them are sealed with the reason.
"""

import re

from dossiers.errors import CitationUnclear


def provision_of(cited: str) -> str:
    """The first provision cited, by number and article: `50/2014/QH13, Điều 101 khoản 2 điểm a`.

    Raises CitationUnclear when the text names no act by its number, or no article.
    """
    act, article = _ACT.search(cited), _ARTICLE.search(cited)
    if act is None or article is None:
        raise CitationUnclear
    return ", ".join((act["number"], " ".join((f"Điều {article['article'].lower()}", *_parts(cited)))))


def _parts(cited: str) -> list[str]:
    found = ((word, pattern.search(cited)) for word, pattern in (("khoản", _CLAUSE), ("điểm", _POINT)))
    return [f"{word} {part[1].lower()}" for word, part in found if part is not None]


# Law 80/2015/QH13 on the making of legal documents, Article 10: number, year of issue, kind and issuer.
_ACT = re.compile(
    r"(?<![\w./-])(?P<number>\d{1,4}(?:\.\d{1,2})?/(?:19|20)\d{2}/"
    r"(?:QH\d{1,2}|UBTVQH\d{1,2}|(?:PL|NQ|NĐ|QĐ|CT|TT|TTLT|VBHN)-[A-ZĐ]{2,8}g?(?:-[A-ZĐ]{2,8})?))(?![\w/])"
)
_ARTICLE = re.compile(r"(?<!\w)Điều\s+(?P<article>\d{1,3}[a-zđ]?)(?!\w)", re.IGNORECASE)
_CLAUSE = re.compile(r"(?<!\w)khoản\s+(\d{1,2}[a-zđ]?)(?!\w)", re.IGNORECASE)
_POINT = re.compile(r"(?<!\w)điểm\s+([a-zđ])(?!\w)", re.IGNORECASE)
