"""Instructions that a handshake and a request take, counted by callgrind: a bound, so that they do not grow unseen.

    instructions.py BIN HANDSHAKES      directory of sluice-hello, path of the tool `handshakes`

Counts are far steadier than times, and the same on every machine with AVX2, which is all that valgrind lets a program see. It
has no SHA instructions, so hashing weighs more here than it does in truth. Who makes something cheaper lowers the bound."""
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
BOUNDS = {"TLS 1.3 full": 2620, "TLS 1.3 resumed": 2460, "TLS 1.2 full": 2300, "TLS 1.2 resumed": 505, "GET /": 20}


def control(word, pid):
    subprocess.run(["callgrind_control", *word.split(), str(pid)], check=True, capture_output=True)


def counted(folder, pid, work):
    """Thousands of instructions while `work` runs."""
    control("-z", pid)
    work()
    control("-d", pid)
    newest = max(folder.glob("counts.*"), key=lambda file: file.stat().st_mtime_ns)
    return int(re.search(r"^totals: (\d+)", newest.read_text(), re.MULTILINE)[1]) / 1000


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


def main():
    binaries, tool = map(pathlib.Path, sys.argv[1:3])
    wrong = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        files = make_certificate(folder)
        settings = {"server.listen": f"{HOST}:0", "admin.listen": f"{HOST}:0", "server.processors": 1, "server.state_dir": folder,
                    "tls.certificate": files[0], "tls.private_key": files[1], "log.access": "off", "admission.policy": "off"}
        command = ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={folder}/counts.%p", binaries / "sluice-hello", "serve"]
        for key, value in settings.items():
            command += ["--set", f"{key}={value}"]
        with running(command, stdout=subprocess.PIPE, text=True) as process:
            port = await_sluice(process)

            def handshakes(kind, version, count):
                subprocess.run([tool, HOST, str(port), kind, version, str(count)], check=True, capture_output=True)

            counts = {}
            for version in "1.3", "1.2":
                for kind in "full", "resumed":
                    handshakes(kind, version, 5)
                    counts[f"TLS {version} {kind}"] = counted(
                        folder, process.pid, lambda: handshakes(kind, version, CONNECTIONS)) / CONNECTIONS
            client = get_often(port, REQUESTS)
            next(client)
            counts["GET /"] = counted(folder, process.pid, lambda: next(client)) / REQUESTS
    for what, count in counts.items():
        print(f"  {what:16} {count:8,.1f} thousand instructions, at most {BOUNDS[what]:,}")
        if count > BOUNDS[what]:
            wrong.append(what)
    if wrong:
        fail("more than they took before: " + ", ".join(wrong))


if __name__ == "__main__":
    main()
