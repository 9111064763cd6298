"""SELECTs composed once for a shape are those composed anew, with the values where they belong."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from conditions import conditions, texts
from pinakes.catalog.listing import Direction, ModelListing, Order, total_order
from pinakes.postgres.pages import MAX_PROJECTS, select_page
from pinakes.postgres.shapes import Selects, shape_of
from pinakes.postgres.statement import numbered
from pinakes.query.conditions import (
    Both,
    Column,
    Comparison,
    Condition,
    Either,
    Metric,
    Operator,
    Tag,
)

SCHEMA = "pinakes"
LONG = ["a" * 99, "b" * 100, "c" * 101, "d" * 200]

values = texts() | st.sampled_from(LONG)
projects = (
    st.none()
    | st.frozensets(values, max_size=3)
    | st.builds(
        lambda count: frozenset(map(str, range(count))),
        st.sampled_from([MAX_PROJECTS, MAX_PROJECTS + 1, 100]),
    )
)


@st.composite
def listings(draw: st.DrawFn) -> ModelListing:
    wanted = draw(st.lists(st.builds(Order, st.sampled_from(Column), st.sampled_from(Direction))))
    order = total_order(list({item.column: item for item in wanted}.values())[:3])
    after = draw(st.none() | st.tuples(*[values] * len(order)))
    return ModelListing(
        condition=draw(st.none() | conditions()),
        projects=draw(projects),
        order=order,
        after=after,
        size=draw(st.integers(1, 3)),
    )


@st.composite
def same_shapes(draw: st.DrawFn) -> tuple[ModelListing, ModelListing]:
    """Draw a listing, and one with other values in the same places."""
    one = draw(listings())
    other = replace(
        one,
        condition=one.condition and _with_other_values(one.condition, draw),
        after=one.after and tuple(draw(values) for _ in one.after),
        projects=one.projects and frozenset(draw(values) for _ in one.projects),
    )
    return one, other


def _with_other_values(condition: Condition, draw: st.DrawFn) -> Condition:
    match condition:
        case Comparison(field, operator, value):
            other_field = type(field)(draw(values)) if isinstance(field, Tag | Metric) else field
            other = draw(st.floats(allow_nan=False)) if isinstance(value, float) else draw(values)
            return Comparison(other_field, operator, other)
        case Both(left, right):
            return Both(_with_other_values(left, draw), _with_other_values(right, draw))
        case Either(left, right):
            return Either(_with_other_values(left, draw), _with_other_values(right, draw))


@given(pair=same_shapes())
@settings(deadline=None)
def test_the_select_of_a_shape_is_the_one_composed_for_the_listing(
    pair: tuple[ModelListing, ModelListing],
) -> None:
    selects = Selects(SCHEMA)
    for listing in pair:
        text, bound = select_page(listing, SCHEMA)
        assert selects.of(listing) == (numbered(text, is_fixed=True), bound)


def test_listings_that_differ_in_their_values_have_one_shape() -> None:
    one, other = (
        ModelListing(
            condition=Both(
                Comparison(Tag(text), Operator.CONTAINS, text),
                Comparison(Metric(text), Operator.LESS, number),
            ),
            projects=frozenset({text}),
            after=(text, text),
        )
        for text, number in (("a", 1.0), ("b", 2.0))
    )
    assert shape_of(one) == shape_of(other)
