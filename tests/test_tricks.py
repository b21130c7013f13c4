"""The table of tricks is that of the runs that were made."""

from benchmarks import tricks


def test_the_table_is_made_of_the_results():
    assert tricks.TABLE.read_text(encoding="utf-8") == tricks.table(tricks.read())


def test_every_result_is_of_a_trick_that_can_be_run_again():
    results = tricks.read()
    assert {result["trick"] for result in results} <= set(tricks.TRICKS)
    assert len({(result["trick"], result["seed"]) for result in results}) == len(results)


def test_a_trick_is_compared_with_the_same_seeds_without_it():
    rows = [
        {"trick": tricks.PLAIN, "seed": 0, "first": 1.0, "second": 2.0},
        {"trick": tricks.PLAIN, "seed": 1, "first": 9.0, "second": 9.0},
        {"trick": "2 heads", "seed": 0, "first": 1.25, "second": 1.5},
    ]
    assert "| 2 heads | 1 | +0.2500 | -0.5000 |" in tricks.table(rows)
