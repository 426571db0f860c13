# An installed tree: what is in it, that it works, that it goes away again.
load ../helper

setup_file() {
    [ -z "${KV_SAN:-}" ] || return 0
    export INSTALLED=$BATS_FILE_TMPDIR/root
    make -s -C "$ROOT" install PREFIX=/usr DESTDIR="$INSTALLED" ${KV_OUT:+OUT="$KV_OUT"} \
        ${KV_BIN:+BIN="$KV_BIN"} >/dev/null
}

setup() {
    kv_setup
    [ -z "${KV_SAN:-}" ] || skip 'sanitized builds are not installed'
    PATH=$INSTALLED/usr/bin:$PATH
}

@test "install: programs, front end, pages, headers, libraries, data" {
    cd "$INSTALLED/usr"
    for f in bin/kv bin/kv-run bin/kv-append lib/libkv.a lib/libkv.so lib/libkv.so.0 \
        lib/pkgconfig/kv.pc include/kv/state.h include/kv/store.h share/man/man1/kv-run.1 \
        share/man/man5/kv-state.5 share/man/man7/kv.7 share/kv/prompts share/kv/verify \
        share/doc/kv/README.md share/doc/kv/examples/api.c \
        share/bash-completion/completions/kv-run share/zsh/site-functions/_kv; do
        assert [ -e "$f" ]
    done
}

@test "install: the installed programs find their data" {
    echo '{"template":{"fields":[{"name":"n","type":"int","description":"d","ground_truth":4,"verify_with":{"type":"NumericExact"}}]},"parsed":{"n":4}}' >line
    run --separate-stderr kv-verify line
    assert_success
    assert_equal "$(json .verify_result <<<"$output")" true
}

@test "install: the C program of the examples does a whole run" {
    export PKG_CONFIG_PATH=$INSTALLED/usr/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$INSTALLED
    export LD_LIBRARY_PATH=$INSTALLED/usr/lib
    # shellcheck disable=SC2046
    ${CC:-cc} -Wall -Werror "$ROOT/share/examples/api.c" -o api $(pkg-config --cflags --libs kv)
    run --separate-stderr ./api "$ROOT/share/examples/preset.json" results.json
    assert_success
    assert_stderr ''
    assert_line --index 0 'added q1: 1 of 3'
    assert_line --index 1 'added q2: 2 of 3'
    assert_line --index 2 '2 of 3 done'
    assert_line --index 3 "pending: q3"$'\t'"langchain:gpt-4.1-mini:a:"$'\t'"langchain:gpt-4.1:j:"
    assert_line --index 4 'compatible: yes'
    assert_line --index 5 'added q3: 3 of 3'
    assert_equal "$(json '.metadata.job_summary | "\(.is_complete) \(.total_questions)"' \
        results.json)" 'true 3'
    assert [ ! -e results.json.state ]
    assert [ ! -e results.json.tmp ]
}

@test "install: the library needs neither libcurl nor libjq" {
    run readelf -d "$INSTALLED/usr/lib/libkv.so"
    refute_output --partial libcurl
    refute_output --partial libjq
}

@test "install: the pages can be read from there" {
    run mandoc -Tascii "$INSTALLED/usr/share/man/man1/kv-append.1"
    assert_success
}

@test "uninstall: nothing of ours remains" {
    cp -R "$INSTALLED" other
    make -s -C "$ROOT" uninstall PREFIX=/usr DESTDIR="$PWD/other" >/dev/null
    run find other -type f -o -type l
    assert_output ''
}
