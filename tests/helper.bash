# helper.bash - loaded by every test file: `load helper`.
#
# Each test runs in a directory of its own ($BATS_TEST_TMPDIR) with the programs of this checkout
# first on PATH. A file that needs a setup of its own calls kv_setup from it; one that starts a
# provider need not stop it: teardown does.

bats_require_minimum_version 1.5.0
bats_load_library bats-support
bats_load_library bats-assert

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
DATA=$ROOT/tests/data
KV_BIN=${KV_BIN:-$ROOT/bin}     # the programs
KV_TBIN=${KV_TBIN:-$ROOT/tests/bin} # the peers and drivers of the tests
export KV_BIN KV_TBIN
PATH=$KV_BIN:$KV_TBIN:$ROOT/bin:$PATH
export LC_ALL=C.UTF-8 TZ=UTC
# What a developer's own environment holds must not reach a test.
unset SOURCE_DATE_EPOCH KARENINA_PRESETS_DIR OPENAI_API_KEY OPENAI_BASE_URL ANTHROPIC_API_KEY ANTHROPIC_BASE_URL \
    OPENROUTER_API_KEY http_proxy https_proxy HTTPS_PROXY ALL_PROXY NO_PROXY no_proxy

kv_setup() {
    cd "$BATS_TEST_TMPDIR" || return
    PROVIDER_PID=
}

setup() {
    kv_setup
}

teardown() {
    stop_provider
}

# data FILE - the path of a file of test data
data() {
    printf '%s/%s\n' "$DATA" "$1"
}

# json FILTER [FILE...] - one value as text, by an independent reader
json() {
    jq -r "$@"
}

# values - JSON from stdin with numbers as values: jq 1.7 keeps how one was spelled (1.0), 1.6 does not
values() {
    jq -c 'walk(if type == "number" then . + 0 else . end)'
}

# assert_stdout TEXT, assert_stderr TEXT - after run --separate-stderr: the whole stream, exactly
assert_stdout() {
    assert_equal "$output" "$1"
}
# shellcheck disable=SC2154
assert_stderr() {
    assert_equal "$stderr" "$1"
}

# agreement FILE AGREED/TOTAL [DEVIATIONS] - tells, also when all is well, how many cases of a file
# of recorded data agree, and how many differ for a reason in kv(7)
agreement() {
    local listed=
    [ "${3:-0}" -eq 0 ] || listed=", $3 listed in kv(7)"
    printf '# %s: %s agree%s\n' "$1" "$2" "$listed" >&3
}

# needs_growth - skips a test of adding in place where the file system is none of those in
# kv-state(5)
needs_growth() {
    case $(stat -f -c %T .) in
    ext2/ext3 | xfs | btrfs | tmpfs | overlayfs | f2fs) ;;
    *) skip "files on $(stat -f -c %T .) are copied, not added to in place" ;;
    esac
}

# start_provider [OPTION...] - the bundled model server on a free port of loopback. Sets
# PROVIDER_PID, PROVIDER_PORT, PROVIDER_URL and JOURNAL (one line a request). Returns when it
# listens: its first line of output says so.
start_provider() {
    local ready=$BATS_TEST_TMPDIR/provider.ready line
    JOURNAL=$BATS_TEST_TMPDIR/journal.jsonl
    rm -f "$ready"
    mkfifo "$ready"
    "$KV_TBIN/provider" --port 0 --journal "$JOURNAL" --max-seconds 300 "$@" \
        >"$ready" 2>"$BATS_TEST_TMPDIR/provider.stderr" 3>&- &
    PROVIDER_PID=$!
    # Held open for reading and writing so that a provider that dies early cannot block us.
    exec 9<>"$ready"
    if ! read -r -t 20 line <&9; then
        exec 9>&-
        fail "the provider did not start: $(cat "$BATS_TEST_TMPDIR/provider.stderr")"
    fi
    PROVIDER_PORT=$(json .port <<<"$line")
    PROVIDER_URL=http://127.0.0.1:$PROVIDER_PORT
    export PROVIDER_PORT PROVIDER_URL JOURNAL
}

stop_provider() {
    if [ -n "${PROVIDER_PID:-}" ]; then
        kill "$PROVIDER_PID" 2>/dev/null || true
        wait "$PROVIDER_PID" 2>/dev/null || true
        exec 9>&- || true
        PROVIDER_PID=
    fi
}

# tally FILE COMMAND... - walks a file of cases, one JSON object a line: COMMAND gets the line on
# stdin and agrees by exit status 0. Names what disagrees; prints "FILE: agreed/total".
tally() {
    local file=$1 agreed=0 total=0 line
    shift
    while IFS= read -r line; do
        total=$((total + 1))
        if "$@" <<<"$line"; then
            agreed=$((agreed + 1))
        else
            printf 'disagrees: %s\n' "${line:0:200}"
        fi
    done <"$file"
    agreement "${file##*/}" "$agreed/$total"
    [ "$agreed" -eq "$total" ] && [ "$total" -gt 0 ]
}
