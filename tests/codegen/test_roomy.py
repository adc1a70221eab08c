"""Room for deep recursion: frames cost no memory that is given back at once."""

import resource

from hardpath.codegen.roomy import roomy

CALLS = 2000


def faults_of_calls(depth):
    """Page faults while a function is called over and over, so many frames deep."""
    if depth:
        return faults_of_calls(depth - 1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(CALLS):
        leaf(1, 2, 3)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def leaf(a, b, c):
    return (a, b, c)


def test_calls_take_no_new_memory_however_deep_they_are():
    @roomy
    def most():
        return max(faults_of_calls(depth) for depth in range(300))

    assert most() < CALLS / 10


def test_arguments_and_results_go_through():
    @roomy
    def both(a, *, b):
        """What it does."""
        return a, b

    assert both(1, b=2) == (1, 2)
    assert both.__doc__ == "What it does."
