"""Names that lead back to themselves."""

from collections.abc import Iterable, Iterator, Mapping


def cycles(members: Mapping[str, Iterable[str]]) -> Iterator[list[str]]:
    """Ways from a name back to itself, each from that of its names which comes first.

    Of names that lead to each other at least one way is told, and no name is in two.

    Depth first: each name is entered once, so that long chains take no more than their length.
    """
    position = {name: number for number, name in enumerate(members)}
    told: set[str] = set()
    entered: set[str] = set()
    for start in members:
        if start in entered:
            continue
        way, left, place = [start], [iter(members[start])], {start: 0}
        entered.add(start)
        while way:
            member = next((name for name in left[-1] if name in members), None)
            if member is None:
                left.pop()
                del place[way.pop()]
            elif member in place:
                found = way[place[member] :]
                if told.isdisjoint(found):
                    told.update(found)
                    first = min(range(len(found)), key=lambda number: position[found[number]])
                    yield found[first:] + found[:first]
            elif member not in entered:
                entered.add(member)
                place[member] = len(way)
                way.append(member)
                left.append(iter(members[member]))
