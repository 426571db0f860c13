# The instructions that programs take, against those on file: a change that makes one slower is seen on
# any machine that has the same compiler and libraries, however loaded it is.
load ../helper

@test "counts: no program takes more instructions than it did" {
    [ -z "${KV_SAN:-}" ] || skip 'of the release build'
    run "$ROOT/tests/bench/counts"
    echo "$output" >&3
    [ "$status" -ne 77 ] || skip "${lines[*]}"
    assert_success
}

@test "counts: one that takes more fails, and other tools are no comparison" {
    command -v valgrind >/dev/null || skip 'no valgrind'
    [ -z "${KV_SAN:-}" ] || skip 'of the release build'
    echo '# made with something else' >counts.tsv
    KV_COUNTS=$PWD/counts.tsv run -77 "$ROOT/tests/bench/counts"
    assert_line --index 0 'counted with other tools'
    printf '# %s\n' "$(sed -n 's/^here: *//p' <<<"$output")" >counts.tsv
    printf 'kv-status\t1000\n' >>counts.tsv
    KV_COUNTS=$PWD/counts.tsv run -1 "$ROOT/tests/bench/counts"
    assert_regex "$output" 'kv-status +1000 +[0-9]+ +\+[0-9.]+ %  too many'
}
