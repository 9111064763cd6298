"""Strategies: texts that a client may send, in all the ways that they may be spelled."""

from hypothesis import strategies as st

COLUMNS = ("URI", "name", "Version", "PROJECT", "artifact_type", "artifactType", "TaskType")
MAPS = ("tags", "Tags", "TAGS")
METRICS = ("metrics", "Metrics")
OPERATORS = ("=", "!=", "<", ">", "<=", ">=")
GATES = ("AND", "OR", "and", "Or")
SIGNS = '"=<>!()%'

blanks = st.sampled_from(["", " ", "\t", "\n  "])
gaps = st.sampled_from([" ", "\t", "\n  "])
letters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")


def bare_words(excluded: str = "") -> st.SearchStrategy[str]:
    """Return words that need no quotes."""
    signs = SIGNS + " \t\r\n" + excluded
    characters = st.characters(exclude_categories=["Cs"], exclude_characters="\0" + signs)
    words = st.text(characters, min_size=1, max_size=8)
    return words.filter(lambda word: word.lower() not in ("and", "or"))


def quoted(texts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Return texts in quotes, which may hold anything but a quote."""
    return texts.map(lambda text: f'"{text.replace(chr(34), "")}"')


def values() -> st.SearchStrategy[str]:
    """Return what a text may be compared with."""
    return bare_words() | quoted(st.text(letters, max_size=8))


def entries(names: tuple[str, ...]) -> st.SearchStrategy[str]:
    """Return ``name[key]``, as it is or, where the key is anything at all, in quotes."""
    maps = st.sampled_from(names)
    bare = st.builds("{}[{}]".format, maps, bare_words(excluded="[]"))
    return bare | quoted(st.builds("{}[{}]".format, maps, st.text(letters, max_size=8)))


def number_texts() -> st.SearchStrategy[str]:
    """Return finite numbers as a person or a program may write them."""
    floats = st.floats(allow_nan=False, allow_infinity=False).map(repr)
    return floats | st.integers(-(10**20), 10**20).map(str) | st.sampled_from(["+1", "1.", ".5e3"])


def int64_texts() -> st.SearchStrategy[str]:
    """Return whole numbers of 64 bits as text."""
    return st.integers(-(2**63), 2**63 - 1).map(str)


def comparisons() -> st.SearchStrategy[str]:
    """Return one field held against one value."""
    texts = st.sampled_from(COLUMNS) | entries(MAPS)
    of_texts = st.tuples(texts, blanks, st.sampled_from([*OPERATORS, "%"]), blanks, values())
    numbers = number_texts() | quoted(number_texts())
    of_metrics = st.tuples(entries(METRICS), blanks, st.sampled_from(OPERATORS), blanks, numbers)
    return (of_texts | of_metrics).map("".join)


def queries() -> st.SearchStrategy[str]:
    """Return queries of the language, none of them blank."""
    return st.recursive(comparisons(), _joined, max_leaves=6)


def _joined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    grouped = st.tuples(st.just("("), blanks, inner, blanks, st.just(")")).map("".join)
    joined = st.tuples(inner, gaps, st.sampled_from(GATES), gaps, inner).map("".join)
    return grouped | joined


def orders() -> st.SearchStrategy[str]:
    """Return values of ``orderBy``: fields that differ, each with a direction or without."""
    fields = st.sampled_from(["uri", "NAME", "version", "project", "artifactType", "task_type"])
    directions = st.sampled_from(["", " asc", " desc", "  DESC "])
    items = st.lists(st.tuples(fields, directions), unique_by=lambda item: item[0])
    return st.builds(
        lambda comma, order: comma.join(field + direction for field, direction in order),
        st.sampled_from([",", ", ", " , "]),
        items,
    )
