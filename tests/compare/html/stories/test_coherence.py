"""The line under a story, and the sentence that is marked in it."""

from __future__ import annotations

from compare.html.panes import Pane, Take
from compare.html.stories import coherence
from compare.values import Chunk, Coherence

CHUNK = Chunk(" <b>Ben</b> left. Then it rained.", 9, 1.0, 0.1, "end of text")
FAILS = Coherence("fails", "<i>Ben</i> was never named", 5, 21)


def pane(*takes: Take, blind: bool = False) -> str:
    return Pane("left", "Nell.", name="stories", takes=takes, blind=blind).html()


def test_each_verdict_has_its_words():
    assert coherence.line(None) == ""
    assert ">holds together<" in coherence.line(Coherence("holds"))
    assert ">so far it holds together<" in coherence.line(Coherence("so far"))
    assert ">does not hold together: there was no pie<" in coherence.line(
        Coherence("fails", "there was no pie")
    )
    assert "(in the prompt)" in coherence.says(Coherence("fails", "no", 0, 3, asked=True))


def test_the_sentence_is_marked_where_it_stands_and_everything_is_text():
    shown = pane(Take(CHUNK, 7, coherence=FAILS))
    assert "<mark> &lt;b&gt;Ben&lt;/b&gt; left</mark>. Then it rained." in shown
    assert "&lt;i&gt;Ben&lt;/i&gt; was never named" in shown
    assert shown.count("class='holds") == 1


def test_a_sentence_that_begins_in_the_prompt_is_marked_on_both_sides():
    shown = pane(Take(CHUNK, 7, coherence=Coherence("fails", "no", 2, 9)))
    assert "Ne<mark>ll.</mark>" in shown
    assert "<mark> &lt;b&gt;</mark>Ben" in shown


def test_a_place_beyond_the_text_marks_nothing():
    assert coherence.marked("Nell.", Coherence("fails", "no", 90, 99)) == "Nell."
    assert coherence.marked("Nell.", Coherence("fails", "no", 0, 3), before=9) == "Nell."


def test_of_several_texts_each_has_its_own_line():
    shown = pane(Take(CHUNK, 7, coherence=Coherence("holds")), Take(CHUNK, 8, coherence=FAILS))
    assert shown.index(">holds together<") < shown.index("seed 8") < shown.index("&lt;i&gt;Ben")


def test_a_blind_test_shows_neither_line_nor_mark():
    shown = pane(Take(CHUNK, 7, coherence=FAILS), blind=True)
    assert "holds" not in shown
    assert "<mark" not in shown


def test_where_there_is_no_story_there_is_no_line():
    assert "class='holds" not in pane(Take(CHUNK, 7))
