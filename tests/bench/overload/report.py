"""Rows of an experiment as a table; medians over repeats."""
import json
import statistics
import sys


class Column:
    def __init__(self, key, title, digits=0, unit=1.0):
        self.key, self.title, self.digits, self.unit = key, title, digits, unit

    def cell(self, rows):
        """Median, with the range when there are several values that differ; "-" or "never" where there is none."""
        values = [row[self.key] for row in rows if row.get(self.key) is not None]
        if not values:
            return "-"
        if isinstance(values[0], str):
            return ", ".join(dict.fromkeys(values))
        values = [value * self.unit for value in values]
        text = f"{statistics.median(values):,.{self.digits}f}"
        low, high = f"{min(values):,.{self.digits}f}", f"{max(values):,.{self.digits}f}"
        text += "" if low == high else f" ({low}-{high})"
        never = len(rows) - len(values)
        return f"{text}, never in {never} of {len(rows)}" if never else text


class Report:
    """What an experiment found. Rows are dictionaries: `group` keys say which are repeats of the same."""

    def __init__(self, options):
        self.options, self.experiments = options, []

    def begin(self, name, case, columns, notes=()):
        self.experiments.append({"experiment": name, "case": case.text(), "notes": list(notes), "rows": []})
        self.columns = columns
        print(f"\n{name}: {case.text()}", flush=True)

    def note(self, sentence):
        self.experiments[-1]["notes"].append(sentence)
        print(f"  {sentence}", flush=True)

    def add(self, row):
        """Of one measurement; shown on stderr while the others are made."""
        self.experiments[-1]["rows"].append(row)
        facts = ", ".join(f"{column.title} {column.cell([row])}" for column in self.columns)
        print(f"  .. {facts}", file=sys.stderr, flush=True)

    def table(self):
        groups = {}
        for row in self.experiments[-1]["rows"]:
            groups.setdefault(row["group"], []).append(row)
        lines = [[column.title for column in self.columns]]
        for rows in groups.values():
            cells = [column.cell(rows) for column in self.columns]
            if any(row.get("limited") for row in rows):
                cells[-1] += "  GENERATOR AT ITS LIMIT"
            lines.append(cells)
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]
        for line in lines:
            print("  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip(), flush=True)

    def write(self, file):
        text = {"options": {key: str(value) for key, value in vars(self.options).items()},
                "experiments": self.experiments}
        file.write_text(json.dumps(text, indent=1) + "\n")


def alternating(options, xs, variants):
    """-> (repeat, x, variant) in the order A B, B A, so that a drift of the machine hits all alike."""
    turn = 0
    for repeat in range(options.repeats):
        for x in xs:
            for variant in variants if turn % 2 == 0 else reversed(variants):
                yield repeat, x, variant
            turn += 1


def session_figures(outcome, capacity):
    """What every experiment with sessions says about a run."""
    return {"offered": outcome.offered, "completed": outcome.completed, "share": outcome.completed / capacity,
            "kept": outcome.kept_share, "refused": outcome.refused_share, "p50": outcome.admitted_ms(0.5),
            "p99": outcome.admitted_ms(0.99), "limited": outcome.limited, "losses": outcome.losses}


SESSION_COLUMNS = [Column("offered", "offered/s", 1), Column("completed", "completed/s", 1),
                   Column("share", "% of capacity", 1, 100), Column("kept", "% of admitted completed", 2, 100),
                   Column("refused", "% refused", 1, 100), Column("p99", "p99 ms of admitted")]
