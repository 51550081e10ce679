"""Runs a server binary for a test and talks to it: TLS, raw sockets, metrics, access log.

Every wait here ends with a condition or with DEADLINE; nothing sleeps for a fixed time. Servers listen on free ports
of 127.0.0.1 and write into a directory of their own.
"""
import json
import os
import pathlib
import queue
import re
import signal
import socket
import ssl
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("SLUICE_BIN_DIR", ROOT / "build/release/bin"))
# Sanitizers make a server several times slower; bounds of the tests stretch with it.
SLOWDOWN = float(os.environ.get("SLUICE_TEST_SLOWDOWN", "1"))
DEADLINE = 20.0 * SLOWDOWN
HOST = "127.0.0.1"


def eventually(condition, what, seconds=DEADLINE):
    """Returns the first true value of `condition()`; fails when there was none in time."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"never happened: {what}"
        time.sleep(0.01)


def make_certificate(directory, kind):
    """A self-signed certificate for localhost and 127.0.0.1 -> (certificate, key). `kind`: "ecdsa" or "rsa"."""
    certificate, key = directory / f"{kind}.crt", directory / f"{kind}.key"
    algorithm = {"ecdsa": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["rsa:2048"]}[kind]
    subprocess.run(
        ["openssl", "req", "-x509", "-nodes", "-days", "30", "-newkey", *algorithm, "-keyout", key, "-out", certificate,
         "-subj", f"/CN=sluice test {kind}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        check=True, capture_output=True,
    )
    return certificate, key


def client_context(trust=None, minimum="1.2", maximum="1.3", ciphers=None, alpn=("http/1.1",), tickets=True):
    """`trust`: PEM files to verify the server with; None trusts anybody. Versions are "1.0" to "1.3"."""
    version = {"1.0": ssl.TLSVersion.TLSv1, "1.1": ssl.TLSVersion.TLSv1_1,
               "1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version, context.maximum_version = version[minimum], version[maximum]
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF  # Python hides a missing close_notify otherwise
    if trust:
        for certificate in trust:
            context.load_verify_locations(certificate)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if ciphers:
        context.set_ciphers(ciphers)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    if not tickets:
        context.options |= ssl.OP_NO_TICKET
    return context


class Response:
    def __init__(self, status, reason, headers, body):
        self.status, self.reason, self.headers, self.body = status, reason, headers, body

    def header(self, name):
        """The value of the only field of that name; None when there is none."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(values) <= 1, f"{name} stands {len(values)} times: {values}"
        return values[0] if values else None

    @property
    def text(self):
        return self.body.decode()

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.reason} {self.headers} {self.body[:200]!r}>"


class Closed(Exception):
    """The server ended the connection; `clean` when with close_notify."""

    def __init__(self, clean, rest=b""):
        super().__init__(f"closed {'with' if clean else 'without'} close_notify, {len(rest)} bytes before: {rest[:200]!r}")
        self.clean, self.rest = clean, rest


class Connection:
    """HTTP/1.1 over a connected socket (TLS or plain), byte by byte as a test wants it."""

    def __init__(self, sock):
        self.sock = sock
        self.buffer = b""
        sock.settimeout(DEADLINE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data.encode() if isinstance(data, str) else data)

    def request(self, method, target, headers=(), body=b"", host="localhost"):
        """Sends a request with the framing that `headers` say (Content-Length is added for a body without any)."""
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in headers)]
        names = {name.lower() for name, _ in headers}
        if body and not names & {"content-length", "transfer-encoding"}:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def get(self, target, headers=(), method="GET"):
        self.request(method, target, headers)
        return self.response(method)

    def post(self, target, body, headers=()):
        self.request("POST", target, headers, body)
        return self.response("POST")

    def _fill(self):
        try:
            data = self.sock.recv(65536)
        except (ssl.SSLError, ConnectionError) as error:
            raise Closed(False, self.buffer) from error
        if not data:
            raise Closed(True, self.buffer)
        self.buffer += data

    def _line(self):
        while b"\r\n" not in self.buffer:
            self._fill()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line.decode("latin-1")

    def _bytes(self, count):
        while len(self.buffer) < count:
            self._fill()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def response(self, method="GET"):
        version, status, reason = self._line().split(" ", 2)
        assert version == "HTTP/1.1", version
        headers = []
        while line := self._line():
            name, value = line.split(":", 1)
            headers.append((name, value.strip()))
        response = Response(int(status), reason, headers, b"")
        length, coding = response.header("Content-Length"), response.header("Transfer-Encoding")
        if method == "HEAD" or response.status in (204, 304) or response.status < 200:
            return response
        if coding:
            assert coding == "chunked", coding
            while size := int(self._line(), 16):
                response.body += self._bytes(size)
                assert self._line() == ""
            assert self._line() == ""
        else:
            assert length is not None, f"a response without framing: {response}"
            response.body = self._bytes(int(length))
        return response

    def ending(self):
        """Waits until the server ends the connection -> (close_notify seen, FIN seen). Nothing may come before."""
        try:
            self._fill()
        except Closed as closed:
            if not closed.clean:
                return False, True
        else:
            raise AssertionError(f"data instead of an end: {self.buffer[:200]!r}")
        if not isinstance(self.sock, ssl.SSLSocket):
            return False, True
        try:
            plain = self.sock.unwrap()
        except (ssl.SSLError, OSError):
            return True, True  # it had closed before our close_notify arrived
        plain.settimeout(DEADLINE)
        try:
            return True, plain.recv(1) == b""
        except ConnectionError:
            return True, True


def over_tls(sock, context, session=None):
    """A connection to a server known as HOST, handshake done."""
    try:
        return Connection(context.wrap_socket(sock, server_hostname=HOST, session=session, suppress_ragged_eofs=False))
    except BaseException:
        sock.close()
        raise


class Metrics:
    """One scrape, parsed from Prometheus' text format."""

    SAMPLE = re.compile(r'^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$')
    LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

    def __init__(self, text):
        self.samples = []
        for line in text.splitlines():
            if not line or line.startswith("#"):
                continue
            match = self.SAMPLE.match(line)
            assert match, f"not a sample: {line!r}"
            name, labels, value = match.groups()
            self.samples.append((name, dict(self.LABEL.findall(labels or "")), float(value)))

    def names(self):
        return {name for name, _, _ in self.samples}

    def total(self, name, **labels):
        """Sum over all samples of `sluice_<name>` that have these labels."""
        return sum(value for sample, have, value in self.samples
                   if sample == "sluice_" + name and labels.items() <= have.items())


class StartFailed(Exception):
    def __init__(self, returncode, stdout, stderr):
        super().__init__(f"exit code {returncode}\n{stdout}\n{stderr}")
        self.returncode, self.stdout, self.stderr = returncode, stdout, stderr


class Server:
    """A binary that serves. Use as a context manager: leaving it drains, and fails the test unless that went well.

    `settings` become --set flags ("_" in a keyword stands for the first "."; use `settings` for anything else).
    Without `certificates` the binary runs as `serve --dev` and makes its own.
    """

    def __init__(self, binary, directory, certificates=None, settings=None, arguments=(), launcher=(), env=None):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.trust = [certificate for certificate, _ in certificates or ()]
        self.access_log_file = self.directory / "access.log"
        values = {
            "server.listen": f"{HOST}:0", "admin.listen": f"{HOST}:0", "server.state_dir": self.directory,
            "server.processors": 2, "log.access": self.access_log_file,
        }
        if certificates:
            values["tls.certificate"] = ",".join(str(certificate) for certificate, _ in certificates)
            values["tls.private_key"] = ",".join(str(key) for _, key in certificates)
        values.update(settings or {})
        self.command = [*launcher, str(BIN / binary), "serve", *([] if certificates else ["--dev"]), *arguments]
        for key, value in values.items():
            self.command += ["--set", f"{key}={value}"]
        self.env = {**os.environ, **(env or {})}
        self.admin_headers = [("Authorization", f"Bearer {values['admin.token']}")] if "admin.token" in values else []
        self.lines = []
        self._start()

    def _start(self):
        self.stderr_file = self.directory / "stderr.txt"
        with self.stderr_file.open("ab") as stderr:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr, text=True,
                env=self.env, cwd=self.directory)
        self.pid = self.process.pid
        arrived = queue.Queue()
        self._reader = threading.Thread(target=self._read, args=(self.process.stdout, arrived), daemon=True)
        self._reader.start()
        end = time.monotonic() + DEADLINE
        while (line := arrived.get(timeout=max(0.01, end - time.monotonic()))) is not None:
            if line == "ready":
                break
        else:
            raise StartFailed(self.process.wait(DEADLINE), "\n".join(self.lines), self.stderr())
        self.port = self._port(r"^listening on https://[^ ]*:(\d+)")
        self.admin_port = self._port(r"^admin on http://[^ ]*:(\d+)")

    def _read(self, stream, arrived):
        with stream:
            for line in stream:
                self.lines.append(line.rstrip("\n"))
                arrived.put(line.rstrip("\n"))
        arrived.put(None)

    def _port(self, pattern):
        return next((int(match[1]) for line in self.lines if (match := re.match(pattern, line))), None)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.process.poll() is not None:
            self.check_reports()
            return
        if kind is not None:
            self.kill()
        else:
            self.stop()

    # Life and death

    def stderr(self):
        return self.stderr_file.read_text(errors="replace")

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self):
        """Exit code, once it ended by itself."""
        try:
            code = self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            threads = self.threads()
            self.kill()
            raise AssertionError(f"it does not end: {threads}\n{self.stderr()}") from None
        self._reader.join(DEADLINE)
        self.check_reports()
        return code

    def stop(self):
        self.signal(signal.SIGTERM)
        code = self.wait()
        assert code == 0, f"exit code {code}: {self.stderr()}"

    def kill(self):
        """kill -9: no chance to flush anything."""
        self.process.kill()
        self.process.wait(DEADLINE)

    def restart(self):
        self.lines = []
        self._start()

    def check_reports(self):
        for mark in ("Sanitizer", "runtime error:", "Assertion"):
            assert mark not in self.stderr(), self.stderr()

    # Talking to it

    def tcp(self):
        code = self.process.poll()
        assert code is None, f"the server has ended with exit code {code}: {self.stderr()}"
        sock = self.dial(self.port)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def dial(self, port):
        return socket.create_connection((HOST, port), DEADLINE)

    def raw(self):
        """A connection without TLS."""
        return Connection(self.tcp())

    def connect(self, context=None, session=None, **options):
        """A TLS connection, handshake done. `options` are client_context()'s."""
        if context is None:
            context = client_context(trust=self.trust, **options)
        return over_tls(self.tcp(), context, session)

    def get(self, target, headers=(), method="GET"):
        """One request on a connection of its own."""
        with self.connect() as connection:
            return connection.get(target, headers, method)

    def admin(self, target, method="GET"):
        with Connection(self.dial(self.admin_port)) as connection:
            return connection.get(target, [("Connection", "close"), *self.admin_headers], method)

    def metrics(self):
        response = self.admin("/metrics")
        assert response.status == 200, response
        return Metrics(response.text)

    def limit_hits(self, limit):
        return self.metrics().total("limit_hits_total", limit=limit)

    def await_limit_hit(self, limit, count=1):
        eventually(lambda: self.limit_hits(limit) >= count, f"limit_hits_total{{limit={limit}}} reaches {count}")

    def access_log(self):
        if not self.access_log_file.exists():
            return []
        return [json.loads(line) for line in self.access_log_file.read_text().splitlines() if line.endswith("}")]

    def await_logged(self, condition, what="a line in the access log"):
        """The entries for which `condition(entry)` holds, once there is one."""
        return eventually(lambda: [entry for entry in self.access_log() if condition(entry)], what)

    def resident_bytes(self):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) * 1024

    def threads(self):
        """What each thread waits for: name, number of the system call and its first argument."""
        tasks = sorted(pathlib.Path(f"/proc/{self.pid}/task").iterdir())
        return [((task / "comm").read_text().strip(), (task / "syscall").read_text().split()[:2]) for task in tasks]

    def cpu_seconds(self):
        """User and system time of all its threads."""
        total = 0
        for task in pathlib.Path(f"/proc/{self.pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
        return total / 1e9
