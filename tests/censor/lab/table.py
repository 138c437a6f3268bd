"""The table of scenarios: each a function of the lab that returns what it measured, or fails an `expect`."""
import collections

Scenario = collections.namedtuple("Scenario", "name needs alone first function")
TABLE = []
BROWSING_S = 15  # how long somebody browses where that is looked at as a whole


def scenario(name, needs="", alone=False, first=False):
    """`needs` "surang": the programs must be built. `alone`: it measures what others beside it on the machine would
    disturb: a few milliseconds, a rate. `first`: it takes so long that the others are better done beside it."""
    def register(function):
        TABLE.append(Scenario(name, needs, alone, first, function))
        return function
    return register


def expect(condition, what):
    if not condition:
        raise AssertionError(what)
