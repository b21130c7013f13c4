"""Files come in pieces that nobody can tell from the whole."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tinygpt_hf.tokenization import encode_ids, encode_many, read_texts, train_bpe

from .strings import strings

LINES = st.lists(st.sampled_from([*"ab 1'\n\n\r\t", "\r\n", "  ", "é", "\u3000", "生", "don't"]))
LEARNED = ["\n\n\n  a\n\n  b\n\r\n\r\n don't\t\t\n  1 \n" * 3]
BPE = train_bpe(LEARNED, 320)
GPT2_CUT = train_bpe(LEARNED, 320, cut="gpt2")


def write(tmp_path, text):
    path = tmp_path / "text.txt"
    path.write_bytes(text.encode())
    return path


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.one_of(LINES.map("".join), strings), size=st.integers(1, 40))
def test_pieces_are_the_file_and_encode_as_the_file(tmp_path, text, size):
    path = write(tmp_path, text)
    pieces = list(read_texts([path], size))
    assert "".join(pieces) == text
    assert all(pieces)
    for tokenizer in (BPE, GPT2_CUT):
        ids = [np.array([], int), *encode_many(tokenizer, pieces)]
        assert np.concatenate(ids).tolist() == encode_ids(tokenizer, text).tolist()


def test_files_are_cut_behind_words(tmp_path):
    path = write(tmp_path, "one line\r\n" * 1000 + "the end")
    pieces = list(read_texts([path], 100))
    assert len(pieces) > 50
    assert all(piece[0] in " \r" and not piece[-1].isspace() for piece in pieces[1:-1])


@pytest.mark.parametrize("separator", [" ", "\r"])
def test_a_file_of_one_line_comes_in_pieces_too(tmp_path, separator):
    """Corpora of 100 MB without one line end exist; no process has to hold them."""
    text = separator.join(["word"] * 100_000)
    pieces = list(read_texts([write(tmp_path, text)], 1000))
    assert "".join(pieces) == text
    assert max(map(len, pieces)) < 20_000
    ids = np.concatenate(list(encode_many(BPE, pieces)))
    assert ids.tolist() == encode_ids(BPE, text).tolist()


def test_files_are_not_joined(tmp_path):
    (tmp_path / "a").write_text("one", encoding="utf-8")
    (tmp_path / "b").write_text("two", encoding="utf-8")
    assert list(read_texts([tmp_path / "a", str(tmp_path / "b")])) == ["one", "two"]
    assert list(read_texts(tmp_path / "a")) == list(read_texts(str(tmp_path / "a"))) == ["one"]


@pytest.mark.parametrize("size", [3, 7, 1 << 16])
@pytest.mark.parametrize(
    ("content", "byte", "offset"),
    [
        (b"caf\xe9 au lait\n" * 9, "E9", 3),
        ("é".encode() * 50 + b"\xff\n", "FF", 100),
        (b"a\n" * 20 + "生".encode()[:2], "E7", 40),
        (b"\xff\xfea\x00", "FF", 0),
    ],
)
def test_what_is_not_utf8_is_named_with_its_place(tmp_path, content, byte, offset, size):
    path = tmp_path / "latin.txt"
    path.write_bytes(content)
    with pytest.raises(
        ValueError, match=rf"latin\.txt is not UTF-8: byte 0x{byte} at offset {offset};"
    ):
        list(read_texts([path], size))
