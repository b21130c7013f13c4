"""loss.png is the same, whoever draws it."""

from training.loop import report

ROWS = [{"step": n, "train_loss": 3 / n} for n in range(1, 9)] + [{"step": 8, "val_loss": 0.5}]


def test_the_artist_draws_the_same_picture_from_a_process_of_its_own(tmp_path, monkeypatch):
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
    artist = report.Artist()
    report.draw(here, ROWS, "a run")
    monkeypatch.setattr(report, "draw", None)  # the other process does it
    artist.draw(there, ROWS, "a run")
    assert (there / "loss.png").read_bytes() == (here / "loss.png").read_bytes()


def test_an_artist_that_is_asked_nothing_ends_with_who_began_it():
    artist = report.Artist()
    assert artist.process.stdin
    artist.process.stdin.close()
    assert artist.process.wait(60) == 0


def test_where_the_artist_ended_early_the_picture_is_drawn_here(tmp_path):
    artist = report.Artist()
    artist.process.kill()
    artist.process.wait()
    artist.draw(tmp_path, ROWS, "a run")
    assert (tmp_path / "loss.png").stat().st_size > 10_000
