"""Instructions that a handshake and a request take, counted by callgrind: a bound, so that they do not grow unseen.

    instructions.py BIN HANDSHAKES      directory of sluice-hello, path of the tool `handshakes`

Counts are far steadier than times, and the same on every machine with AVX2, which is all that valgrind lets a program see. It
has no SHA instructions, so hashing weighs more here than it does in truth. Who makes something cheaper lowers the bound.

Two processors have to do 1.9 times what one does, so a handshake may not take more than 2/1.9 of the instructions when there
are two that share locks and tables."""
import contextlib
import pathlib
import re
import socket
import ssl
import subprocess
import sys
import tempfile

from process import HOST, await_sluice, fail, make_certificate, running

CONNECTIONS, REQUESTS = 50, 300
# Thousands of instructions each, a tenth above what was counted.
BOUNDS = {"TLS 1.3 full": 2620, "TLS 1.3 resumed": 2460, "TLS 1.2 full": 2300, "TLS 1.2 resumed": 505, "GET /": 20,
          "allocations": 10}
SCALING = 1.9
ALLOCATES = re.compile(r"(malloc|calloc|realloc|memalign|posix_memalign)$|operator new")


def control(word, pid):
    subprocess.run(["callgrind_control", *word.split(), str(pid)], check=True, capture_output=True)


def counted(folder, pid, work):
    """-> (thousands of instructions, allocations) while `work` runs."""
    control("-z", pid)
    work()
    control("-d", pid)
    newest = max(folder.glob("counts.*"), key=lambda file: file.stat().st_mtime_ns)
    text = newest.read_text()
    return int(re.search(r"^totals: (\d+)", text, re.MULTILINE)[1]) / 1000, allocations(text)


def allocations(text):
    """Calls of malloc(3) and its kin, and of operator new, which may or may not be one that calls malloc. A dump names a
    function once, and later by its number."""
    names, caller, called, total = {}, None, None, 0
    for line in text.splitlines():
        if match := re.match(r"(c?)fn=\((\d+)\)(?: (.*))?", line):
            inner, number, name = match.groups()
            names.setdefault(number, name)
            called = names[number] if inner else None
            caller = caller if inner else names[number]
        elif called and line.startswith("calls=") and ALLOCATES.match(called) and not ALLOCATES.match(caller or ""):
            total += int(line[6:].split()[0])
    return total


def get_often(port, count):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with context.wrap_socket(socket.create_connection((HOST, port), 30)) as client:
        def get():
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = b""
            while not answer.endswith(b"\r\n\r\n") and b"\r\n\r\n" not in answer[:-1]:
                answer += client.recv(65536)
        get()
        yield
        for _ in range(count):
            get()
        yield


@contextlib.contextmanager
def counting_server(binaries, folder, processors):
    """-> (its process id, its port)"""
    files = make_certificate(folder)
    settings = {"server.listen": f"{HOST}:0", "admin.listen": f"{HOST}:0", "server.processors": processors, "server.state_dir": folder,
                "tls.certificate": files[0], "tls.private_key": files[1], "log.access": "off", "admission.policy": "off"}
    command = ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={folder}/counts.%p", binaries / "sluice-hello", "serve"]
    for key, value in settings.items():
        command += ["--set", f"{key}={value}"]
    with running(command, stdout=subprocess.PIPE, text=True) as process:
        yield process.pid, await_sluice(process)


def measure(binaries, tool):
    """-> thousands of instructions by what is done"""
    counts = {}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)

        def handshakes(server, kind, version):
            def make(count):
                subprocess.run([tool, HOST, str(server[1]), kind, version, str(count)], check=True, capture_output=True)
            make(5)
            return counted(folder, server[0], lambda: make(CONNECTIONS))[0] / CONNECTIONS

        with counting_server(binaries, folder, 1) as server:
            for version in "1.3", "1.2":
                for kind in "full", "resumed":
                    counts[f"TLS {version} {kind}"] = handshakes(server, kind, version)
            client = get_often(server[1], REQUESTS)
            next(client)
            instructions, allocated = counted(folder, server[0], lambda: next(client))
            counts["GET /"], counts["allocations"] = instructions / REQUESTS, allocated / REQUESTS
        with counting_server(binaries, folder, 2) as server:
            counts["full, by two"] = handshakes(server, "full", "1.3")
            counts["resumed, by two"] = handshakes(server, "resumed", "1.2")
    return counts


def main():
    wrong = []
    counts = measure(*map(pathlib.Path, sys.argv[1:3]))
    for one, two in (("TLS 1.3 full", "full, by two"), ("TLS 1.2 resumed", "resumed, by two")):
        BOUNDS[two] = round(counts[one] / SCALING * 2)
    for what, count in counts.items():
        unit = "of a GET /" if what == "allocations" else "thousand instructions"
        print(f"  {what:16} {count:8,.1f} {unit}, at most {BOUNDS[what]:,}")
        if count > BOUNDS[what]:
            wrong.append(what)
        if count == 0:
            fail(f"{what}: nothing was counted")
    if wrong:
        fail("more than they took before: " + ", ".join(wrong))


if __name__ == "__main__":
    main()
