"""What users of an experiment do and what the server is: presets, and options that change them."""
import dataclasses
import math


@dataclasses.dataclass(frozen=True)
class Case:
    """Durations in seconds. `length`: requests of a session as `sluice-load run --session-length` takes it."""

    what: str
    model: str = "default"
    think: float = 0.7            # mean of an exponential distribution; 0: none
    length: str = "geom:15"
    timeout: float = 3
    certificate: str = "ecdsa"    # ecdsa, rsa2048, rsa4096
    tls: str = "1.3"
    resume: str = "per-user"
    quota: float | None = None    # CPUs; None: all of those it is pinned to
    processors: int = 1
    keepalive: float = 1
    shop_users: int = 1000
    shop_items: int = 500

    @property
    def session_s(self):
        """Mean time a session takes, most of it thinking."""
        return self.think * float(self.length.rsplit(":", 1)[-1])

    @property
    def cpus(self):
        return self.quota or self.processors

    def load_arguments(self):
        think = f"exp:{self.think:g}s" if self.think else "0"
        return ["--model", self.model, "--think", think, "--session-length", self.length, "--timeout", f"{self.timeout:g}s",
                "--tls", self.tls, "--resume", self.resume, "--shop-users", self.shop_users, "--shop-items",
                self.shop_items]

    def text(self):
        cpus = f"{self.quota:g} of a CPU by quota" if self.quota else f"{self.processors} CPU"
        model = self.model.rsplit("/", 1)[-1]
        return (f"{self.what}; server on {cpus}, {self.certificate}, TLS {self.tls}, resume {self.resume}, model "
                f"{model}, think {self.think:g} s, {self.length} requests a session, clients give up after "
                f"{self.timeout:g} s, keep-alive {self.keepalive:g} s")


def warmup_of(options, case):
    """Until as many sessions end as come: after four mean lengths of a session some 2 % of them are still missing; and
    until the law has found its budget."""
    return math.ceil(max(4 * case.session_s, 15)) if options.warmup is None else options.warmup


PRESETS = {
    "default-mix": Case("TLS 1.3 ECDSA and RUBiS' default mix, thinking shortened to a tenth of the paper's 7 s"),
    "paper-costs": Case("a full handshake some hundred times dearer than a resumed one, as it was for the paper",
                        model="browse", certificate="rsa4096", tls="1.2", resume="session-id"),
    "no-think": Case("short sessions without think time", model="browse", think=0, length="5", timeout=1, certificate="rsa2048",
                     quota=0.25, keepalive=10),
}


def add_options(parser):
    parser.add_argument("--case", choices=PRESETS, help="who the users are; each experiment has its own default")
    for name, kind in (("model", str), ("think", float), ("session-length", str), ("timeout", float), ("tls", str),
                       ("resume", str), ("quota", float), ("processors", int), ("keepalive", float), ("shop-users", int),
                       ("shop-items", int)):
        parser.add_argument(f"--{name}", type=kind, help="of the case" if name == "model" else argument_help(name))
    parser.add_argument("--certificate", choices=["ecdsa", "rsa2048", "rsa4096"])


def argument_help(name):
    return {"think": "mean, seconds; 0: none", "timeout": "patience of the clients, seconds", "keepalive":
            "of the server, seconds", "quota": "CPUs; 0: no quota", "session-length": "15 or geom:15"}.get(name)


def case_from(options, default):
    case = PRESETS[options.case or default] if isinstance(default, str) or options.case else default
    changes = {}
    for field in dataclasses.fields(Case):
        value = getattr(options, "session_length" if field.name == "length" else field.name, None)
        if value is not None:
            changes[field.name] = value or None if field.name == "quota" else value
    return dataclasses.replace(case, **changes)
