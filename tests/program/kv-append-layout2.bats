# layout2.bats - kv-append on karenina's layout 2.0: lines in place, a .state written whole.

load ../helper

use() {
    cp "$DATA/states-v2/$1/"results.json.* .
    chmod u+w results.json.*
}

# A row for another question, made from the first of the pair.
another_row() {
    jq -cR 'fromjson? | select(.metadata.result_id)' results.json.results.jsonl | head -n1 |
        jq -c --arg key "$1" 'del(.metadata.new_key) | .metadata.question_id = ($key | split("\t")[0])'
}

pending() {
    jq -r '.task_manifest - .completed_task_ids | .[0]' "$DATA/states-v2/$1/results.json.state"
}

# The rules of kv-state(5) for the .state.
check_state() {
    jq -e '(.completed_task_ids == (.completed_task_ids | unique))
        and (.failed_task_ids == (.failed_task_ids | unique))
        and .completed_count == (.completed_task_ids | length)
        and .failed_count == (.failed_task_ids | length)
        and .total_tasks == (.task_manifest | length)
        and (keys_unsorted[:14] == ["format_version", "created_at", "last_updated_at",
            "benchmark_path", "output_path", "config_hash", "config", "task_manifest",
            "completed_task_ids", "failed_task_ids", "total_tasks", "completed_count",
            "failed_count", "start_time"])' results.json.state >/dev/null &&
        LC_ALL=C grep -qv '[^ -~]' results.json.state &&
        [ "$(tail -c 1 results.json.state)" = "}" ]
}

@test "layout2: whole runs leave karenina's bytes" {
    local n=0 agreed=0 line step row
    while IFS= read -r line; do
        [ "$(jq -r .layout <<<"$line")" = 2.0 ] || continue
        rm -rf run && mkdir run && cd run
        while IFS= read -r step; do
            local state results
            state=$(jq -r '.state_file.name // empty' <<<"$step")
            results=$(jq -r '.results_file.name // empty' <<<"$step")
            case $(jq -r .op <<<"$step") in
            start)
                mkdir -p "$(dirname "$state")"
                jq -j .state_file.text <<<"$step" >"$state"
                jq -j .results_file.text <<<"$step" >"$results"
                ;;
            add)
                n=$((n + 1))
                # The row as the sidecar must hold it; jq 1.6 would respell its numbers.
                jq -j .results_file.text <<<"$step" >want
                tail -n 1 want | sed 's/"question_id":"/"question_id" : "/' >row
                kv-append -q "$state" row
                cmp want "$results" || continue
                jq -j .state_file.text <<<"$step" | sed 's/"last_updated_at": "[^"]*"//' >want
                sed 's/"last_updated_at": "[^"]*"//' "$state" | cmp want - || continue
                agreed=$((agreed + 1))
                ;;
            esac
        done < <(jq -c '.steps[]' <<<"$line")
        cd ..
    done <"$DATA/lifecycle/lifecycle.jsonl"
    agreement 'lifecycle.jsonl, steps of layout 2.0' "$agreed/$n"
    [ "$agreed" -eq "$n" ] && [ "$n" -gt 3 ]
}

@test "layout2: a result is one compact line, and its key a member of a sorted set" {
    use some-done
    local key
    key=$(pending some-done)
    cp results.json.results.jsonl before
    run --separate-stderr kv-append results.json.state < <(another_row "$key" | sed 's/":/" : /g')
    assert_success
    assert_stdout "$(jq -cn --arg key "$key" '{task_id: $key, completed_count: 3, total_tasks: 4}')"
    head -n -1 results.json.results.jsonl | cmp - before
    tail -n 1 results.json.results.jsonl >row
    assert_equal "$(jq -r .metadata.question_id row)" "${key%%$'\t'*}"
    run grep -c '" : ' row
    assert_output 0
    check_state
    assert_equal "$(kv-status --json results.json | jq -c .progress.pending_count)" 1
}

@test "layout2: what has been done is skipped, a failure superseded" {
    use failures-are-completed
    local rows
    # An answer that was cut off may be superseded as well; the one here is whole.
    sed -i 's/"response_timeout_partial": *true/"response_timeout_partial": false/' results.json.results.jsonl
    rows=$(wc -l <results.json.results.jsonl)
    jq -c 'select(.metadata.failure == null)' results.json.results.jsonl >good
    run --separate-stderr kv-append results.json good
    assert_success
    assert_stdout ""
    assert_equal "$(wc -l <results.json.results.jsonl)" "$rows"
    jq -c 'select(.metadata.failure) | .metadata.failure = null' results.json.results.jsonl |
        head -n 1 >mended
    run --separate-stderr kv-append -q results.json mended
    assert_success
    assert_equal "$(wc -l <results.json.results.jsonl)" $((rows + 1))
    check_state
}

@test "layout2: a torn last line is named and cut, and its task is pending again" {
    use torn-last-line
    local lost
    lost=$(jq -r '.completed_task_ids[]' results.json.state |
        grep -Fxv "$(jq -r '.load_for_resume.result_keys[]' "$DATA/states-v2/torn-last-line/expected.json")")
    run --separate-stderr kv-append -v results.json </dev/null
    assert_equal "$(jq .completed_count results.json.state)" 3 # no line, no batch
    another_row "$lost" >row
    run --separate-stderr kv-append -v results.json row
    assert_success
    assert_regex "${stderr_lines[0]}" "results.json.results.jsonl: a torn record of [0-9]+ bytes at its end is cut"
    assert_equal "${stderr_lines[1]}" "kv-append: ${lost//$'\t'/\\t}: pending again"
    assert_stdout "$(jq -cn --arg key "$lost" '{task_id: $key, completed_count: 3, total_tasks: 3}')"
    jq -es 'length == 3' results.json.results.jsonl
    check_state
}

@test "layout2: a line cut inside a character is cut off" {
    use cut-inside-character
    run --separate-stderr kv-append -v results.json < <(another_row "$(pending cut-inside-character)")
    assert_success
    assert_regex "$stderr" "a torn record of"
    iconv -f utf-8 results.json.results.jsonl | jq -es 'length == 2'
    check_state
}

@test "layout2: a whole last line that lacks its end is ended" {
    use some-done
    truncate -s -1 results.json.results.jsonl
    run --separate-stderr kv-append -v results.json < <(another_row "$(pending some-done)")
    assert_success
    assert_regex "$stderr" "its last line is ended now"
    jq -es 'length == 3' results.json.results.jsonl
}

@test "layout2: lines that are no results are passed over and left alone" {
    use invalid-rows
    cp results.json.results.jsonl before
    run --separate-stderr kv-append -v results.json < <(another_row "$(pending invalid-rows)")
    assert_success
    assert_regex "$stderr" "results.json.results.jsonl:[0-9]+:.*passed over"
    head -n "$(wc -l <before)" results.json.results.jsonl | cmp - before
    check_state
}

@test "layout2: rows are believed over the recorded keys" {
    use row-without-key
    local rows
    rows=$(wc -l <results.json.results.jsonl)
    run --separate-stderr kv-append -q results.json < <(tail -n1 results.json.results.jsonl)
    assert_success
    assert_equal "$(wc -l <results.json.results.jsonl)" "$rows"
    assert_equal "$(jq .completed_count results.json.state)" 2
    check_state
}

@test "layout2: a failed key that gets its result leaves the failed ones" {
    use failed-ids
    local key
    key=$(jq -r '.failed_task_ids - (.failed_task_ids - .task_manifest) | .[0]' results.json.state)
    another_row "$key" | kv-append -q results.json
    assert_equal "$(jq --arg key "$key" '.failed_task_ids | index($key)' results.json.state)" null
    check_state
}

@test "layout2: turns of a scenario go to the one key of that scenario" {
    use scenario-node-override
    local before
    before=$(jq -c .completed_task_ids results.json.state)
    head -n1 results.json.results.jsonl | jq -c '.metadata.scenario_turn = 99' >turn
    kv-append -q results.json turn
    assert_equal "$(jq -c .completed_task_ids results.json.state)" "$before"
    assert_equal "$(tail -n1 results.json.results.jsonl | jq .metadata.scenario_turn)" 99
}

# The manifest is searched for keys that can be taken apart; replicates are numbers.
@test "layout2: a scenario's key is found by what it means" {
    local manifest replicate want
    use scenario-node-override
    jq -c . "$DATA/states-v2/scenario-node-override/results.json.results.jsonl" | head -n1 >row
    while IFS='|' read -r manifest replicate want; do
        echo "$manifest"
        jq --argjson m "$manifest" '.task_manifest = $m | .completed_task_ids = []' \
            "$DATA/states-v2/scenario-node-override/results.json.state" >results.json.state
        jq -c --argjson r "$replicate" '.metadata.scenario_id = "s" | .metadata.replicate = $r' \
            row >results.json.results.jsonl
        run kvtest state rows results.json.state
        assert_output "$want"
    done <<'END'
["s\tx","s\tA\tB","s\tA\tB\trep1"]|null|"s\tA\tB"
["s\tA\tB\trep02","s\tA\tB\trep1"]|2|"s\tA\tB\trep02"
["s\tA\tB\trep1_0"]|10|"s\tA\tB\trep1_0"
["s\tA\tB\trep0"]|0|"s\tA\tB\trep0"
END
}

@test "layout2: the white space that Python strips is stripped from a line" {
    use some-done
    sed -i 's/^/\xc2\xa0\x0b /; s/$/\x1f\xe2\x80\xa8/' results.json.results.jsonl
    run kvtest state rows results.json.state
    assert_success
    assert_equal "${#lines[@]}" 2
}

@test "layout2: a missing .jsonl begins anew" {
    use missing-jsonl
    local key
    key=$(pending missing-jsonl)
    jq -c --arg key "$key" '.metadata.question_id = ($key | split("\t")[0])' \
        <(head -n1 "$DATA/states-v2/some-done/results.json.results.jsonl") >row
    run --separate-stderr kv-append -q results.json row
    assert_success
    assert_equal "$(wc -l <results.json.results.jsonl)" 1
    check_state
}

@test "layout2: a pair that was moved grows where it lies" {
    use moved
    run --separate-stderr kv-append -q results.json < <(another_row "$(pending moved)")
    assert_success
    jq -es 'length == 3' results.json.results.jsonl
    assert_equal "$(jq -r .output_path results.json.state)" /data/run-8/out.json
    [ ! -e /data/run-8 ]
}

@test "layout2: several batches of one process, and another writer in between" {
    use fresh
    cp "$DATA/states-v2/some-done/results.json.results.jsonl" other
    mapfile -t keys < <(jq -r '.task_manifest[]' results.json.state)
    row() {
        head -n1 other | jq -c --arg key "$1" '.metadata.question_id = ($key | split("\t")[0])'
    }
    mkfifo pipe
    kv-append results.json <pipe >acks &
    exec 8>pipe
    row "${keys[0]}" >&8
    until [ "$(wc -l <acks)" -eq 1 ]; do read -rt 0.01 <> <(:) || true; done
    row "${keys[1]}" | kv-append -q results.json
    row "${keys[2]}" >&8
    exec 8>&-
    wait
    assert_equal "$(jq -c '[.completed_count, (.completed_task_ids | length)]' results.json.state)" '[3,3]'
    assert_equal "$(tail -n1 acks | jq .completed_count)" 3
    check_state
}

@test "layout2: --extend adds to the manifest" {
    use some-done
    run --separate-stderr kv-append --extend results.json < <(another_row 'brand-new')
    assert_success
    assert_equal "$(jq -c '.total_tasks' results.json.state)" 5
    assert_regex "$(jq -r '.task_manifest[4]' results.json.state)" '^brand-new'
    check_state
}

@test "layout2: readers know that the task of a torn line is pending again" {
    use torn-last-line
    local lost
    lost=$(jq -r '.completed_task_ids[]' results.json.state |
        grep -Fxv "$(jq -r '.load_for_resume.result_keys[]' "$DATA/states-v2/torn-last-line/expected.json")")
    assert_equal "$(kv-status --pending results.json | jq -r .task_id)" "$lost"
    # A line that is refused mends it as well: the key first, then the line.
    run kv-append -q results.json <<<'{}'
    assert_failure 3
    assert_equal "$(jq -c '[.completed_count, (.completed_task_ids | length)]' results.json.state)" '[2,2]'
    assert_equal "$(kv-status --pending results.json | jq -r .task_id)" "$lost"
    jq -es 'length == 2' results.json.results.jsonl
}

@test "layout2: a row is read as deep as Python reads it" {
    local deep
    deep=$(printf '[%.0s' {1..900})$(printf ']%.0s' {1..900})
    use all-done
    sed -i "1s/\"agent_metrics\":\(null\|{[^}]*}\)/\"agent_metrics\":{\"x\":$deep}/" results.json.results.jsonl
    grep -qF "$deep" results.json.results.jsonl
    run --separate-stderr kv-append -v results.json.state </dev/null
    assert_stderr 'kv-append: 0 kept, 0 skipped, 0 refused'
    run kv-finalize --csv results.json.state
    assert_success
    run python3 -c 'import json; print(len(json.load(open("results.json"))["results"]))'
    assert_output 4
    run kv-status -q results.json.state
    assert_success
}
