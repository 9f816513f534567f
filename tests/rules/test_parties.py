"""Which parties are no part of a centre, read off the acts that bind them."""

from __future__ import annotations

import pytest

from banfa.rules import library, parties


@pytest.mark.parametrize(
    ("programme", "expected"),
    [
        ("jliic", {"third_party"}),
        ("ncti", {"consultation_experts", "third_party"}),
        ("neiic", {"third_party"}),
        ("nitec", {"third_party"}),
        ("nmic", set()),
    ],
)
def test_only_those_commissioned_to_look_at_a_centre_stand_apart(
    programme: str, expected: set[str]
) -> None:
    for folder in library.edition_folders(programme, library.SHIPPED):
        rs = library.ruleset(folder)
        assert parties.independent(rs.models) == rs.independent == expected
