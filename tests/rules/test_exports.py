"""What a module says it offers is there."""

from importlib import import_module

import pytest

from tests.house.tree import PRODUCT, ROOT


@pytest.mark.parametrize("room", PRODUCT)
def test_what_a_module_says_it_offers_is_there(room: str) -> None:
    for file in sorted((ROOT / room).rglob("*.py")):
        if "__all__" in file.read_text("utf-8"):
            module = import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))
            assert [name for name in module.__all__ if not hasattr(module, name)] == [], file
