"""A PostgreSQL server of a test's own: on a socket in a directory of its own, and away when the test wants it."""
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile

from sluice import BIN, DEADLINE, HOST, eventually


def programs():
    """Where the newest installed server's programs are; None when there is none."""
    folders = [path.parent for path in pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    return max(folders, key=lambda folder: int(folder.parent.name)) if folders else None


def other_user():
    """PostgreSQL does not run as root: subprocess' arguments for whom it runs as."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise AssertionError("there is neither a user postgres nor a user nobody")


def free_port():
    """Below the range that the kernel hands out to others."""
    for port in range(23_000 + os.getpid() % 1_000, 32_000):
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) != 0:
                return port
    raise AssertionError("no port is free")


class Postgres:
    """Takes sessions on its socket, and on `port` of `host`, from `clients` as well."""

    def __init__(self, host=HOST, clients=None):
        self.host = host
        self.port = free_port()
        self.user = other_user()
        # Not pytest's directory: its path may be too long for a socket, and other users may not go there.
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="sluice-pg-", dir="/tmp"))
        if self.user:
            os.chown(self.directory, self.user["user"], self.user["group"])
        self.data = self.directory / "data"
        self._run("initdb", "-D", self.data, "-U", "tester", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8",
                  "--no-sync", "--no-instructions")
        if clients:
            with (self.data / "pg_hba.conf").open("a") as file:
                file.write(f"host all all {clients} trust\n")
        self.process = None
        self.start()

    def _run(self, program, *arguments):
        subprocess.run([programs() / program, *arguments], check=True, capture_output=True, timeout=DEADLINE,
                       cwd=self.directory, **self.user)

    def start(self):
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [programs() / "postgres", "-D", self.data, "-k", self.directory, "-h", self.host, "-p", str(self.port),
                 "-c", "fsync=off", "-c", "shared_buffers=32MB"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory, **self.user)
        eventually(lambda: self.try_sql("postgres", "SELECT 1") == "1", "PostgreSQL takes sessions")

    def stop(self):
        """At once, as in a crash."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(DEADLINE)

    def close(self):
        if self.process and self.process.poll() is None:
            self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def url(self, database, secret="no-secret"):
        host = str(self.directory).replace("/", "%2F")
        return f"postgresql://tester:{secret}@{host}:{self.port}/{database}"

    def new_database(self, name):
        self.sql("postgres", f"CREATE DATABASE {name}")
        return self.url(name)

    def try_sql(self, database, statement):
        """What psql prints: a line a row, columns separated by |. None when that fails."""
        run = subprocess.run(
            [programs() / "psql", "-h", self.directory, "-p", str(self.port), "-U", "tester", "-d", database, "-X", "-A", "-t", "-c", statement],
            capture_output=True, text=True, timeout=DEADLINE)
        return run.stdout.rstrip("\n") if run.returncode == 0 else None

    def sql(self, database, statement):
        printed = self.try_sql(database, statement)
        assert printed is not None, f"failed: {statement}"
        return printed

    def rows(self, database, statement):
        """Rows of numbers."""
        return [tuple(map(int, line.split("|"))) for line in self.sql(database, statement).splitlines()]


# An auction in it.

ITEMS = 3


def populate(url):
    return subprocess.run([BIN / "sluice", "populate", "--db", url, "--users", "60", "--items", "60", "--old-items", "20"],
                          capture_output=True, text=True)


def open_items(postgres, name):
    rows = postgres.rows(name, "SELECT id FROM items WHERE end_date > extract(epoch FROM now()) + 3600 ORDER BY id"
                               f" LIMIT {ITEMS}")
    return [item for item, in rows]


def last_bid(postgres, name):
    return postgres.rows(name, "SELECT coalesce(max(id), 0) FROM bids")[0][0]


def check_books(postgres, name, since):
    """Bids rise, the highest wins, nothing is lost in between. The bids since then, as (item, user, cents)."""
    bids = postgres.rows(name, f"SELECT item_id, user_id, bid FROM bids WHERE id > {since} ORDER BY id")
    rising = {}
    for item, _, cents in bids:
        assert cents > rising.get(item, 0), f"item {item}: {cents} after {rising.get(item)}"
        rising[item] = cents
    wrong = postgres.rows(name, "SELECT i.id FROM items i WHERE max_bid IS DISTINCT FROM (SELECT max(bid) FROM bids"
                                " WHERE item_id = i.id) OR nb_of_bids <> (SELECT count(*) FROM bids WHERE item_id = i.id)")
    assert wrong == []
    return bids
