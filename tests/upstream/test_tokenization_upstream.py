"""transformers' own tests of tokenizers, unmodified, on both kinds that we train.

GPT-2's tokenizer itself cannot be had here without the network, so a byte-level BPE trained with
GPT-2's settings runs as the measure.
"""

import shutil
import unittest
import tempfile

import pytest
from tokenizers import ByteLevelBPETokenizer
from transformers import PreTrainedTokenizerFast

from tinygpt_hf.tokenization import train_bpe, train_char

from .sdist import load

common = load("test_tokenization_common")

# Upstream's own warnings are not ours to silence.
pytestmark = [pytest.mark.upstream, pytest.mark.filterwarnings("ignore")]


class Upstream(common.TokenizerTesterMixin):
    tokenizer_class = PreTrainedTokenizerFast
    from_pretrained_kwargs: dict = {}
    test_slow_tokenizer = False
    @classmethod
    def setUpClass(cls):
        cls.tmpdirname = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.tmpdirname)
        cls.make([common.input_string, *sum(common.SMALL_TRAINING_CORPUS, [])]*3).save_pretrained(cls.tmpdirname)
        cls.from_pretrained_id=[cls.tmpdirname]
        cls.tokenizers_list = [(cls.tokenizer_class, cls.tmpdirname, {})]

class TestCharacters(Upstream, unittest.TestCase):
    @staticmethod
    def make(texts):
        return train_char(texts)

class TestBPE(Upstream, unittest.TestCase):
    @staticmethod
    def make(texts):
        return train_bpe(texts, 400)
