import random
import time

import pytest

from fmi_mx.errors import PATH, SHOWN, as_line, nearest, shown

HOLDS_ITSELF = []
HOLDS_ITSELF.append(HOLDS_ITSELF)
DEEP = []
for _ in range(10**5):
    DEEP = [DEEP]
WIDE = ["x" * 10**5] * 20
for _ in range(6):
    WIDE = [WIDE] * 20


class Unwilling:
    def __repr__(self):
        raise RuntimeError


class ManyLines:
    def __repr__(self):
        return "one\ntwo\x1b[31m"


@pytest.mark.parametrize("value", [
    HOLDS_ITSELF, {"x": HOLDS_ITSELF}, DEEP, WIDE, {"k" * 1000: WIDE}, "x" * 10**7, b"x" * 10**6, 10**1000000, -(10**700),
    [10**5000] * 5, {n: n for n in range(10**5)}, {"x", 3, None}, set(range(10**5)), "\x00\n\r\x1b[31m\x7f\x85\u2028\ud800",
    ["\n", {"\ud800": "\x00"}], "\ud800" * 1000, Unwilling(), ManyLines(), float("nan"), None, "", object,
], ids=lambda value: type(value).__name__)  # fmt: skip
def test_whatever_is_given_is_shown_in_part_of_a_line(value):
    start = time.process_time()
    text = shown(value)
    assert time.process_time() - start < 1
    assert 0 < len(text) <= SHOWN
    assert text.isprintable()
    text.encode("utf-8")


@pytest.mark.parametrize("value, text", [
    (3, "3"), ("a  'b'", "\"a  'b'\""), ("caf\u00e9", "'caf\u00e9'"), ([1, "x"], "[1, 'x']"), ({"a": None}, "{'a': None}"),
    (10**90, str(10**90)), (10**1000, "a number of about 1000 digits"), ("\n", "'\\n'"), ("\udcff", "'\\udcff'"),
], ids=lambda value: type(value).__name__)  # fmt: skip
def test_what_fits_is_shown_as_python_writes_it(value, text):
    assert shown(value) == text


def test_a_text_that_is_cut_says_so():
    assert shown("x" * 1000).startswith("'xxx")
    assert "..." in shown("x" * 1000)
    assert as_line("x" * 1000) == "x" * (PATH - 3) + "..."
    assert as_line("x" * PATH) == "x" * PATH
    assert as_line("a\nb\x1b \ud800") == r"a\nb\x1b \ud800"
    assert len(as_line("\n" * PATH)) == PATH


def test_the_nearest():
    assert nearest("long_egde", ["long_edge", "seed"]) == " (did you mean 'long_edge'?)"
    assert nearest("x", ["long_edge"]) == ""
    assert nearest("a\nb", ["a\nc"]) == r" (did you mean 'a\nc'?)"


@pytest.mark.parametrize("word", [None, 3, ["long_edge"], {}, "ab" * 10**6], ids=lambda word: type(word).__name__)
def test_what_is_no_word_is_near_nothing(word):
    assert nearest(word, ["long_edge", "ab" * 10**6]) == ""


def test_the_nearest_of_many_long_words_is_found_at_once():
    """Of these words all are alike, and each would have to be compared letter by letter."""
    generator = random.Random(1)
    known = ["".join(generator.choices("ab", k=60)) for _ in range(30_000)]
    start = time.process_time()
    assert nearest(known[5][:-1], known)
    assert time.process_time() - start < 3
