# doc.bats - documents that grow together: what a commit promises and what it recovers from.

load ../helper

# shellcheck disable=SC2154 # run --separate-stderr sets stderr

in_place='doc-driver: first appended in place, second appended in place'

# pair [ID...] - a fresh pair r.tmp, r.state with these rows, one commit each
pair() {
    local id
    doc-driver create r 3
    for id; do
        add "$id"
    done
}

add() {
    printf '{"task_id":"%s","text":"of %s"}\n' "$1" "$1" | doc-driver -v add r
}

rows() {
    json -c '[.results[].task_id] | join(" ")' r.tmp
}

assert_pair() {
    assert_equal "$(rows)" "$1"
    assert_equal "$(json '.completed_task_ids | join(" ")' r.state)" "$1"
    assert_equal "$(json .rows r.tmp)" "$(wc -w <<<"$1")"
}

@test "doc: a new pair is two valid documents with nothing in them" {
    run --separate-stderr doc-driver create r 3
    assert_success
    assert_stdout ''
    assert_stderr ''
    assert_equal "$(cat r.tmp)" $'{"rows":           0,"results":[\n]}'
    assert_equal "$(json -c .task_manifest r.state)" '["task-000000000","task-000000001","task-000000002"]'
}

@test "doc: the first add to a new pair is in place, and so is every other" {
    needs_growth
    pair
    for id in a b c; do
        run --separate-stderr add "$id"
        assert_success
        assert_stdout ''
        assert_stderr "$in_place"
    done
    assert_pair 'a b c'
    assert_equal "$(tail -n 2 r.tmp)" $'{"task_id":"c","text":"of c"}\n]}'
}

@test "doc: many rows in one commit lie one a line in their order" {
    pair
    run --separate-stderr doc-driver stream r < <(seq -f '{"task_id":"n%g"}' 1000)
    assert_success
    assert_equal "$(wc -l <<<"$output")" 1000
    assert_pair "$(seq -s ' ' -f 'n%g' 1000)"
}

@test "doc: an edit by another program is kept, at the price of one copy" {
    needs_growth
    pair a b
    sed -i 's/of a/by hand/' r.tmp
    run --separate-stderr add c
    assert_success
    assert_stderr 'doc-driver: first copied whole: the document was changed by another program, second appended in place'
    assert_equal "$(json '.results[0].text' r.tmp)" 'by hand'
    run --separate-stderr add d
    assert_stderr "$in_place"
    assert_pair 'a b c d'
}

@test "doc: an edit in place that changes neither size nor inode is kept" {
    pair a b
    printf 'OF a' | dd of=r.tmp bs=1 seek="$(grep -obF 'of a' r.tmp | cut -d: -f1)" conv=notrunc status=none
    run --separate-stderr add c
    assert_success
    assert_equal "$(json '.results[0].text' r.tmp)" 'OF a'
    assert_pair 'a b c'
}

@test "doc: a restored backup is taken as it is" {
    pair a b
    cp r.tmp r.tmp.bak
    cp r.state r.state.bak
    add c
    cp r.tmp.bak r.tmp
    cp r.state.bak r.state
    run --separate-stderr add d
    assert_success
    assert_pair 'a b d'
}

@test "doc: every private file may be deleted between commits" {
    needs_growth
    for name in .r.lock .r.tmp.spare0 .r.state.spare0; do
        pair a b
        rm "$name"
        run --separate-stderr add c
        assert_success
        assert_regex "$stderr" 'copied whole'
        run --separate-stderr add d
        assert_stderr "$in_place"
        assert_pair 'a b c d'
        doc-driver remove r
    done
}

@test "doc: a spare that was written to by somebody is thrown away" {
    needs_growth
    pair a b
    printf 'x' >>.r.tmp.spare0
    run --separate-stderr add c
    assert_success
    assert_stderr 'doc-driver: first copied whole: the spare is missing or was touched, second appended in place'
    assert_pair 'a b c'
}

@test "doc: a backup by hard link is never written into" {
    pair a b
    ln r.tmp backup
    before=$(cat backup)
    add c
    add d
    add e
    assert_equal "$(cat backup)" "$before"
    assert_pair 'a b c d e'
}

@test "doc: permissions of the visible document stay" {
    pair a
    chmod 640 r.tmp
    for id in b c d; do
        add "$id"
        assert_equal "$(stat -c %a r.tmp)" 640
    done
}

@test "doc: the lock file has the permissions of what it protects" {
    umask 022
    pair a
    chmod 660 r.tmp
    rm .r.lock
    add b
    assert_equal "$(stat -c %a .r.lock)" 660
}

@test "doc: a reader that has a version open never sees it change" {
    pair a b
    exec 7<r.tmp
    for id in c d e f; do
        add "$id"
    done
    run cat <&7
    exec 7<&-
    assert_equal "$(jq -c '[.results[].task_id]' <<<"$output")" '["a","b"]'
    assert_pair 'a b c d e f'
}

@test "doc: a reader that holds a version costs one copy, then nothing" {
    needs_growth
    pair a b
    exec 7<r.tmp
    add c
    run --separate-stderr add d
    assert_stderr 'doc-driver: first copied whole: a reader holds the spare, second appended in place'
    for id in e f g; do
        run --separate-stderr add "$id"
        assert_stderr "$in_place"
    done
    exec 7<&-
    run --separate-stderr add h
    assert_stderr "$in_place"
    assert_pair 'a b c d e f g h'
}

@test "doc: readers that hold every spare cost a copy and are not disturbed" {
    pair a
    exec 6<r.tmp
    add b
    exec 7<r.tmp
    add c
    exec 8<r.tmp
    for id in d e f; do
        run --separate-stderr add "$id"
        assert_success
    done
    assert_equal "$(json -c '[.results[].task_id]' <&6)" '["a"]'
    assert_equal "$(json -c '[.results[].task_id]' <&7)" '["a","b"]'
    assert_equal "$(json -c '[.results[].task_id]' <&8)" '["a","b","c"]'
    exec 6<&- 7<&- 8<&-
    assert_pair 'a b c d e f'
}

@test "doc: a foreign layout is refused and left alone" {
    pair a b
    jq . r.tmp >pretty
    mv pretty r.tmp
    before=$(cat r.tmp)
    run --separate-stderr add c
    assert_failure 3
    assert_stderr 'doc-driver: not a pair of this driver'
    assert_equal "$(cat r.tmp)" "$before"
}

@test "doc: what is no file is refused without waiting for it" {
    mkfifo r.tmp
    run --separate-stderr timeout 10 doc-driver create r 1
    assert_failure 3
    assert_stderr 'doc-driver: r.tmp: not a regular file'
    run --separate-stderr doc-driver create absent/r 1
    assert_failure 3
    assert_stderr 'doc-driver: absent: no such file or directory'
}

@test "doc: documents written anew keep their content and grow in place at once" {
    needs_growth
    pair a b
    run --separate-stderr doc-driver rewrite r
    assert_success
    assert_pair 'a b'
    run --separate-stderr add c
    assert_stderr "$in_place"
    assert_pair 'a b c'
}

@test "doc: a new pair in the place of another has nothing of it" {
    pair a b
    run --separate-stderr doc-driver create r 1
    assert_success
    assert_pair ''
    add c
    assert_pair c
}

@test "lineage: it stays as long as all changes are commits" {
    pair a
    first=$(doc-driver lineage r)
    add b
    add c
    assert_equal "$(doc-driver lineage r)" "$first"
    assert_regex "$first" '^[0-9a-f]{32}$'
}

@test "lineage: it is new after an edit, and then stays" {
    pair a b
    first=$(doc-driver lineage r)
    sed -i 's/of a/by hand/' r.tmp
    second=$(doc-driver lineage r)
    refute [ "$second" = "$first" ]
    assert_equal "$(doc-driver lineage r)" "$second"
    add c
    assert_equal "$(doc-driver lineage r)" "$second"
}

@test "lineage: it is new after a rewrite, a lost record and a spare put in place by hand" {
    needs_growth
    pair a b
    first=$(doc-driver lineage r)
    doc-driver rewrite r
    second=$(doc-driver lineage r)
    refute [ "$second" = "$first" ]
    rm .r.lock
    third=$(doc-driver lineage r)
    refute [ "$third" = "$second" ]
    add c
    assert_equal "$(doc-driver lineage r)" "$third"
    mv .r.tmp.spare0 r.tmp
    refute [ "$(doc-driver lineage r)" = "$third" ]
}

@test "lineage: looking at an untouched pair costs the next commit nothing" {
    needs_growth
    pair a b
    doc-driver lineage r
    run --separate-stderr add c
    assert_stderr "$in_place"
}

@test "lock: who does not want to wait is told that another holds it" {
    pair a
    mkfifo until held
    doc-driver hold r <until >held 3>&- &
    exec 9>until
    read -r line <held
    assert_equal "$line" held
    run --separate-stderr doc-driver try r
    assert_failure 6
    assert_stderr 'doc-driver: .r.lock: held by another process'
    exec 9>&-
    wait
    run --separate-stderr doc-driver try r
    assert_success
}

@test "remove: nothing of the pair is left, and readers keep what they have open" {
    pair a b
    touch .r.index
    exec 7<r.tmp
    add c
    run --separate-stderr doc-driver remove r
    assert_success
    assert_equal "$(find . -name 'r.*' -o -name '.r.*')" ''
    assert_equal "$(json -c '[.results[].task_id]' <&7)" '["a","b"]'
    exec 7<&-
}

@test "remove: a look at a pair that is not there leaves nothing behind" {
    run --separate-stderr doc-driver lineage r
    assert_success
    assert_equal "$(find . -name 'r.*' -o -name '.r.*')" ''
}

@test "doc: without reliable leases every commit copies, with the same result" {
    mkdir other
    if ! mount -t ramfs none other 2>/dev/null; then
        skip 'needs the right to mount'
    fi
    cd other
    run --separate-stderr pair a b
    local way='copied whole: this file system has no reliable leases'
    local said=$stderr
    exec 7<r.tmp
    add c
    local names lineage again copy
    names=$(find . -name 'r.*' -o -name '.r.*' | sort | tr '\n' ' ')
    lineage=$(doc-driver lineage r)
    add d
    again=$(doc-driver lineage r)
    copy=$(cat r.tmp)
    old=$(json -c '[.results[].task_id]' <&7)
    exec 7<&-
    cd ..
    umount other
    assert_equal "$said" "doc-driver: first $way, second $way"$'\n'"doc-driver: first $way, second $way"
    assert_equal "$names" './.r.lock ./r.state ./r.tmp '
    assert_equal "$again" "$lineage"
    assert_equal "$old" '["a","b"]'
    assert_equal "$(jq -c '[.results[].task_id]' <<<"$copy")" '["a","b","c","d"]'
}

@test "doc: without reliable leases nothing is acknowledged that the lock file does not take, and no version is open while names change" {
    strace -o /dev/null true 2>/dev/null || skip "strace cannot trace here"
    export ASAN_OPTIONS=detect_leaks=0 # LeakSanitizer does not work under strace
    mkdir other
    mount -t ramfs none other 2>/dev/null || skip 'needs the right to mount'
    cd other
    pair a
    printf '{"task_id":"b"}\n' >b
    local acked status=0 held
    # The third sync of a commit, behind those of the two documents, is that of the lock file.
    acked=$(strace -qq -o /dev/null -e inject=fdatasync:error=EIO:when=3 doc-driver stream r <b 2>../said) || status=$?
    strace -qq -o ../trace -e trace=openat,close,renameat doc-driver add r <b
    held=$(awk -F'[(,) ]+' '
        /^openat/ && /"r\.(tmp|state)"/ && $NF >= 0 { open[$NF] = 1 }
        /^close/ { delete open[$2] }
        /^renameat/ { for (fd in open) print fd }' ../trace)
    cd ..
    umount other
    [ "$status" -ne 0 ]
    assert_equal "$acked" ""
    grep -q 'r.lock: sync: ' said
    assert_equal "$held" ""
    grep -q renameat trace
}
