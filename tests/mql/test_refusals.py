"""Names that MongoDB knows and a stream processor's expressions do not are refused for what they are."""

from __future__ import annotations

import pytest

from brookmill.mql import MQLError, evaluate


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("$push", "accumulator of $group"),
        ("$exists", "query operator of $match"),
        ("$facet", "is a stage"),
        ("$denseRank", "$setWindowFields"),
        ("$nonsense", "Unrecognized expression '$nonsense'"),
    ],
)
def test_a_name_of_another_family(name: str, text: str) -> None:
    with pytest.raises(MQLError, match=text.replace("$", r"\$")) as refusal:
        evaluate({name: 1}, {})
    assert (refusal.value.code, refusal.value.code_name) == (168, "InvalidPipelineOperator")


@pytest.mark.parametrize("variable", ["NOW", "CLUSTER_TIME", "USER_ROLES", "SEARCH_META"])
def test_a_variable_that_streams_do_not_have(variable: str) -> None:
    with pytest.raises(MQLError, match="not available in a stream processor"):
        evaluate(f"$${variable}", {})
