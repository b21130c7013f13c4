"""Models that were trained here: an hour after the last use they go, and so do their files."""

from __future__ import annotations

import time

from compare.guests import MOST, Guests, new_key


def test_a_key_cannot_be_guessed_and_is_never_given_twice():
    keys = {new_key() for _ in range(1000)}
    assert len(keys) == 1000
    assert all(len(key) >= 30 for key in keys)


def test_a_guest_stays_while_it_is_used_and_then_goes_with_its_files(tmp_path):
    guests: Guests[str] = Guests(hour=0.4, look=0.05)
    file = tmp_path / "model"
    file.write_text("weights", encoding="utf-8")
    guests.add("own-a", "a", file.unlink)
    for _ in range(6):
        time.sleep(0.1)
        assert guests.get("own-a") == "a"
    assert file.exists()
    until = time.monotonic() + 10
    while file.exists() and time.monotonic() < until:
        time.sleep(0.02)
    assert not file.exists()
    assert guests.get("own-a") is None
    assert "own-a" not in guests


def test_the_newest_stay_and_the_one_that_was_used_least_lately_goes():
    gone: list[int] = []
    guests: Guests[int] = Guests()
    for number in range(MOST):
        guests.add(f"own-{number}", number, lambda number=number: gone.append(number))
    guests.get("own-0")
    guests.add("own-new", 99)
    assert gone == [1]
    guests.remove("own-0")
    assert gone == [1, 0]
