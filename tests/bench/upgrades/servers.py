"""Servers that can be replaced while they serve: each has /page.html, and /large.bin, on a port. What a way stands for is its `what`."""
import contextlib
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import subprocess
import time

from overload.machine import held, tool_path
from process import HOST, await_port, await_ready, descendants, fail, free_port

DESCRIPTORS = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
DRAIN = 10  # seconds, of the way that drains


def command_of(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""


def alive(pid):
    """Zombies are not."""
    with contextlib.suppress(OSError):
        return not re.search(r"^State:\s+Z", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)
    return False


def until(condition, what, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            fail(f"{what}: not within {seconds} s")
        time.sleep(0.005)


def read_pid(file):
    """0: none yet."""
    with contextlib.suppress(OSError, ValueError):
        return int(file.read_text())
    return 0


def end(pids):
    """Of processes that are not our children."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in pids:
            with contextlib.suppress(OSError):
                os.kill(pid, number)
        with contextlib.suppress(SystemExit):
            until(lambda: not any(map(alive, pids)), "its end", 5)
            return


class Running:
    """One that serves. `replace()` replaces it, and returns when the new process serves; `old` are processes that then have to end."""

    def __init__(self, port, replace):
        self.port, self.replace, self.old = port, replace, []

    def old_is_gone(self):
        return not any(map(alive, self.old))


def launch(command, cpus, **options):
    """A command that returns once what it started serves."""
    def prepare():
        resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
        os.sched_setaffinity(0, cpus)
    done = subprocess.run([str(word) for word in command], preexec_fn=prepare, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=30, **options)
    if done.returncode != 0:
        fail(f"{command[0]}: {done.stderr.strip()}")


# nginx. -------------------------------------------------------------------------------------------

def nginx_conf(home, files, listen, tls=""):
    return f"""
user root; pid {home}/pid; error_log {home}/error.log; worker_processes 1;
events {{ worker_connections {DESCRIPTORS // 2}; }}
http {{
  access_log off; sendfile on; tcp_nodelay on; keepalive_timeout 75s; keepalive_requests 4000000000; default_type text/html;
  client_body_temp_path {home}/a; proxy_temp_path {home}/b; fastcgi_temp_path {home}/c; uwsgi_temp_path {home}/d;
  scgi_temp_path {home}/e;
  server {{ listen {listen}; root {files}; {tls} }}
}}
"""


@contextlib.contextmanager
def nginx_process(home, kit, listen, tls=""):
    """A daemon, since a master that is our child takes USR2 for one from its own child, and ignores it -> its pid file"""
    home.mkdir()
    (home / "nginx.conf").write_text(nginx_conf(home, kit.files, listen, tls))
    try:
        launch([tool_path("nginx"), "-p", home, "-e", home / "error.log", "-c", home / "nginx.conf"], kit.cpus)
        until(lambda: read_pid(home / "pid"), "nginx")
        yield home / "pid"
    finally:
        masters = [read_pid(file) for file in (home / "pid.oldbin", home / "pid")]
        end([pid for master in masters if master for pid in reversed(descendants(master))])


@contextlib.contextmanager
def nginx(kit):
    home, port = kit.home(), free_port()
    tls = (f"ssl_certificate {kit.certificate[0]}; ssl_certificate_key {kit.certificate[1]}; ssl_session_cache shared:s:10m; "
           f"ssl_protocols TLSv1.2 TLSv1.3;")
    with nginx_process(home, kit, f"{HOST}:{port} ssl backlog=4096", tls) as pid_file:
        def replace():
            """As its manual says, "Upgrading an Executable on the Fly"."""
            old = read_pid(pid_file)
            running.old = descendants(old)
            os.kill(old, signal.SIGUSR2)
            until(lambda: read_pid(pid_file) not in (0, old) and len(descendants(read_pid(pid_file))) > 1, "a new nginx")
            os.kill(old, signal.SIGWINCH)
            os.kill(old, signal.SIGQUIT)
        running = Running(port, replace)
        yield running


# HAProxy. -----------------------------------------------------------------------------------------

def haproxy_cfg(home, kit, port, origin, more_global="", more_defaults=""):
    """It serves the page by itself; a file of megabytes comes from nginx behind it, on the same CPU."""
    return f"""
global
  nbthread 1
  maxconn {DESCRIPTORS // 3}
  stats socket {home}/socket mode 600 level admin expose-fd listeners
  {more_global}
defaults
  mode http
  timeout client 75s
  timeout server 75s
  timeout connect 5s
  timeout http-keep-alive 75s
  {more_defaults}
frontend https
  bind {HOST}:{port} ssl crt {kit.both} backlog 4096
  http-request return status 200 content-type text/html file {kit.files}/page.html if {{ path /page.html }}
  default_backend files
backend files
  server nginx {HOST}:{origin}
"""


@contextlib.contextmanager
def haproxy(kit, master, more_global="", more_defaults=""):
    home, port, origin = kit.home(), free_port(), None
    home.mkdir()
    with contextlib.ExitStack() as stack:
        origin = free_port_after(port)
        stack.enter_context(nginx_process(home / "origin", kit, f"{HOST}:{origin}"))
        config, pid_file = home / "haproxy.cfg", home / "pid"
        config.write_text(haproxy_cfg(home, kit, port, origin, more_global, more_defaults))
        start = [tool_path("haproxy"), "-D", "-f", config, "-p", pid_file] + (["-W"] if master else [])
        launch(start, kit.cpus)
        first = read_pid(pid_file)
        everyone = set()
        stack.callback(lambda: end(list(everyone | set(descendants(read_pid(pid_file))))))

        def replace():
            everyone.update(descendants(read_pid(pid_file)))
            if master:
                running.old = descendants(first)[1:]
                os.kill(first, signal.SIGUSR2)
                until(lambda: len(set(descendants(first)[1:]) - set(running.old)) > 0, "a new worker")
            else:
                running.old = [read_pid(pid_file)]
                launch([*start, "-x", home / "socket", "-sf", *running.old], kit.cpus)
        running = Running(port, replace)
        yield running


def free_port_after(port):
    """Another one than that, which nobody listens on yet."""
    for other in range(port + 1, 32000):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((HOST, other))
            return other
    fail("no free port")


# Ours. --------------------------------------------------------------------------------------------

def offers_upgrade(binary):
    helped = subprocess.run([binary, "ctl", "--help"], capture_output=True, text=True)
    return "upgrade" in helped.stdout


@contextlib.contextmanager
def sluice(kit):
    home = kit.home()
    home.mkdir()
    values = {"server.listen": f"{HOST}:0", "admin.listen": f"{HOST}:0", "server.processors": 1, "server.state_dir": home,
              "server.static_root": kit.files, "server.keepalive_timeout": "75s", "log.access": "off",
              "tls.certificate": kit.certificate[0], "tls.private_key": kit.certificate[1],
              "limits.connections_per_address": 100_000, **kit.settings}
    binary = kit.bin / "sluice-hello"
    command = [binary, "serve", *(word for key, value in values.items() for word in ("--set", f"{key}={value}"))]
    with (home / "errors").open("w") as errors, held(command, kit.cpus, stdout=subprocess.PIPE, stderr=errors, text=True) as process:
        port, admin = await_ready(process, home / "errors")
        others = set()

        def replace():
            running.old = [process.pid]
            done = subprocess.run([binary, "ctl", "--admin", admin, "upgrade"], capture_output=True, text=True, timeout=60)
            if done.returncode != 0:
                fail(f"ctl upgrade: {done.stderr.strip()}")
            others.update(set(same_command(command)) - {process.pid})
        running = Running(port, replace)
        try:
            yield running
        finally:
            end([pid for pid in others if alive(pid)])


def same_command(command):
    """Processes that serve with exactly these arguments: a new process has no parent of ours once the old one is gone."""
    wanted = " ".join(map(str, command[1:]))
    return [int(entry.name) for entry in pathlib.Path("/proc").iterdir() if entry.name.isdigit() and wanted in command_of(int(entry.name))]


# ---------------------------------------------------------------------------------------------------

WAYS = {
    "nginx": (nginx, "nginx: new binary by USR2, then WINCH and QUIT to the old master"),
    "haproxy -sf": (lambda kit: haproxy(kit, False), "HAProxy: a new process takes the listeners (expose-fd listeners, -x, -sf); defaults"),
    "haproxy -W": (lambda kit: haproxy(kit, True, more_defaults="option idle-close-on-response"),
                   "HAProxy: master-worker reload (-W, USR2), with option idle-close-on-response: idle connections are closed behind their next answer"),
    "drain": (lambda kit: haproxy(kit, True, f"hard-stop-after {DRAIN}s", "option idle-close-on-response"),
              f"as Envoy's hot restart drains (--drain-strategy immediate), with HAProxy standing in: the same, and whoever is left after {DRAIN} s "
              f"is cut (Envoy: --parent-shutdown-time-s, 900 s)"),
    "sluice": (sluice, "sluice ctl upgrade: live connections go to the new process"),
}


def able(kit):
    """-> ways for which all is installed; of the others a sentence each"""
    missing = {}
    for name in WAYS:
        tools = ["nginx"] if name == "nginx" else ["nginx", "haproxy"] if name != "sluice" else []
        for tool in tools:
            if shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is None:
                missing[name] = f"{tool} is not installed (deploy/setup.sh rivals)"
    binary = kit.bin / "sluice-hello"
    if not binary.exists():
        missing["sluice"] = "not built"
    elif not offers_upgrade(binary):
        missing["sluice"] = "not offered: this build's ctl has no upgrade"
    return [name for name in WAYS if name not in missing], missing
