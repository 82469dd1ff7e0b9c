"""What Hypothesis gives to both backends, which must make the same of it."""

from hypothesis import strategies as st

pieces = ["", "x", "\u20ac", "\n", "\ud800", "\ufeff", '"', "\U0001f600", "y" * 30, "\u0436" * 40]
texts = st.lists(st.sampled_from(pieces), max_size=12).map("".join)
messages = st.one_of(
    texts,
    texts.map(lambda text: text.encode("utf-8", "replace")),
    st.binary(max_size=150),
    st.sampled_from([None, 5, "x" * 10_000, "\u20ac" * 5000]),
)
elements = st.one_of(
    st.none(),
    st.dictionaries(
        st.sampled_from(["a", "b@2", "bad name"]),
        st.dictionaries(st.sampled_from(["n", "m"]), texts, max_size=2),
        max_size=2,
    ),
    st.sampled_from([b"-", b"", b'[a@1 x="y"]', b"[a@1]" * 40]),
)
