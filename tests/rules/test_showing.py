"""Of which papers there may be a small picture."""

import pytest

from vault.showing.thumbnails import can_be_shown

MOST = 32 * 1024 * 1024


@pytest.mark.parametrize(
    ("media_type", "size", "shown"),
    [
        ("image/jpeg", MOST, True),
        ("image/png", 1, True),
        ("image/jpeg", MOST + 1, False),
        ("application/pdf", 1, False),
        ("text/html", 1, False),
    ],
)
def test_pictures_of_a_size_to_be_drawn_are_shown_small(media_type: str, size: int, shown: bool) -> None:
    assert can_be_shown(media_type, size) is shown
