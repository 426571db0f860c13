# An installed tree: what is in it, that it works, that it goes away again.
load ../helper

setup_file() {
    [ -z "${KV_SAN:-}" ] || return 0
    export INSTALLED=$BATS_FILE_TMPDIR/root
    make -s -C "$ROOT" install PREFIX=/usr LIBDIR=/usr/lib DESTDIR="$INSTALLED" ${KV_OUT:+OUT="${KV_OUT#"$ROOT"/}"} \
        ${KV_BIN:+BIN="${KV_BIN#"$ROOT"/}"} >/dev/null
}

setup() {
    kv_setup
    [ -z "${KV_SAN:-}" ] || skip 'sanitized builds are not installed'
    PATH=$INSTALLED/usr/bin:$PATH
}

@test "install: programs, front end, pages, headers, libraries, data" {
    cd "$INSTALLED/usr"
    for f in bin/kv bin/kv-init bin/kv-import bin/kv-run bin/kv-append lib/libkv.a lib/libkv.so lib/libkv.so.0 \
        lib/pkgconfig/kv.pc include/kv.h share/man/man1/kv-run.1 \
        share/man/man5/kv-state.5 share/man/man7/kv.7 share/kv/prompts share/kv/verify \
        share/doc/kv/README.md share/doc/kv/examples/api.c \
        share/bash-completion/completions/kv-run share/zsh/site-functions/_kv; do
        assert [ -e "$f" ]
    done
}

@test "install: the installed programs find their data" {
    echo '{"template":{"fields":[{"name":"n","type":"int","description":"d","ground_truth":4,"verify_with":{"type":"NumericExact"}}]},"parsed":{"n":4}}' >line
    run --separate-stderr kv-rejudge line
    assert_success
    assert_equal "$(json .verify_result <<<"$output")" true
    kv init mine
    kv import <<<'{"question":"How many?","answer":4}' >>mine/bench.jsonl
    assert_equal "$(kv check mine/bench.jsonl mine/preset.json)" '{"questions":6,"total_tasks":6}'
}

# What a fresh user does with what `make install PREFIX=DIR` said: pkg-config alone, nothing by hand.
build_example() {
    make -s -C "$ROOT" install PREFIX="$PWD/kv" LIBDIR="$PWD/kv/lib" ${KV_OUT:+OUT="${KV_OUT#"$ROOT"/}"} ${KV_BIN:+BIN="${KV_BIN#"$ROOT"/}"} >/dev/null
    export PKG_CONFIG_PATH=$PWD/kv/lib/pkgconfig
    # shellcheck disable=SC2046
    ${CC:-cc} -Wall -Wextra -Werror kv/share/doc/kv/examples/api.c -o api $(pkg-config --cflags --libs kv)
}

@test "install: the tutorial in C runs against the installed library" {
    build_example
    run --separate-stderr ./api "$ROOT/share/examples/preset.json" results.json
    assert_success
    assert_stderr ''
    assert_line --index 0 'added q1: 1/3'
    assert_line --index 1 'added q2: 2/3'
    assert_line --index 2 '66.7% done, 1 pending, results so far are there'
    assert_line --index 3 "pending: q3"$'\t'"langchain:gpt-4.1-mini:a:"$'\t'"langchain:gpt-4.1:j:"
    assert_line --index 4 'same config: 1'
    assert_line --index 5 'other path: Benchmark path changed: bench.jsonld -> other.jsonld'
    assert_line --index 6 'added q3: 3/3'
    assert_equal "$(json '.metadata.job_summary | "\(.is_complete) \(.total_questions)"' \
        results.json)" 'true 3'
    assert [ ! -e results.json.state ]
    assert [ ! -e results.json.tmp ]
}

@test "install: what is begun in C goes on with the programs" {
    build_example
    sed 's/must(kv_save_finalize(save, &error) == 0);//' kv/share/doc/kv/examples/api.c >unfinished.c
    # shellcheck disable=SC2046
    ${CC:-cc} -Wall -Werror unfinished.c -o unfinished $(pkg-config --cflags --libs kv)
    ./unfinished "$ROOT/share/examples/preset.json" results.json
    run kv-status -q results.json.state
    assert_success
    kv-finalize results.json.state
    assert_equal "$(json '.results | length' results.json)" 3
}

@test "install: the library exports what its header declares, and nothing else" {
    diff <(nm -D --defined-only "$INSTALLED/usr/lib/libkv.so" | awk '$2 == "T" { sub("@.*", "", $3); print $3 }' | sort) \
        <(grep -oE '\bkv_[a-z_]+\(' "$INSTALLED/usr/include/kv.h" | tr -d '(' | sort -u)
}

@test "install: the library needs neither libcurl nor libjq" {
    run readelf -d "$INSTALLED/usr/lib/libkv.so"
    assert_output --partial 'libnettle'
    refute_output --partial libcurl
    refute_output --partial libjq
    refute_output --partial libonig
}

@test "install: a decimal comma in the caller's locale changes no byte" {
    build_example
    localedef -i de_DE -f UTF-8 "$PWD/de_DE.UTF-8" 2>/dev/null || [ -d de_DE.UTF-8 ] ||
        skip 'localedef or its sources (package locales) are not installed'
    sed -i 's/must(kv_save_finalize(save, &error) == 0);//' kv/share/doc/kv/examples/api.c
    # shellcheck disable=SC2046
    ${CC:-cc} -Wall -Werror kv/share/doc/kv/examples/api.c -o api $(pkg-config --cflags --libs kv)
    sed -e 's/^#include <stdio.h>/#include <locale.h>\n&/' -e 's/^    static char config/    if (!setlocale(LC_ALL, "de_DE.UTF-8")) return 9;\n&/' \
        kv/share/doc/kv/examples/api.c >german.c
    # shellcheck disable=SC2046
    ${CC:-cc} -Wall -Werror german.c -o german $(pkg-config --cflags --libs kv)
    jq '.config.answering_models[0].temperature = 0.25' "$ROOT/share/examples/preset.json" >preset.json
    LOCPATH=$PWD ./german preset.json german.json >german.out
    ./api preset.json plain.json >plain.out
    assert_equal "$(sed 's/66,7/66.7/' german.out)" "$(cat plain.out)"
    assert_not_equal "$(cat german.out)" "$(cat plain.out)" # the locale was in force
    assert_equal "$(jq -c '[.config, .config_hash, .start_time > 1e9]' german.json.state)" \
        "$(jq -c '[.config, .config_hash, .start_time > 1e9]' plain.json.state)"
    assert_equal "$(jq .config.answering_models[0].temperature german.json.state)" 0.25
}

@test "install: the pages can be read from there" {
    run mandoc -Tascii "$INSTALLED/usr/share/man/man1/kv-append.1"
    assert_success
}

@test "uninstall: nothing of ours remains" {
    cp -R "$INSTALLED" other
    make -s -C "$ROOT" uninstall PREFIX=/usr LIBDIR=/usr/lib DESTDIR="$PWD/other" >/dev/null
    run find other -type f -o -type l
    assert_output ''
}
