"""What is odd about a text is said before a model learns it."""

import hashlib

import pytest

from tinygpt_hf.tokenization import read_texts
from training.data.corpus import BadTextError, Corpus, open_corpus
from training.data.tokens import look_over


def corpus(tmp_path, content: bytes, **options) -> Corpus:
    path = tmp_path / "my.txt"
    path.write_bytes(content)
    return open_corpus([str(path)], **options)


def test_a_plain_text_needs_no_word(tmp_path):
    assert list(look_over(corpus(tmp_path, b"to be or not to be\n"))) == []


@pytest.mark.parametrize("content", [b" \n\t \r\n", b"\0" * 5000, b" \0\n"])
def test_white_space_and_nuls_are_no_text(tmp_path, content):
    with pytest.raises(BadTextError, match=r"my\.txt holds nothing but white space"):
        list(look_over(corpus(tmp_path, content)))


def test_rows_of_jsonl_are_looked_at_where_they_are_read(tmp_path):
    """Conversations have no column of text, and their line ends are in no text."""
    path = tmp_path / "chats.jsonl"
    path.write_bytes(b'{"messages": []}\r\n' * 3)
    assert list(look_over(open_corpus([str(path)]))) == []


def test_one_letter_is_warned_of(tmp_path):
    (line,) = look_over(corpus(tmp_path, b"a a\naaa " * 5000))
    assert "repeats one letter, 'a'" in line


@pytest.mark.parametrize("before", [0, (1 << 20) - 1])
def test_windows_line_ends_are_said_and_made_plain(tmp_path, before):
    """Also where a piece of the file ends between the two."""
    content = b"x" * before + b"\r\nto be\r\nor not\r"
    (line,) = look_over(corpus(tmp_path, content))
    assert "--newlines lf" in line
    plain = corpus(tmp_path, content, newlines="lf")
    assert list(look_over(plain)) == []
    assert "".join(plain.pieces()) == "x" * before + "\nto be\nor not\n"
    kept = corpus(tmp_path, content)
    assert "".join(kept.pieces()) == content.decode()
    assert kept.key() != plain.key()  # what was tokenized of one is not the other's


def test_another_text_than_the_recipes_is_said(tmp_path):
    expected = corpus(tmp_path, b"to be or not to be").identity()
    assert list(look_over(corpus(tmp_path, b"to be or not to be"), expected)) == []
    (line,) = look_over(corpus(tmp_path, b"to be or not to bee"), expected)
    assert line.startswith("this is not the recipe's text: 19 bytes")


def test_a_text_is_named_by_its_bytes(tmp_path):
    found = corpus(tmp_path, b"to be\n").identity()
    sha256 = hashlib.sha256(b"to be\n").hexdigest()
    assert found == {"name": "my.txt", "bytes": 6, "sha256": sha256}


def test_a_byte_order_mark_is_no_letter(tmp_path):
    path = tmp_path / "my.txt"
    for content, text in ((b"\xef\xbb\xbfto be", "to be"), (b"\xef\xbb\xbf", ""), (b"to", "to")):
        path.write_bytes(content)
        assert "".join(read_texts(path)) == text
        assert "".join(read_texts(path, size=1)) == text
