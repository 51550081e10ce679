"""The servers under measurement: Sluice, and peers with the configurations of ../peers."""
import contextlib
import pathlib
import re
import resource
import shutil
import subprocess

from process import HOST, await_port, await_sluice, descendants, free_port, running

PEERS = pathlib.Path(__file__).resolve().parents[1] / "peers"
FILES = {"static 1 KB": ("1k.html", 1024), "static 6 KB": ("6k.html", 6144)}
TOMCAT = pathlib.Path("/usr/share/tomcat10")


class Served:
    """One that listens: its port, and the processes whose CPU and memory count."""

    def __init__(self, name, port, pid, paths):
        self.name, self.port, self.pid, self.paths = name, port, pid, paths

    @property
    def pids(self):
        return descendants(self.pid)

    def resident_bytes(self):
        return resident_bytes(self.pids)


def resident_bytes(pids):
    return sum(int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) * 1024
               for pid in pids)


class Bench:
    """What all servers of a run share. `certificate`: (certificate, key); `database`: of the auction, or None."""

    def __init__(self, options, folder, certificate, database):
        self.options, self.folder, self.certificate, self.database = options, folder, certificate, database
        self.both = folder / "both.pem"
        self.both.write_bytes(certificate[0].read_bytes() + certificate[1].read_bytes())

    def pinned(self, *command):
        return ["taskset", "-c", self.options.server_cpus, *command]


@contextlib.contextmanager
def sluice(bench, name="sluice", **more):
    """Admission off: what is compared is the work, and nobody else decides whom to serve."""
    options = bench.options
    settings = {
        "server.listen": f"{HOST}:0", "admin.listen": f"{HOST}:0", "server.processors": 1,
        "server.state_dir": bench.folder / f"state-{name}", "server.keepalive_timeout": "30m",
        "server.static_root": bench.folder / "files", "tls.certificate": bench.certificate[0],
        "tls.private_key": bench.certificate[1], "log.access": "off", "limits.requests_per_connection": 4_000_000_000,
        "limits.connections_per_address": 1_000_000, "admission.policy": "off", **more,
    }
    binary = options.bin / ("sluice" if bench.database else "sluice-hello")
    if bench.database:
        settings |= {"database.url": f"sqlite:{bench.database}", "auction.rubis_client": "true"}
    command = bench.pinned(binary, "serve")
    for key, value in settings.items():
        command += ["--set", f"{key}={value}"]
    with running(command, stdout=subprocess.PIPE, text=True) as process:
        port = await_sluice(process)
        pages = files()
        if bench.database:
            pages |= {"ViewItem": "view_item", "SearchItemsByCategory": "search", "StoreBid": "store_bid"}
        yield Served(name, port, process.pid, pages)


def files():
    return {what: "/" + name for what, (name, _) in FILES.items()}


def written(bench, template, home, port, **values):
    """The configuration of a peer with its values filled in -> its file."""
    descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    values |= {"DESCRIPTORS": descriptors, "CONNECTIONS": descriptors // 2 - 100, "HOME": home, "PORT": port, "FILES": bench.folder / "files", "CERTIFICATE": bench.certificate[0],
               "KEY": bench.certificate[1], "BOTH": bench.both}
    text = (PEERS / template).read_text()
    for key, value in values.items():
        text = text.replace(f"@{key}@", str(value))
    home.mkdir(parents=True, exist_ok=True)
    file = home / template
    file.write_text(text)
    return file


def nginx(bench, home, port):
    file = written(bench, "nginx.conf", home, port)
    return ["nginx", "-p", home, "-e", home / "error.log", "-c", file]


def haproxy(bench, home, port):
    return ["haproxy", "-db", "-q", "-f", written(bench, "haproxy.cfg", home, port)]


def h2o(bench, home, port):
    return ["h2o", "-m", "worker", "-c", written(bench, "h2o.conf", home, port)]


def apache(bench, home, port):
    return ["apache2", "-D", "FOREGROUND", "-f", written(bench, "apache.conf", home, port)]


def tomcat(bench, home, port):
    written(bench, "tomcat.xml", home / "conf", port).rename(home / "conf/server.xml")
    shutil.copy(PEERS / "tomcat-web.xml", home / "conf/web.xml")
    for folder in ("logs", "temp", "webapps", "work"):
        (home / folder).mkdir()
    jars = ":".join(str(TOMCAT / "bin" / jar) for jar in ("bootstrap.jar", "tomcat-juli.jar"))
    return ["java", "-Xmx2g", "--add-opens=java.base/java.lang=ALL-UNNAMED", "--add-opens=java.base/java.io=ALL-UNNAMED",
            f"-Dcatalina.home={TOMCAT}", f"-Dcatalina.base={home}", f"-Djava.io.tmpdir={home}/temp", "-cp", jars,
            "org.apache.catalina.startup.Bootstrap", "start"]


# By name: what has to be there for it, and the command that starts it.
KINDS = {
    "nginx": ("nginx", nginx),
    "HAProxy": ("haproxy", haproxy),
    "h2o": ("h2o", h2o),
    "Apache": ("apache2", apache),
    "Tomcat": (TOMCAT / "bin/bootstrap.jar", tomcat),
}


def installed():
    return [name for name, (needs, _) in KINDS.items()
            if (needs.exists() if isinstance(needs, pathlib.Path) else shutil.which(needs))]


@contextlib.contextmanager
def peer(bench, name):
    home = bench.folder / name
    home.mkdir()
    port = free_port()
    command = KINDS[name][1](bench, home, port)
    with (home / "output").open("w") as output, running(bench.pinned(*command), stdout=output, stderr=output) as process:
        await_port(port, process, name, lambda: ": " + (home / "output").read_text().strip()[-300:])
        yield Served(name, port, process.pid, files())
