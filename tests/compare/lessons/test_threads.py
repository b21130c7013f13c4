"""The number of threads follows the machine; the machine here is made up."""

import pytest

from compare.lessons.threads import Threads


class Machine:
    """A step is shared out among threads; with fewer cores than threads all wait in turns."""

    def __init__(self, cores: int):
        self.free, self.time, self.threads = cores, 0.0, cores

    def use(self, threads: int) -> None:
        self.threads = threads

    def train(self, threads: Threads, seconds: float) -> dict[int, int]:
        """Steps by the number of threads that took them."""
        until, steps = self.time + seconds, dict.fromkeys(threads.counts, 0)
        while self.time < until:
            took = 0.008 + 0.018 / self.threads
            took *= 1 + max(0, self.threads - self.free)
            self.time += took
            steps[self.threads] += 1
            threads.took(took)
        return steps


def start(cores: int) -> tuple[Machine, Threads]:
    machine = Machine(cores)
    return machine, Threads(cores, machine.use, lambda: machine.time)


@pytest.mark.parametrize("cores", [2, 3, 8])
def test_alone_all_cores_are_used(cores):
    machine, threads = start(cores)
    steps = machine.train(threads, 20)
    assert machine.threads == cores
    assert steps[cores] > 0.9 * sum(steps.values())


@pytest.mark.parametrize(("cores", "free", "best"), [(2, 1, 1), (8, 7, 4), (8, 1, 1)])
def test_beside_others_only_what_is_free(cores, free, best):
    machine, threads = start(cores)
    machine.free = free
    machine.train(threads, 15)  # to find out
    steps = machine.train(threads, 20)
    assert threads.counts[threads.at] == best
    assert steps[best] > 0.85 * sum(steps.values())


def test_it_finds_back_when_the_others_have_gone():
    machine, threads = start(2)
    machine.free = 1
    machine.train(threads, 10)
    machine.free = 2
    machine.train(threads, 5)
    assert threads.counts[threads.at] == 2


def test_one_core_is_never_argued_with():
    machine, threads = start(1)
    machine.train(threads, 10)
    assert machine.threads == 1


def test_steps_that_differ_by_chance_change_nothing():
    machine, threads = start(2)
    for number in range(2000):
        machine.time += 0.02
        threads.took(0.02 * (1.02 if number % 3 else 0.98))
    assert threads.counts[threads.at] == 2
