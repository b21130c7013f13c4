"""transformers' own tests of tokenizers, unmodified, on both kinds that we train, with and without
the tokens of a chat, loaded as a stranger loads them."""

import inspect
import tempfile
import unittest

import pytest
from transformers import TokenizersBackend

from tinygpt_hf.tokenization import train_bpe, train_char

from .sdist import load

common = load("test_tokenization_common")
backend = load("test_tokenizers_backend_mixin")

# Upstream's own warnings are not ours to silence.
pytestmark = [
    pytest.mark.upstream,
    pytest.mark.covering,
    pytest.mark.filterwarnings("ignore"),
]

# What does not run, for any of our tokenizers: name of the test -> the reason.
SKIPPED = {
    "test_chat_template_save_loading": (
        "looks for `chat_template` in the signature of the class, and TokenizersBackend takes it "
        "as a keyword; test_chat_template_travels in test_tokenization.py is its stand-in"
    ),
    "test_integration": "compares with ids that upstream recorded for a model on the Hub",
    "test_integration_from_extractor": "the same",
}


class Upstream(common.TokenizerTesterMixin, backend.TokenizersBackendTesterMixin):
    tokenizer_class = TokenizersBackend

    @classmethod
    def setUpClass(cls):
        """Upstream's own takes the tokenizer from the Hub and a text from its repository."""
        cls.tmpdirname = tempfile.mkdtemp()  # removed by upstream
        corpus = [
            common.input_string,
            *(text for texts in common.SMALL_TRAINING_CORPUS for text in texts),
        ]
        cls.train(corpus).save_pretrained(cls.tmpdirname)
        cls.from_pretrained_id = [cls.tmpdirname]
        cls.tokenizers_list = [(cls.tokenizer_class, cls.tmpdirname, {})]

    def test_conversion_reversible(self):
        """Upstream's mark makes it slow, for vocabularies of another size."""
        inspect.unwrap(common.TokenizerTesterMixin.test_conversion_reversible)(self)


class TestCharacters(Upstream, unittest.TestCase):
    @classmethod
    def train(cls, corpus):
        return train_char(corpus)


class TestCharactersThatChat(Upstream, unittest.TestCase):
    @classmethod
    def train(cls, corpus):
        return train_char(corpus, chat=True)


class TestBPE(Upstream, unittest.TestCase):
    @classmethod
    def train(cls, corpus):
        return train_bpe(corpus * 2, 320)


class TestBPEThatChats(Upstream, unittest.TestCase):
    @classmethod
    def train(cls, corpus):
        return train_bpe(corpus * 2, 320, chat=True)


def test_only_the_listed_tests_are_skipped(outcomes):
    """A tokenizer that skips a test has not passed it."""
    ours = {
        name: tests for name, tests in outcomes.items() if name.startswith(("TestChar", "TestBPE"))
    }
    if len(ours) < 4:
        pytest.skip("looks at the classes above; run the whole file")
    for name, tests in ours.items():
        assert {test for test, reason in tests.items() if reason} == set(SKIPPED), name
