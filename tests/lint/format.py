"""Checks that clang-format would change nothing (or, with --fix, lets it).

Exit code 77 ("skipped" to ctest) when clang-format 14 is not installed: another version formats differently.
"""
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROOMS = ("base", "admission", "server", "cluster", "node", "apps", "loadgen", "tools", "tests", "cmake")
SKIPPED = 77


def sources():
    return sorted(
        str(path.relative_to(ROOT))
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.suffix in (".cpp", ".hpp", ".h", ".c") and path.is_file()
    )


def clang_format():
    """The path of clang-format 14, or None."""
    for name in ("clang-format-14", "clang-format"):
        path = shutil.which(name)
        if path and " 14." in subprocess.run([path, "--version"], capture_output=True, text=True).stdout:
            return path
    return None


def main(arguments):
    tool = clang_format()
    if tool is None:
        print("format: clang-format 14 is not installed (deploy/setup.sh test installs it)", file=sys.stderr)
        return SKIPPED
    mode = ["-i"] if "--fix" in arguments else ["--dry-run", "-Werror"]
    files = sources()
    status = subprocess.run([tool, *mode, *files], cwd=ROOT).returncode
    if status != 0:
        print("format: these files are not formatted; `make fmt` does it", file=sys.stderr)
    return 1 if status else 0


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main(sys.argv[1:]))
