"""Checks every #include of the tree against the table of rooms in ARCHITECTURE.md: who may include whom.

usage: include_rule.py [ROOT]     prints the offending lines; exit 1 when there is one
"""
import pathlib
import re
import sys

# Room -> what it may include besides itself. The first prefix that fits a file is its room.
# `apps/*` stands for each application by itself: one never includes another.
RULES = (
    ("apps/*/", ("server/app.hpp", "server/task.hpp", "server/http/", "base/")),
    ("node/", ("cluster/", "server/", "admission/", "base/")),
    ("cluster/", ("server/tls/", "server/task.hpp", "base/")),
    ("server/", ("admission/", "base/")),
    ("admission/", ("base/",)),
    ("base/", ()),
    ("loadgen/", ("base/",)),
    ("tools/", ("admission/", "cluster/members.hpp", "cluster/placement.hpp", "cluster/protocol.hpp", "base/")),
    ("tests/", ("",)),
)
# What the files beside an application's main.cpp may include as well: they join it to a node.
ENTRY = ("node/", "server/settings.hpp", "apps/*/")
# Rooms that decide without I/O, or are the vocabulary of all: what they may not take from outside the tree.
FORBIDDEN_OUTSIDE = {
    "base/": re.compile(r"openssl/|sqlite3|prometheus/|boost/(asio|beast)/|CLI/|toml"),
    "admission/": re.compile(r"openssl/|sqlite3|prometheus/|boost/(asio|beast)/|sys/|netinet/|arpa/"),
}
ROOMS = ("base", "admission", "server", "cluster", "node", "apps", "loadgen", "tools", "tests")
GENERATED = "embedded/"  # headers that sluice_embed() writes for its own target

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def expand(pattern, app):
    return pattern.replace("*", app)


def verdict(file, kind, header, exists):
    """Why `file` may not include `header` (both as paths from the root); None when it may.

    `kind` is '<' or '"'; `exists` tells whether `header` is a file of the tree.
    """
    parts = file.split("/")
    app = parts[1] if parts[0] == "apps" else ""
    room, allowed = next(
        (expand(prefix, app), tuple(expand(target, app) for target in targets))
        for prefix, targets in RULES
        if file.startswith(expand(prefix, app))
    )
    if app and len(parts) == 3:
        allowed += tuple(expand(target, app) for target in ENTRY)
    inside = header.split("/")[0] in ROOMS and (kind == '"' or exists)
    if not inside:
        if kind == '"' and not header.startswith(GENERATED):
            return "in quotes stand only paths from the root of the tree"
        outside = FORBIDDEN_OUTSIDE.get(room)
        return f"{room} does without this library" if outside and outside.match(header) else None
    if kind == "<":
        return "headers of the tree stand in quotes"
    if not exists:
        return "there is no such file"
    if header.startswith((room, *allowed)):
        return None
    return f"{room} may include {', '.join(filter(None, allowed)) or 'nothing'} and itself"


def offences(root):
    for room in ROOMS:
        for path in sorted((root / room).rglob("*")):
            if path.suffix not in (".cpp", ".hpp", ".h", ".c") or not path.is_file():
                continue
            file = path.relative_to(root).as_posix()
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                match = INCLUDE.match(line)
                if match is None:
                    continue
                kind, header = match.groups()
                reason = verdict(file, kind, header, (root / header).is_file())
                if reason:
                    yield f"{file}:{number}: {line.strip()}  ({reason})"


def main(arguments):
    root = pathlib.Path(arguments[0]) if arguments else pathlib.Path(__file__).resolve().parents[2]
    found = list(offences(root))
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
