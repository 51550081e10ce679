#!/bin/sh
# Installs the Debian 12 packages that are missing, and does nothing when none is.
#
#   deploy/setup.sh build          what `make run` needs
#   deploy/setup.sh build test     what `make test`, `make asan`, `make fmt` ... need as well
#   deploy/setup.sh build bench    what `make bench` needs
#   deploy/setup.sh peers          the servers that `make bench` compares with; installed, not started
#   deploy/setup.sh interop        a JDK, for the tests with the JVM's TLS; without it they are left out
#   deploy/setup.sh rivals         those that `make bench-overload` compares with: nginx and HAProxy
#
# As root, or through sudo. Otherwise it prints the one command to type and exits with 1.
set -eu

build="g++ cmake ninja-build pkg-config ccache git ca-certificates
  libboost1.81-dev libboost-url1.81-dev libssl-dev libsqlite3-dev prometheus-cpp-dev libtomlplusplus-dev
  libargon2-dev libpq-dev libc-ares-dev libbpf-dev libnftables-dev libcli11-dev libjemalloc-dev libsystemd-dev libgtest-dev libgmock-dev"
test="clang clang-format clang-tidy libclang-rt-14-dev llvm-14 curl openssl python3 python3-pytest python3-jsonschema
  python3-selenium chromium chromium-driver fonts-dejavu-core sqlite3 postgresql-15 etcd-server etcd-client
  dnsmasq-base valgrind haproxy iproute2 nftables util-linux"
bench="openssl python3 wrk"
peers="nginx-light haproxy h2o apache2 tomcat10 openjdk-17-jre-headless"
rivals="nginx-light haproxy"
interop="openjdk-17-jdk-headless"

fail() {
  echo "setup: $*" >&2
  exit 1
}

wanted=""
for group in "$@"; do
  case $group in
    build) wanted="$wanted $build" ;;
    test) wanted="$wanted $test" ;;
    bench) wanted="$wanted $bench" ;;
    peers) wanted="$wanted $peers" ;;
    rivals) wanted="$wanted $rivals" ;;
    interop) wanted="$wanted $interop" ;;
    *) fail "no group \"$group\"; there are build, test, bench, peers, rivals and interop." ;;
  esac
done
[ -n "$wanted" ] || fail "say what for: build, test, bench, peers, rivals, interop."

if ! command -v dpkg-query >/dev/null 2>&1; then
  echo "setup: not a Debian system, so nothing was checked; needed are the counterparts of:" $wanted >&2
  exit 0
fi

# One dpkg-query for all: it names what is installed, the rest is missing.
installed=" $(dpkg-query -W -f '${db:Status-Status}:${Package}\n' $wanted 2>/dev/null |
  sed -n 's/^installed://p' | tr '\n' ' ')"
missing=""
for package in $wanted; do
  case "$installed$missing " in
    *" $package "*) ;;
    *) missing="$missing $package" ;;
  esac
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -eq 0 ]; then
  as_root=""
elif command -v sudo >/dev/null 2>&1 && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
  as_root="sudo"
else
  echo "setup: packages are missing and this user may not install them. Type this as root, then try again:" >&2
  echo "  apt-get update && apt-get install -y --no-install-recommends$missing" >&2
  exit 1
fi

apt() {
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 "$@"
}
install() {
  apt install -y --no-install-recommends $missing
}

# Servers that are there to be compared with, or that tests start by themselves, stay stopped, where Debian would start them now and at each boot.
services=""
for package in $missing; do
  case $package in
    nginx-light) services="$services nginx" ;;
    haproxy | h2o | apache2 | tomcat10) services="$services $package" ;;
    postgresql-15) services="$services postgresql" ;;
    etcd-server) services="$services etcd" ;;
  esac
done
policy=/usr/sbin/policy-rc.d
if [ -n "$services" ] && [ ! -e "$policy" ]; then
  trap '$as_root rm -f "$policy"' EXIT
  trap 'exit 1' HUP INT TERM
  printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
  $as_root chmod 755 "$policy"
fi

echo "setup: installing$missing"
# Package lists are fetched only when the ones at hand do not serve.
apt install --simulate -qq --no-install-recommends $missing >/dev/null 2>&1 || apt update ||
  fail "apt-get update failed: is a package source reachable?"
install || { apt update && install; } || fail "apt-get could not install$missing."
for service in $services; do
  $as_root systemctl disable --quiet "$service" 2>/dev/null || true  # where there is a systemd
done
