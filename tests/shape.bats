# What the tree promises about itself: order of the modules, borders, names, pages.
# shellcheck disable=SC2016
load helper

setup() {
    kv_setup
    cd "$ROOT" || return
    MODULES=$(make -s --no-print-directory -f Makefile --eval='list:;@echo $(MODULES)' list)
    PROGRAMS=$(make -s --no-print-directory -f Makefile --eval='list:;@echo $(PROGRAMS)' list)
    OUT=${KV_OUT:-$ROOT/build}
    T=$BATS_TEST_TMPDIR
}

# Prints what it is given and fails if that is anything.
nothing() {
    [ -z "$1" ] || { printf '%s\n' "$1" && return 1; }
}

# border PATTERN ALLOWED... - lines of lib and bin that match, outside the allowed files. Comments
# do not count.
border() {
    local pattern=$1 files
    shift
    files=$(printf '%s\n' lib/*.[ch] bin/*.c | grep -vxF "$(printf '%s\n' "$@")")
    # shellcheck disable=SC2086
    grep -nE "$pattern" $files | grep -vE '^[^:]+:[0-9]+: *(/\*|\*|//)' || true
}

@test "shape: a module includes only headers of modules to its left" {
    wrong=
    seen=
    for m in $MODULES; do
        seen="$seen $m "
        for h in $(sed -n 's/^#include "\(.*\)\.h".*/\1/p' lib/"$m".[ch] 2>/dev/null | sort -u); do
            case $seen in
            *" $h "*) ;;
            *) wrong="$wrong$m includes $h.h"$'\n' ;;
            esac
        done
    done
    nothing "$wrong"
}

@test "shape: every source of lib is a module of the Makefile" {
    nothing "$(for f in lib/*.[ch]; do
        case " $MODULES " in *" $(basename "${f%.[ch]}") "*) ;; *) echo "$f" ;; esac
    done)"
}

@test "shape: libjq has one border" {
    nothing "$(border '<j[vq]\.h>' lib/jq.c)"
}

@test "shape: libcurl has one border" {
    nothing "$(border '<curl/' lib/http*.c)"
}

@test "shape: only io renames, syncs and locks" {
    nothing "$(border '\b(rename|renameat2?|fsync|fdatasync|flock|sync_file_range|linkat)\(' \
        lib/io*.c)"
}

@test "shape: in the library only cli speaks to stderr, reads the environment and exits" {
    nothing "$(border '\b(stderr|STDERR_FILENO|perror|(secure_)?getenv *\(|exit *\()' lib/cli.c bin/*.c)"
}

@test "shape: no call that cannot be used safely" {
    nothing "$(border '\b(strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|atof|gets|alloca)\(')"
}

@test "shape: every source begins by saying what it is" {
    nothing "$(for f in lib/*.[ch] bin/*.c; do
        head -n 1 "$f" | grep -q "^/\* $(basename "${f%.[ch]}") - " || echo "$f"
    done)"
}

@test "shape: no source has passed 600 lines" {
    nothing "$(wc -l lib/*.c bin/*.c tests/bin/*.c | awk '$1 > 600 && $2 != "total"')"
}

@test "shape: all names that the library exports begin with kv_" {
    names=$(nm -D --defined-only "$OUT/libkv.so" | awk '{ print $3 }')
    assert [ "$(wc -l <<<"$names")" -gt 20 ]
    nothing "$(grep -vE '^(kv_|_init$|_fini$|__asan|__odr_asan|__ubsan)' <<<"$names")"
    nothing "$(nm -g --defined-only "$OUT/libkv.a" | awk 'NF == 3 { print $3 }' |
        grep -vE '^(kv_|__odr_asan)')"
}

@test "shape: no program is linked with what it does not use" {
    [ -z "${KV_SAN:-}" ] || skip 'a sanitizer links its own'
    nothing "$(for p in $PROGRAMS; do
        ldd -u "$KV_BIN/$p" | sed -n "s|^\t|$p: |p"
    done | grep -v libm.so)" # which libunistring uses without saying so
}

@test "shape: what keeps and counts results loads neither libcurl nor libjq" {
    nothing "$(for p in kv-append kv-status kv-finalize; do
        readelf -d "$KV_BIN/$p" | sed -n "s/.*NEEDED.*\(lib\(curl\|jq\)[^]]*\).*/$p: \1/p"
    done)"
}

@test "shape: options of a program are those of its page" {
    for p in $PROGRAMS; do
        sed -nE "s/.*\{('.'|0), *\"([a-z-]+)\", *KV_OPT_.*/\2/p" "bin/$p.c" >"$T/coded"
        printf '%s\n' help version >>"$T/coded"
        sed -nE 's/^\.It Fl (. , )?-([a-z-]+).*/\2/p' "man/$p.1" >"$T/paged"
        diff <(sort "$T/coded") <(sort "$T/paged") | sed -n "s/^</$p: not in the page: --/p
            s/^>/$p: not in the program: --/p"
    done >"$T/different"
    nothing "$(cat "$T/different")"
}

@test "shape: letters of options are those of the page" {
    nothing "$(for p in $PROGRAMS; do
        diff <(sed -nE "s/.*\{'(.)', *\"([a-z-]+)\", *KV_OPT_.*/\1 \2/p" "bin/$p.c" | sort) \
            <(sed -nE 's/^\.It Fl (.) , -([a-z-]+).*/\1 \2/p' "man/$p.1" |
                grep -vE '^(h help|V version)$' | sort) | sed -n "s/^[<>]/$p:/p"
    done)"
}

@test "shape: a synopsis has every option of its page, and no other" {
    nothing "$(for p in $PROGRAMS; do
        awk '/^\.Sh/ { s = $2 } s == "SYNOPSIS"' "man/$p.1" | tr ' ' '\n' >"$T/s"
        sed -nE 's/^\.It Fl (.) , -([a-z-]+).*/\1 -\2/p; s/^\.It Fl (-[a-z-]+).*/\1/p' "man/$p.1" |
            while read -r one two; do
                case $one in h | V) continue ;; esac
                grep -qxE -- "${two:-$one}|$one" "$T/s" ||
                    grep -qE "^[a-z]*$one[a-z]*\$" "$T/s" || echo "$p: $one $two"
            done
    done)"
}

@test "shape: --help begins with the synopsis and tells every option" {
    for p in $PROGRAMS; do
        diff <("$p" --help) <(awk -v plain=1 -f man/help.awk "man/$p.1")
    done
}

@test "shape: every page has its sections in order" {
    wanted='NAME SYNOPSIS DESCRIPTION OPTIONS (SELECTION OPTIONS |INPUT OPTIONS |LIMIT OPTIONS '
    wanted="$wanted|COMMAND OPTIONS |ENVIRONMENT )*EXIT STATUS EXAMPLES SEE ALSO "
    nothing "$(for p in $PROGRAMS; do
        sed -n 's/^\.Sh //p' "man/$p.1" | tr '\n' ' ' | sed 's/OPTIONS /OPTIONS /' |
            grep -qE "^$wanted\$" || echo "$p"
    done)"
}

@test "shape: exit statuses of a page are those of kv.7, and 0, 2, 3 and 4 are always there" {
    statuses() {
        awk '/^\.Sh/ { s = $2 } s == "EXIT" && /^\.It/ { gsub(/[^0-9]+/, "\n"); print }' "$1" |
            sed '/^$/d' | sort -un
    }
    nothing "$(for p in $PROGRAMS; do
        comm -23 <(statuses "man/$p.1" | sort) <(statuses man/kv.7 | sort) | sed "s/^/$p: /"
        for n in 0 2 3 4; do statuses "man/$p.1" | grep -qx "$n" || echo "$p: no $n"; done
    done)"
}

@test "shape: a page refers to pages of ours that exist" {
    nothing "$(grep -hoE '^\.Xr kv[a-z-]* [157]' man/* | sort -u | while read -r _ name section; do
        [ -f "man/$name.$section" ] || echo "$name($section)"
    done)"
}

@test "shape: pages are clean mdoc" {
    run mandoc -Tlint -W warning man/*.[157]
    assert_success
    assert_output ''
}

@test "shape: the tree names no place of whoever wrote it" {
    nothing "$(git grep -nIE '(^|[^a-z])/(work|root|home/[a-z]+)/' -- . ':!tests/data' ':!tests/shape.bats' || true)"
}

@test "shape: the map in lib/README.md names every module" {
    nothing "$(for m in $MODULES; do grep -q "\`$m\`" lib/README.md || echo "$m"; done)"
}

@test "shape: the help of every option is a whole sentence" {
    local m
    nothing "$(for m in man/kv-*.1; do
        awk -v plain=1 -f man/help.awk "$m" | grep -nE '(,|\<(as|by|the|of|and|with|for|to|from|a|or|as for))$'
    done)"
}
