"""Rounds in which servers take turns, and the lines that come of them."""
import statistics


def alternate(rounds, servers, measure):
    """-> {server name: [result of each round]}, the servers taking turns."""
    results = {server.name: [] for server in servers}
    for number in range(rounds):
        for server in servers if number % 2 == 0 else reversed(servers):
            results[server.name].append(measure(server))
    return results


def spread(values, digits):
    return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f}-{max(values):,.{digits}f})"


class Report:
    """A line for each column of ours, and below it one for everybody it is compared with, with the ratio of the rounds."""

    def __init__(self):
        self.rows = []

    def add(self, what, results, columns):
        """`results`: rounds of ours, then of the others. `columns`: (key, unit, digits) of a round."""
        self.rows.append({"what": what, "rounds": results})
        (our_name, ours), *others = results.items()
        for key, unit, digits in columns:
            mine = [result[key] for result in ours]
            print(f"  {what + ', ' + unit:42} {our_name:20} {spread(mine, digits)}", flush=True)
            for name, rounds in others:
                theirs = [result[key] for result in rounds]
                ratios = [a / b for a, b in zip(mine, theirs) if b]
                print(f"  {'':42} {name:20} {spread(theirs, digits):28} ours by theirs "
                      f"{spread(ratios, 2) if ratios else '-'}", flush=True)
