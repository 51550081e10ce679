"""Stock servers that members of a cluster find each other by: etcd, and dnsmasq for DNS. Each a test's own."""
import os
import shutil
import signal
import subprocess

from cluster import free_port
from sluice import DEADLINE, HOST, eventually

PREFIX = "/sluice/members/"


def missing(*programs):
    """Those that are not installed."""
    return [program for program in programs if shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin") is None]


class Process:
    """A program in the foreground, whose output is kept."""

    def __init__(self, directory):
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.process = None

    def launch(self, *command):
        with (self.directory / "output.txt").open("ab") as output:
            self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=output,
                                            stderr=output, cwd=self.directory)

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait(DEADLINE)

    def output(self):
        return (self.directory / "output.txt").read_text(errors="replace")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()


class Etcd(Process):
    """One server. `tls`: (authority, certificate, key), shown and asked for."""

    def __init__(self, directory, tls=None):
        super().__init__(directory)
        self.port, self.peer_port, self.tls = free_port(), free_port(), tls
        self.url = f"{'https' if tls else 'http'}://{HOST}:{self.port}"
        self.start()

    def start(self):
        peer = f"http://{HOST}:{self.peer_port}"
        secure = ()
        if self.tls:
            authority, certificate, key = self.tls
            secure = ("--client-cert-auth", "--trusted-ca-file", authority, "--cert-file", certificate, "--key-file", key)
        self.launch("etcd", "--name", "only", "--data-dir", self.directory / "data", "--listen-client-urls", self.url,
                    "--advertise-client-urls", self.url, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                    "--initial-cluster", f"only={peer}", "--logger", "zap", "--log-level", "error", *secure)
        eventually(lambda: self.try_control("get", "nothing") is not None or self.process.poll() is not None, "etcd answers")
        assert self.process.poll() is None, self.output()

    def try_control(self, *command):
        secure = ()
        if self.tls:
            authority, certificate, key = self.tls
            secure = ("--cacert", authority, "--cert", certificate, "--key", key)
        run = subprocess.run(["etcdctl", "--endpoints", self.url, "--dial-timeout", "1s", *map(str, secure), *command],
                             capture_output=True, text=True, timeout=DEADLINE, env={**os.environ, "ETCDCTL_API": "3"})
        return run.stdout if run.returncode == 0 else None

    def control(self, *command):
        printed = self.try_control(*command)
        assert printed is not None, command
        return printed

    def members(self):
        """name -> address, as it is written there"""
        lines = self.control("get", "--prefix", PREFIX).splitlines()
        return {key.removeprefix(PREFIX): value for key, value in zip(lines[::2], lines[1::2])}

    def leases(self):
        return self.control("lease", "list").split()[3:]  # "found 2 leases", and then they


class Dns(Process):
    """dnsmasq for the names under "test", of which it knows nothing but what it is told."""

    def __init__(self, directory):
        super().__init__(directory)
        self.port = free_port()
        self.address = f"{HOST}:{self.port}"
        self.hosts = directory / "hosts"
        self.hosts.write_text("")

    def start(self, hosts=(), services=()):
        """`hosts`: (address, name); `services`: (name, target, port)."""
        self.write(hosts)
        self.launch("/usr/sbin/dnsmasq", "-k", "--conf-file=/dev/null", "--pid-file=", "--no-resolv", "--no-hosts",
                    f"--port={self.port}", f"--listen-address={HOST}", "--bind-interfaces", "--local=/test/",
                    f"--addn-hosts={self.hosts}", *(["--user=root"] if os.geteuid() == 0 else []),
                    *(f"--srv-host={name},{target},{port}" for name, target, port in services))
        return self

    def write(self, hosts):
        self.hosts.write_text("".join(f"{address} {name}\n" for address, name in hosts))

    def change(self, hosts):
        self.write(hosts)
        self.process.send_signal(signal.SIGHUP)
