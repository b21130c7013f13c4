"""What length costs is measured, not told."""

from __future__ import annotations

from compare.engine import cost


def test_each_length_is_timed_for_attention_and_for_the_mlp(monkeypatch):
    monkeypatch.setattr(cost, "LENGTHS", (8, 16, 32))
    measured = cost.seconds_by_length()
    assert [length for length, _, _ in measured] == [8, 16, 32]
    assert all(0 < attention < 60 and 0 < mlp < 60 for _, attention, mlp in measured)
