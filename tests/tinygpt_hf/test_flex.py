"""Flex attention has no gradient on a CPU, which is said before anything is compiled."""

import pytest

from tests.tinygpt_hf.shapes import ALL, make, tokens


def test_training_with_it_on_a_cpu_is_refused_with_one_line():
    model = make(ALL["llama"])
    model.set_attn_implementation("flex_attention")
    ids = tokens(model, 1, 4)
    with pytest.raises(ValueError, match="flex attention has no gradient on a CPU: train with"):
        model.train()(ids, labels=ids)
