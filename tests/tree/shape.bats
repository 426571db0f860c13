# What the tree promises about itself: the rooms, borders, names, pages.
# shellcheck disable=SC2016
load ../helper

# The lists of the Makefile, one a line, read once.
setup_file() {
    make -s --no-print-directory -C "$ROOT" PKG_CONFIG=: --eval='list:; @printf "%s\n" "ROOMS $(ROOMS)" \
        "PROGRAMS $(PROGRAMS)" $(foreach r,$(ROOMS),"SEES_$r $(SEES_$r)")' list >"$BATS_FILE_TMPDIR/lists"
}

setup() {
    kv_setup
    cd "$ROOT" || return
    ROOMS=$(make_list ROOMS)
    PROGRAMS=$(make_list PROGRAMS)
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
    files=$(printf '%s\n' lib/*/*.[ch] bin/*.c | grep -vxF "$(printf '%s\n' "$@")")
    # shellcheck disable=SC2086
    grep -nE "$pattern" $files | grep -vE '^[^:]+:[0-9]+: *(/\*|\*|//)' || true
}

# make_list NAME - a list of the Makefile
make_list() {
    sed -n "s/^$1 //p" "$BATS_FILE_TMPDIR/lists"
}

# objects ROOM - what is built of its sources; an object whose source has gone is none of it
objects() {
    basename -s .c lib/"$1"/*.c | sed "s|.*|$OUT/$1/&.o|"
}

# seen - pairs "ROOM OTHER" of what a room may see, itself included, sorted
seen() {
    for room in $ROOMS; do
        printf "$room %s\n" "$room" $(make_list "SEES_$room")
    done | sort -u
}

@test "shape: a file includes only headers of its room and of the rooms its room may see" {
    printf '%s\n' lib/*/*.h | sed -E 's|lib/(.*)/(.*)|\2 \1|' | sort >"$T/owners"
    grep -o '^#include "[a-z0-9_]*\.h' lib/*/*.[ch] | sed -E 's|lib/(.*)/[^:]*:#include "(.*)|\2 \1|' | sort -u >"$T/included"
    assert [ "$(wc -l <"$T/included")" -gt 100 ]
    nothing "$(join -o 1.2,2.2 "$T/included" "$T/owners" | sort -u | comm -23 - <(seen))"
}

@test "shape: a room is linked only with what it may see" {
    for room in $ROOMS; do
        objects "$room" | xargs -d '\n' nm -g | sed -nE "s/^[0-9a-f]+ [A-Z] (kv_.*)/D \1 $room/p; s/^ +U (kv_.*)/U \1 $room/p"
    done | sort -u >"$T/symbols"
    assert [ "$(grep -c '^D' "$T/symbols")" -gt 500 ]
    nothing "$(join -o 1.2,2.2 <(sed -n 's/^U //p' "$T/symbols" | sort) <(sed -n 's/^D //p' "$T/symbols" | sort) |
        sort -u | comm -23 - <(seen))"
}

@test "shape: a room sees only rooms before it" {
    seen=' '
    for room in $ROOMS; do
        for r in $(make_list "SEES_$room"); do
            case $seen in *" $r "*) ;; *) fail "$room sees $r, which comes later" ;; esac
        done
        seen="$seen$room "
    done
}

# never ROOM ROOM... - the first may not see the others, whatever the Makefile is made to say
never() {
    local room=$1 r
    shift
    for r; do
        case " $(make_list "SEES_$room") " in *" $r "*) echo "$room sees $r" ;; esac
    done
}

@test "shape: judging knows no run and no network, and files know no JSON" {
    nothing "$(
        never judge state store model
        never model benchmark template result
        never pipeline state store
        never state benchmark template config
        never file json
    )"
}

@test "shape: every room has a README of at most 40 lines, but for the growing document's" {
    for room in $ROOMS; do
        head -n 1 "lib/$room/README.md" | grep -q "^# $room: " || fail "lib/$room/README.md does not say what the room is"
        [ "$room" = file ] || [ "$(wc -l <"lib/$room/README.md")" -le 40 ] || fail "lib/$room/README.md is long"
    done
}

@test "shape: calls that stand in comments exist, with that many arguments" {
    nothing "$(python3 tests/tree/manual.py lib/*.[ch] lib/*/*.[ch] bin/*.c tests/*/*.[ch] share/examples/*.c)"
}

@test "shape: comments cite pages and READMEs that are in the tree" {
    nothing "$(grep -rnoE '\b[a-zA-Z0-9_./-]+\.md\b' lib bin tests --include='*.[ch]' | while IFS=: read -r file line cited; do
        [ -f "$cited" ] || [ -f "$(dirname "$file")/$cited" ] || echo "$file:$line: $cited"
    done)"
}

@test "shape: a comment states what a function does, and asks nothing" {
    nothing "$(grep -nE '/\* (Is|Are|Was|Were|Has|Have|Had|Do|Does|Did|May|Might|Can|Must|Will|Would|Who|What|Which|How|Why)\b[^*]*\?' lib/*.[ch] lib/*/*.[ch] bin/*.c)"
}

@test "shape: base names are unique in the tree" {
    nothing "$(basename -a lib/*/*.c lib/*/*.h | sort | uniq -d)"
}

@test "shape: libjq has one border" {
    nothing "$(border '<j[vq]\.h>' lib/judge/jq.c)"
}

@test "shape: libcurl has one border" {
    nothing "$(border '<curl/' lib/model/http*.c lib/model/http_setting.h lib/model/http_transfer.h)"
}

@test "shape: only io renames, syncs and locks" {
    nothing "$(border '\b(rename|renameat2?|fsync|fdatasync|flock|sync_file_range|linkat)\(' \
        lib/file/io*.c)"
}

@test "shape: in the library only cli speaks to stderr, reads the environment and exits" {
    nothing "$(border '\b(stderr|STDERR_FILENO|perror|(secure_)?getenv *\(|exit *\()' lib/cli/cli.c bin/*.c)"
}

@test "shape: no call that cannot be used safely" {
    nothing "$(border '\b(strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|atof|gets|alloca)\(')"
}

@test "shape: every source begins by saying what it is" {
    nothing "$(awk 'FNR == 1 {
        name = FILENAME
        gsub(/.*\/|\.[ch]$/, "", name)
        if (index($0, "/* " name " - ") != 1)
            print FILENAME
    }' lib/*/*.[ch] bin/*.c)"
}

@test "shape: no source has passed 600 lines" {
    nothing "$(wc -l lib/*/*.c bin/*.c tests/bin/*.c tests/kvtest/*.c tests/peer/*.c | awk '$1 > 600 && $2 != "total"')"
}

@test "shape: the library exports at most 25 names, all of them kv_" {
    names=$(nm -D --defined-only "$OUT/libkv.so" | awk '{ print $3 }')
    assert [ "$(wc -l <<<"$names")" -le 25 ]
    nothing "$(grep -vE '^(kv_|KV_0$|_init$|_fini$|__asan|__odr_asan|__ubsan)' <<<"$names")"
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
    wanted='NAME SYNOPSIS DESCRIPTION (VERBS )?OPTIONS (SELECTION OPTIONS |INPUT OPTIONS |LIMIT OPTIONS '
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
    git rev-parse >/dev/null 2>&1 || skip 'a source archive has no list of what belongs to it'
    nothing "$(git grep -nIE '(^|[^a-z])/(work|root|home/[a-z]+)/' -- . ':!tests/data' ':!tests/tree/shape.bats' || true)"
}

@test "shape: the plan in lib/README.md names every room" {
    nothing "$(for r in $ROOMS; do grep -q "^| $r |" lib/README.md || echo "$r"; done)"
}

@test "shape: the help of every option is a whole sentence" {
    local m
    nothing "$(for m in man/kv-*.1; do
        awk -v plain=1 -f man/help.awk "$m" | grep -nE '[^ ]  .*(,|:|\<(as|by|the|of|and|with|for|to|from|a|or|as for|see|what|which|that|suffix))$'
    done)"
}

@test "shape: no function has more than 40 lines, its head and its braces included" {
    nothing "$(awk 'FNR == 1 { head = 1 }
        /^$|^#|\*\/$|^}/ { head = FNR + 1 }
        /^{$/ { from = head }
        /^}$/ && from { if (FNR - from >= 40) print FILENAME ":" from ": " FNR - from + 1; from = 0 }' \
        lib/*.c lib/*/*.c bin/*.c)"
}

@test "shape: each of the 28 cases of batches has a test that names it, as (T1)" {
    nothing "$(seq -f T%g 28 | grep -vxF "$(grep -h '^@test' tests/*/*.bats | grep -oE '\(T[0-9]+\)' | tr -d '()')")"
}
