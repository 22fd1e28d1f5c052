"""What goes away is told with its days, read from the schema itself."""

from datetime import date

import pytest
from graphql import build_schema

from api.settings import SettingsRefused, read_settings
from resolvers.phones.api_info import deprecations

MARKED = """
type Query {
  kept: E
  going(x: Int @deprecated(reason: "Use y. Deprecated 2026-11-22, gone 2027-11-22."), y: Int): Int
}
enum E { KEPT OLD @deprecated(reason: "Use KEPT. Deprecated 2026-11-01, gone 2027-11-01.") }
input I { a: Int @deprecated(reason: "Use b. Deprecated 2026-11-22, gone 2027-11-22.")  b: Int }
"""


def test_everything_marked_is_told_what_goes_first_first() -> None:
    found = [(one.coordinate, one.reason) for one in deprecations(build_schema(MARKED))]
    assert found == [("E.OLD", "Use KEPT."), ("I.a", "Use b."), ("Query.going(x)", "Use y.")]
    first = deprecations(build_schema(MARKED))[0]
    assert (first.announced_on, first.gone_on) == (date(2026, 11, 1), date(2027, 11, 1))


def test_what_is_not_marked_is_not_told() -> None:
    assert deprecations(build_schema("type Query { kept: Int }")) == ()


def test_the_oldest_app_served_is_a_version() -> None:
    assert read_settings({}).min_client_version == "0"
    assert read_settings({"MOTLAN_MIN_CLIENT_VERSION": "2.10.0"}).min_client_version == "2.10.0"


@pytest.mark.parametrize("odd", ["v2", "2.", "2.x", "2..1", "²", "2 ", "<script>"])
def test_any_other_word_is_refused(odd: str) -> None:
    with pytest.raises(SettingsRefused, match="MOTLAN_MIN_CLIENT_VERSION"):
        read_settings({"MOTLAN_MIN_CLIENT_VERSION": odd})
