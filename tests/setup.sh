#!/bin/sh
# setup.sh - installs the Debian packages that are missing: setup.sh [list] build|demo|check|lint|bench|torture|cluster|peers|browser|all
#
# Says what it needs and stops with 4 if it may not install. On other systems it names the packages
# and lets the build try with what is there.
set -eu

build='libcurl4-openssl-dev libjq-dev libonig-dev libunistring-dev nettle-dev'
demo="$build libmicrohttpd-dev jq"
check="$demo bats bats-assert bats-support curl locales mandoc openssl parallel pkg-config procps python3 spin strace time"
lint='clang-format cppcheck mandoc shellcheck'
bench="$demo curl hyperfine python3 valgrind"
browser='chromium python3' # for tests/whole/page.bats; large, and in no other list
peers='haproxy nginx-light squid' # for tests/whole/peers.bats and limiters.bats
torture="$demo btrfs-progs e2fsprogs fuse3 libfuse3-dev python3 strace time xfsprogs"
cluster="$check busybox-static cpio iproute2 munge qemu-system-x86 slurm-client slurmctld slurmd" # in no other list

only_list=
if [ "${1:-}" = list ]; then
    only_list=1
    shift
fi
case ${1:-all} in
build) wanted=$build ;;
demo) wanted=$demo ;;
check) wanted=$check ;;
lint) wanted=$lint ;;
bench) wanted=$bench ;;
torture) wanted=$torture ;;
cluster) wanted=$cluster ;;
peers) wanted=$peers ;;
browser) wanted=$browser ;;
musl) wanted=musl-tools ;;
systems) wanted='debootstrap debian-archive-keyring' ;;
all) wanted="$check $lint $bench $torture $peers clang libclang-rt-14-dev musl-tools" ;;
*)
    echo "usage: $0 [list] [build|demo|check|lint|bench|torture|cluster|peers|browser|musl|systems|all]" >&2
    exit 2
    ;;
esac

if [ -n "$only_list" ]; then
    echo "$wanted"
    exit
fi

if ! command -v dpkg-query >/dev/null; then
    echo "setup: not a Debian system; kv needs what these packages hold: $wanted" >&2
    exit 0
fi

missing=
for p in $wanted; do
    case $(dpkg-query -W -f '${Status}' "$p" 2>/dev/null) in
    *' installed') ;;
    *) missing="$missing $p" ;;
    esac
done
[ -n "$missing" ] || exit 0

# shellcheck disable=SC2086 # a list of words
install_as() {
    "$@" apt-get update -q && "$@" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends $missing
}

echo "setup: installing$missing" >&2
if [ "$(id -u)" -eq 0 ]; then
    install_as env >&2
elif command -v sudo >/dev/null; then
    install_as sudo >&2
else
    echo "setup: this needs root, and there is no sudo here; as root, run" >&2
    echo "    apt-get install -y --no-install-recommends$missing" >&2
    exit 4
fi
