"""Servers under measurement: Sluice's binaries, and rivals with what Debian ships."""
import contextlib
import json
import resource
import shutil
import subprocess
import urllib.request

from process import HOST, await_port, await_ready, cpu_seconds, descendants, fail, free_port

from .machine import Quota, held, tool_path

DESCRIPTORS = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
PAGE_BYTES = 6144  # of the static page that all serve to the same load


class Server:
    """One that listens. `admin` is Sluice's own; rivals have none."""

    def __init__(self, name, port, pid, quota, admin=None):
        self.name, self.port, self.pid, self.quota, self.admin = name, port, pid, quota, admin

    @property
    def url(self):
        return f"https://{HOST}:{self.port}"

    def cpu(self):
        return cpu_seconds(descendants(self.pid))

    def fetch(self, path):
        with urllib.request.urlopen(self.admin + path, timeout=10) as answer:
            return answer.read().decode()

    def status(self):
        return json.loads(self.fetch("/status"))

    def metric(self, name, **labels):
        """Sum of the samples of that name whose labels include these."""
        total = 0
        for line in self.fetch("/metrics").splitlines():
            sample, _, value = line.rpartition(" ")
            if sample.split("{")[0] == "sluice_" + name and all(f'{k}="{v}"' in sample for k, v in labels.items()):
                total += float(value)
        return total


class Kit:
    """Makes certificates, database and page once, and starts servers one after the other, each with fresh state."""

    def __init__(self, options, folder):
        self.options, self.folder, self.number = options, folder, 0
        (folder / "files").mkdir()
        (folder / "files/page.html").write_bytes(b"x" * PAGE_BYTES)

    def certificate(self, kind):
        """-> (certificate, key); beside them a file with both, as HAProxy wants it."""
        certificate, key = self.folder / f"{kind}.crt", self.folder / f"{kind}.key"
        if not certificate.exists():
            new = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if kind == "ecdsa" else [kind.replace("rsa", "rsa:")]
            subprocess.run(["openssl", "req", "-x509", "-nodes", "-days", "30", "-newkey", *new, "-keyout", key, "-out",
                            certificate, "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
                           check=True, capture_output=True)
            (self.folder / f"{kind}.pem").write_bytes(certificate.read_bytes() + key.read_bytes())
        return certificate, key

    def database(self, case):
        file = self.folder / f"shop-{case.shop_users}-{case.shop_items}.db"
        if not file.exists():
            subprocess.run([self.options.bin / "sluice", "populate", "--db", f"sqlite:{file}", "--users",
                            str(case.shop_users), "--items", str(case.shop_items), "--old-items", "0", "--seed", "1"],
                           check=True, capture_output=True)
        return file

    def model(self, path):
        """A file for `sluice-load --model` in which everybody asks for `path` again and again."""
        file = self.folder / f"model{path.replace('/', '-')}.csv"
        file.write_text(f"to\\from,{path},transition_waiting_time_ms\n{path},1,0\nEndOfSession,0,0\n")
        return file

    def state(self):
        self.number += 1
        state = self.folder / f"state-{self.number}"
        state.mkdir()
        return state

    @contextlib.contextmanager
    def quota(self, case):
        quota = Quota(case.quota) if case.quota else None
        try:
            yield quota
        finally:
            if quota:
                quota.close()

    @contextlib.contextmanager
    def sluice(self, case, policy, settings=(), binary="sluice", name=None):
        """`settings`: key=value of the server, after ours."""
        certificate, key = self.certificate(case.certificate)
        state = self.state()
        values = {
            "server.listen": f"{HOST}:0", "admin.listen": f"{HOST}:0", "server.processors": case.processors,
            "server.state_dir": state, "server.keepalive_timeout": f"{round(case.keepalive * 1000)}ms",
            "server.drain_timeout": "2s", "log.access": "off", "tls.certificate": certificate, "tls.private_key": key,
            "limits.connections_per_address": 100_000, "admission.policy": policy,
        }
        if binary == "sluice":
            shutil.copy(self.database(case), state / "auction.db")
            values |= {"database.url": f"sqlite:{state}/auction.db", "auction.rubis_client": "true"}
        else:
            values["server.static_root"] = self.folder / "files"
        command = [self.options.bin / binary, "serve"]
        for setting in [*(f"{key}={value}" for key, value in values.items()), *settings, *self.options.set]:
            command += ["--set", setting]
        with self.quota(case) as quota, (state / "errors").open("w") as errors, held(
                command, self.options.server_cpus, quota, stdout=subprocess.PIPE, stderr=errors, text=True) as process:
            port, admin = await_ready(process, state / "errors")
            yield Server(name or policy, port, process.pid, quota, admin)
        shutil.rmtree(state, ignore_errors=True)

    @contextlib.contextmanager
    def nginx(self, case, name, backlog=None):
        """Its defaults but for one worker and as many connections as there are descriptors, for which Debian's 768 would
        be no comparison; `backlog`: of the listening socket, 511 if not given."""
        certificate, key = self.certificate(case.certificate)
        home, port = self.state(), free_port()
        listen = f"{HOST}:{port} ssl" + (f" backlog={backlog}" if backlog else "")
        (home / "nginx.conf").write_text(f"""
daemon off; user root; pid {home}/pid; error_log {home}/error.log; worker_processes {case.processors};
events {{ worker_connections {DESCRIPTORS}; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_timeout {round(case.keepalive * 1000)}ms; default_type text/html;
  client_body_temp_path {home}/a; proxy_temp_path {home}/b; fastcgi_temp_path {home}/c; uwsgi_temp_path {home}/d;
  scgi_temp_path {home}/e;
  server {{
    listen {listen}; root {self.folder}/files; ssl_session_cache shared:s:10m;
    ssl_certificate {certificate}; ssl_certificate_key {key}; ssl_protocols TLSv1.2 TLSv1.3;
  }}
}}
""")
        command = [tool_path("nginx"), "-p", home, "-e", home / "error.log", "-c", home / "nginx.conf"]
        self.folder.chmod(0o755)
        with self.quota(case) as quota, held(command, self.options.server_cpus, quota) as process:
            await_port(port, process, name)
            yield Server(name, port, process.pid, quota)
        shutil.rmtree(home, ignore_errors=True)

    @contextlib.contextmanager
    def haproxy(self, case, name, maxsslrate=None, maxconn=None, backlog=None):
        """Defaults of 2.6 but for one thread (connections: as descriptors allow); it answers by itself what the others read from a file."""
        self.certificate(case.certificate)
        home, port = self.state(), free_port()
        bind = f"bind {HOST}:{port} ssl crt {self.folder}/{case.certificate}.pem"
        (home / "haproxy.cfg").write_text(f"""
global
  nbthread {case.processors}
  {f"maxconn {maxconn}" if maxconn else ""}
  {f"maxsslrate {maxsslrate}" if maxsslrate else ""}
defaults
  mode http
  timeout client 30s
  timeout http-request 10s
  timeout http-keep-alive {round(case.keepalive * 1000)}ms
frontend page
  {bind}{f" backlog {backlog}" if backlog else ""}
  http-request return status 200 content-type text/html file {self.folder}/files/page.html
""")
        command = [tool_path("haproxy"), "-db", "-q", "-f", home / "haproxy.cfg"]
        with self.quota(case) as quota, (home / "errors").open("w") as errors, held(
                command, self.options.server_cpus, quota, stderr=errors) as process:
            await_port(port, process, name)
            yield Server(name, port, process.pid, quota)
        shutil.rmtree(home, ignore_errors=True)
