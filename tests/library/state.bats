# state.bats - pairs as karenina leaves them, read: who is done, who is pending, what is refused.

load ../helper

# Where we differ from karenina, by layout/case, and why (kv.7, DEVIATIONS).
status_differs() {
    case $1 in
    states-v1/moved | states-v2/moved) echo "paths come from the operand, not from inside the file" ;;
    *) return 1 ;;
    esac
}
load_differs() {
    case $1 in
    states-v1/unknown-config-key) echo "the config is judged by who needs it, not by who counts" ;;
    states-v1/version-two) echo "a 2.0 state is accepted, not refused" ;;
    states-v2/cut-inside-character) echo "a torn line is passed over, also inside a character" ;;
    states-v2/moved) echo "paths come from the operand, not from inside the file" ;;
    *) return 1 ;;
    esac
}

# walk LAYOUT CHECK - every case of a layout; what is known to differ must differ
walk() {
    local dir agreed=0 total=0 listed=0 why
    for dir in "$DATA/$1"/*/; do
        local name
        name=$1/$(basename "$dir")
        total=$((total + 1))
        cd "$dir"
        if "$2" 2>"$BATS_TEST_TMPDIR/why"; then
            if why=$("${2%_agrees}_differs" "$name"); then
                echo "$name: agrees, though it should not: $why"
                continue
            fi
            agreed=$((agreed + 1))
        elif why=$("${2%_agrees}_differs" "$name"); then
            echo "$name: differs: $why"
            listed=$((listed + 1))
        else
            echo "$name: disagrees"
            cat "$BATS_TEST_TMPDIR/why"
        fi
    done
    agreement "$1, ${2%_agrees}" "$agreed/$total" "$listed"
    echo "$1: $agreed agree, $listed listed deviations"
    [ $((agreed + listed)) -eq "$total" ] && [ "$total" -gt 20 ]
}

# What kv-status --json prints is the object of karenina; times that run are left out.
status_agrees() {
    local got rc=0
    got=$(kv-status --json results.json.state) || rc=$?
    if [ "$(jq '.inspect_state_file.error != null' expected.json)" = true ]; then
        [ "$rc" -eq 3 ] && [ -z "$got" ]
        return
    fi
    jq -en --argjson got "$got" --slurpfile e expected.json '
        def plain: .timing.elapsed_seconds = null | .pending_task_ids |= sort;
        $e[0].inspect_state_file.status as $want
        | ($got | with_entries(select(.key | in($want)))) as $common
        | ($got | keys_unsorted[:$want | length]) == ($want | keys_unsorted)
            and ($common | plain) == ($want | plain)' >/dev/null
}

load_agrees() {
    local got rc=0
    got=$(kvtest state load results.json.state) || rc=$?
    if [ "$(jq '.load_for_resume.error != null' expected.json)" = true ]; then
        [ "$rc" -eq 3 ]
        return
    fi
    [ "$rc" -eq 0 ] || return
    # Layout 2.0 counts a task as completed when a row of it is there.
    kvtest state rows results.json.state | jq -s . >"$BATS_TEST_TMPDIR/rows"
    jq -en --argjson got "$got" --slurpfile rows "$BATS_TEST_TMPDIR/rows" --slurpfile e expected.json \
        --arg layout "${PWD%/*}" '
        $e[0].load_for_resume as $want | $rows[0] as $rows
        | (if $layout | endswith("states-v2") then $rows else [] end) as $more
        | ($got.completed + $more | unique) as $completed
        | {completed: $completed, completed_count: ($completed | length),
           pending: ($got.pending - $more | sort), result_keys: $rows, results: $got.results,
           total_tasks: $got.total_tasks, benchmark_path: $got.benchmark_path,
           output_path: $got.output_path, start_time: $got.start_time,
           config_hash: $got.config_hash}
        | [to_entries[] | select(.value != $want[.key] and ($want | has(.key)))
            | select(.key != "pending" or (.value | unique) != ($want.pending | unique))
            | select(.key != "completed" or (.value | unique) != ($want.completed | unique))]
        | if . == [] then true else (. | tostring | stderr | false) end' >/dev/null
}

@test "state: the status of every 1.0 pair is karenina's" {
    run walk states-v1 status_agrees
    assert_success
    assert_line "states-v1: 39 agree, 1 listed deviations"
}

@test "state: the status of every 2.0 pair is karenina's" {
    run walk states-v2 status_agrees
    assert_success
    assert_line "states-v2: 26 agree, 1 listed deviations"
}

@test "state: every 1.0 pair loads as there, or is refused as there" {
    run walk states-v1 load_agrees
    assert_success
    assert_line "states-v1: 38 agree, 2 listed deviations"
}

@test "state: every 2.0 pair loads as there, or is refused as there" {
    run walk states-v2 load_agrees
    assert_success
    assert_line "states-v2: 25 agree, 2 listed deviations"
}

@test "state: what is wrong is named with its place" {
    cd "$DATA/states-v1"
    while IFS='|' read -r case text; do
        cd "$case"
        echo "$case"
        run --separate-stderr kvtest state load results.json.state
        assert_failure 3
        assert_stderr "$text"
        cd ..
    done <<'END'
empty-state|results.json.state:1:1: unexpected end
truncated-state|results.json.state:99:5: unterminated string
truncated-tmp|results.json.tmp:2:3275: unterminated string
state-with-bom|results.json.state:1:1: byte-order mark
state-is-array|results.json.state:1:1: expected an object
tmp-is-array|results.json.tmp:1:1: expected an object
missing-tmp|results.json.tmp: results file not found (the state results.json.state exists but the results are missing)
missing-required-key|results.json.state: task_manifest is missing
version-missing|results.json.state: incompatible state format version: None (supported: ['1.0', '2.0'])
version-number|results.json.state: incompatible state format version: 1.0 (supported: ['1.0', '2.0'])
wrong-version|results.json.state: incompatible state format version: 1.1 (supported: ['1.0', '2.0'])
END
}

@test "state: the pair is found from either name, wherever it lies" {
    mkdir -p a.state/b
    cp "$DATA/states-v1/two-of-three/"results.json.* a.state/b
    for operand in a.state/b/results.json.state a.state/b/results.json ./a.state//b/./results.json; do
        run --separate-stderr kv-status --json "$operand"
        assert_success
        assert_equal "$(json '.state_file + " " + .output_path' <<<"$output")" \
            "a.state/b/results.json.state a.state/b/results.json"
        assert_equal "$(json .files.tmp_file_exists <<<"$output")" true
    done
}

@test "state: a growing pair is read back as it was made" {
    printf 'b\na\n"quoted" \\ é\n' | kvtest state create results.json
    run --separate-stderr kvtest state load results.json
    assert_success
    assert_equal "$(json -c '[.pending[], .total_tasks, .pending_count, .results]' <<<"$output")" \
        '["b","a","\"quoted\" \\ é",3,3,0]'
    run jq -c '[.kv_note, .benchmark_path, .output_path, .completed_task_ids]' results.json.state
    assert_output '["ours","bench.jsonld","results.json",[]]'
    run jq -c '[.format_version, .metadata.job_id, .results]' results.json.tmp
    assert_output '["2.2","progressive-1790000000",[]]'
}

@test "state: a manifest that names a task twice makes no pair" {
    run --separate-stderr kvtest state create results.json < <(printf 'a\nb\na\n')
    assert_failure 3
    assert_stderr "task a: given twice"
    run ls -A
    refute_output --partial results.json
}

@test "state: an existing pair is not overwritten" {
    echo a | kvtest state create results.json
    cp results.json.state before
    run --separate-stderr kvtest state create results.json < <(echo b)
    assert_failure 3
    assert_stderr "results.json.state: exists already"
    cmp before results.json.state
}

@test "state: counts that a hostile file declares cost nothing" {
    cp "$DATA/states-v1/fresh/"results.json.* .
    sed -i 's/"total_tasks": 3/"total_tasks": 900000000/' results.json.state
    run --separate-stderr kv-status --json results.json
    assert_success
    assert_equal "$(json -c '[.progress.total_tasks, .progress.pending_count]' <<<"$output")" \
        '[900000000,3]'
}

# What karenina's loader does not look at is no reason to refuse.
@test "state: members that are only shown may be anything, and are shown as they are" {
    cp "$DATA/states-v1/one-of-three/"results.json.* .
    chmod u+w results.json.*
    jq '.created_at = 5 | .last_updated_at = null | .output_path = []' results.json.state >odd
    sed -i 's/"temperature": 0,/"temperature": NaN,/; s/"temperature": 0.0,/"temperature": NaN,/' odd
    mv odd results.json.state
    run grep -c NaN results.json.state
    assert_output 1
    run --separate-stderr kv-status --json results.json.state
    assert_success
    assert_equal "$(json -c '[.timing.created_at, .timing.last_updated_at, .output_path,
        .progress.completed_count]' <<<"$output")" '[5,null,"results.json",1]'
    run kvtest state load results.json.state
    assert_success
}

@test "state: results that are given twice are refused" {
    cp "$DATA/states-v1/one-of-three/"results.json.* .
    chmod u+w results.json.*
    printf '{"results": [],\n"results": []}' >results.json.tmp
    run --separate-stderr kvtest state load results.json.state
    assert_failure 3
    assert_stderr "results.json.tmp:2: results are given twice"
}
