# status.bats - kv-status: what it prints, and when.

load ../helper

setup() {
    kv_setup
    cp "$DATA/states-v1/failures/"results.json.* .
}

@test "status: into a pipe it prints one compact object a state" {
    run --separate-stderr kv-status results.json.state results.json
    assert_success
    assert_stderr ""
    assert_equal "${#lines[@]}" 2
    assert_equal "${lines[0]}" "$(jq -c . <<<"${lines[0]}")"
}

@test "status: into a pipe it counts, and --json is the same with every id" {
    kv-status results.json | jq -S . >counts
    kv-status --json results.json | jq -S 'del(.completed_question_ids, .pending_question_ids,
        .completed_task_ids, .pending_task_ids, .orphan_task_ids)' >whole
    diff <(jq 'del(.timing.elapsed_seconds)' counts) <(jq 'del(.timing.elapsed_seconds)' whole)
    assert_equal "$(jq -c '[.progress.pending_count, .error_count, .complete]' counts)" '[1,4,false]'
}

@test "status: the object in a pipe is as small for many tasks as for few" {
    seq 30000 | sed 's/^/a task with a long name /' | kvtest state create big.json
    run kv-status big.json
    assert_success
    [ "${#output}" -lt 1200 ]
    assert_equal "$(jq .progress.total_tasks <<<"$output")" 30000
}

@test "status: lists longer than what is held at once are whole, sorted, and each question once" {
    pad=$(head -c 700 /dev/zero | tr '\0' n)
    awk -v pad="$pad" 'BEGIN { for (i = 0; i < 50000; i++)
        printf "%s%d\ta:m:\tj:m:\n", pad, i * 7919 % 45000 }' >keys
    awk '!seen[$0]++' keys | kvtest state create big.json
    awk 'NR % 4 == 0' keys | jq -Rc '{task_id: .}' | kv-append -q big.json
    if [ -n "${KV_SAN:-}" ]; then
        kv-status --json big.json >shown
    else
        peak peak.kb kv-status --json big.json >shown
        [ "$(cat peak.kb)" -le 90000 ] || fail "$(cat peak.kb) KB"
    fi
    for list in completed pending; do
        jq -r ".${list}_task_ids[]" shown | cut -f1 | LC_ALL=C sort -u >wanted
        jq -r ".${list}_question_ids[]" shown >got
        cmp wanted got
        assert_equal "$(jq ".${list}_task_ids | length" shown)" "$(jq ".progress.${list}_count" shown)"
    done
}

@test "status: a run that is complete and not finalized says so, and how to end it" {
    cp "$DATA/states-v1/all-done/"results.json.* .
    run kv-status --human results.json
    assert_line --index 0 'results.json: complete, not finalized'
    assert_line 'To end      kv-finalize results.json.state'
    refute_line --partial 'To go on'
    assert_equal "$(kv-status results.json | jq -c '[.complete, .finalized]')" '[true,false]'
    cp "$DATA/exports/many-columns/export.json" done.json
    run kv-status --human done.json
    assert_line --index 0 'done.json: complete, finalized'
    refute_line --partial 'To end'
    assert_equal "$(kv-status done.json | jq -c '[.complete, .finalized]')" '[true,true]'
}

@test "status: complete with errors, it shows how to try them again" {
    printf 'a\nb\n' | kvtest state create out.json
    printf '%s\n' '{"task_id":"a","metadata":{"failure":{"category":"timeout"}}}' '{"task_id":"b"}' |
        kv-append -q out.json
    run kv-status --human out.json
    assert_line 'To retry    kv-run --retry-failed out.json.state | kv-append -q out.json.state'
    assert_line 'To end      kv-finalize out.json.state'
}

@test "status: behind karenina's members stand ours" {
    run --separate-stderr kv-status --json results.json.state
    assert_equal "$(jq -c 'keys_unsorted[11:]' <<<"$output")" \
        '["failed_count","passed_count","wrong_count","declined_count","error_count","unscored_count","truncated_count","filtered_count","refused_count","another_model_count","altered_request_count","orphan_task_ids","hole_count","rate_per_minute","eta_seconds","active","complete","finalized"]'
    assert_equal "$(jq -c '[.failed_count, .orphan_task_ids, .active]' <<<"$output")" '[5,[],false]'
    assert_equal "$(jq -c '[.passed_count, .wrong_count, .declined_count, .error_count, .unscored_count]' <<<"$output")" '[1,1,1,4,0]'
    assert_equal "$(jq '.eta_seconds * .rate_per_minute / 60 | round' <<<"$output")" 1
}

@test "status: the table has the figures" {
    run --separate-stderr kv-status --human results.json.state
    assert_success
    assert_line --index 0 "results.json: in progress"
    assert_line --index 1 "Tasks       [###################################-----]  88% (7/8)"
    assert_line "Pending     1"
    assert_line "Outcomes    1 passed, 1 wrong, 1 declined, 4 errors"
    assert_line "Answering   ans-1 (alder-7b)"
    assert_line "To go on    kv-run results.json.state | kv-append -q results.json.state"
}

@test "status: what a state says cannot steer the terminal" {
    jq -n '{format_version: "1.0", benchmark_path: "b\u001b[2J\u009b31m\r\n", created_at: "\u0007\u007f",
        config: {answering_models: [{id: "a\u001b]0;x\u0007", model_name: "m\nn"}]},
        task_manifest: ["k\u001b\u009b"], completed_task_ids: [], total_tasks: 1}' >hostile.json.state
    echo '{"results":[]}' >hostile.json.tmp
    run --separate-stderr kv-status --human hostile.json
    assert_success
    assert_line 'Benchmark   b?[2J?31m? '
    assert_line 'Started     ??'
    assert_line 'Answering   a?]0;x? (m n)'
    run --separate-stderr kv verify-status -t hostile.json.state
    assert_success
    assert_line '  k\u001b?'
    echo '{"task_id":"x\u001b\u009b2J"}' >in
    run --separate-stderr kv-append hostile.json <in
    assert_failure 3
    assert_regex "$stderr" "<stdin>:1: \"x"
    refute grep -P '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]' <<<"$stderr"
}

@test "status: --pending, --completed and --failed name the tasks in the order of the manifest" {
    run --separate-stderr kv-status --pending results.json.state
    assert_success
    assert_equal "${#lines[@]}" 1
    assert_equal "$(jq -c 'keys_unsorted' <<<"$output")" \
        '["task_id","question_id","answering","parsing","replicate"]'
    assert_equal "$(jq -c '[.answering, .parsing, .replicate]' <<<"$output")" \
        '[{"interface":"langchain","model_name":"alder-7b","tools":[],"config_id":"ans-1"},{"interface":"openai_endpoint","model_name":"dogwood-vl","tools":[],"config_id":null},null]'
    kv-status --completed results.json.state | jq -r .task_id >completed
    kv-status --failed results.json.state | jq -r .task_id >failed
    assert_equal "$(wc -l <completed) $(wc -l <failed)" "7 6"
    jq -r '.task_manifest[]' results.json.state | grep -Fxf completed | cmp - completed
    jq -r '.results[] | select(.metadata.failure) | .metadata.question_id' results.json.tmp | sort >want
    cut -f1 failed | sort | cmp - want
}

@test "status: -q tells by its status alone" {
    run --separate-stderr kv-status -q results.json.state
    assert_failure 1
    assert_output ""
    assert_stderr ""
    run --separate-stderr kv-status -q "$DATA/states-v1/all-done/results.json.state"
    assert_success
    run kv-status -q "$DATA/states-v1/all-done/results.json.state" results.json.state
    assert_failure 1
}

@test "status: a missing state is one line and 3" {
    run --separate-stderr kv-status nothing.json.state
    assert_failure 3
    assert_output ""
    assert_stderr "kv-status: nothing.json.state: no such file or directory"
}

@test "status: options that exclude one another are usage" {
    run --separate-stderr kv-status --json -q results.json.state
    assert_failure 2
    run --separate-stderr kv-status
    assert_failure 2
    assert_stderr "kv-status: no STATE given (try 'kv-status --help')"
}

@test "status: active while a run holds the state" {
    mkfifo wait
    kvtest state hold results.json <wait >held &
    exec 8>wait
    until [ -s held ]; do read -rt 0.01 <> <(:) || true; done
    assert_equal "$(kv-status --json results.json | jq .active)" true
    run --separate-stderr kvtest state hold results.json
    assert_failure 6
    assert_stderr "results.json.state: another run holds this state"
    exec 8>&-
    wait
    assert_equal "$(kv-status --json results.json | jq .active)" false
}

@test "status: --watch ends with the run" {
    printf 'a\nb\n' | kvtest state create out.json
    kv-status --watch --json out.json >seen &
    until [ -s seen ]; do read -rt 0.01 <> <(:) || true; done
    printf '{"task_id":"a"}\n{"task_id":"b"}\n' | kv-append -q out.json
    wait
    assert_equal "$(tail -n1 seen | jq .progress.pending_count)" 0
    assert_equal "$(head -n1 seen | jq .progress.pending_count)" 2
}

@test "status: --watch --shard waits for the tasks of the shard alone" {
    printf '%s\n' a b c d e f g h | kvtest state create out.json
    kv-status --pending --shard 1/2 out.json >first
    kv-status --pending --shard 2/2 out.json >second
    assert [ -s first ]
    assert [ -s second ]
    kv-append -q out.json <first
    run timeout 10 kv-status --watch --pending --shard 1/2 out.json
    assert_success
    assert_output ''
}

@test "status: --watch --human in a pipe is a line a change" {
    printf 'a\nb\n' | kvtest state create out.json
    kv-status --watch --human out.json >seen &
    until [ -s seen ]; do read -rt 0.01 <> <(:) || true; done
    touch out.json.state # nothing else has changed
    printf '{"task_id":"a"}\n' | kv-append -q out.json
    until [ "$(wc -l <seen)" -ge 2 ]; do read -rt 0.01 <> <(:) || true; done
    printf '{"task_id":"b"}\n' | kv-append -q out.json
    wait
    run cut -d' ' -f3- seen
    assert_line --index 0 --regexp '^0 of 2 tasks, in progress: 0 passed'
    assert_line --index 1 --regexp '^1 of 2 tasks, in progress: .* 1 unscored$'
    assert_line --index 2 --regexp '^2 of 2 tasks, complete, not finalized: .* 2 unscored$'
    assert_equal "${#lines[@]}" 3
    run grep -cvE '^[0-9]{2}:[0-9]{2}:[0-9]{2}  ' seen
    assert_output 0
}

@test "status: --watch takes the last table away where a terminal can, and prints lines where not" {
    printf 'a\nb\n' | kvtest state create out.json
    for term in xterm dumb; do
        TERM=$term python3 "$ROOT/tests/peer/terminal.py" kv-status --watch out.json </dev/null >"$term" &
    done
    until [ -s xterm ] && [ -s dumb ]; do read -rt 0.01 <> <(:) || true; done
    printf '{"task_id":"a"}\n{"task_id":"b"}\n' | kv-append -q out.json
    wait
    grep -qF $'\x1b[H\x1b[2Jout.json: complete, not finalized' xterm
    refute grep -q $'\x1b' dumb
    assert_regex "$(tail -n 1 dumb)" '^[0-9:]{8}  2 of 2 tasks, complete, not finalized: '
}

@test "status: --watch shows what is left when the pair was finalized meanwhile" {
    printf 'a\nb\n' | kvtest state create out.json
    kv-status --watch --human out.json >seen &
    until [ -s seen ]; do read -rt 0.01 <> <(:) || true; done
    printf '{"task_id":"a"}\n{"task_id":"b"}\n' | kv-append -q out.json
    kv-finalize out.json >summary
    wait
    assert_regex "$(tail -n1 seen)" '2 of 2 tasks, complete, (not )?finalized'
}

@test "status: the time left is reckoned by the time that runs worked, not by the pauses" {
    local last
    last=$(date -d "$(jq -r .last_updated_at results.json.state)" +%s)
    # 100 s for 5 tasks in earlier runs, and 20 s for 2 in the newest: 3.5 a minute
    echo "100 5 $(((last - 20) * 1000)) 5" >.results.json.run
    assert_equal "$(kv-status results.json | jq '.rate_per_minute, (.eta_seconds | round)' | paste -sd' ')" '3.5 17'
    for nonsense in '' 'x' '1 2 3' '-1 5 0 5' '1 2 3 4 5' '99999999999999999999 1 1 1'; do
        echo "$nonsense" >.results.json.run
        assert [ "$(kv-status results.json | jq '.rate_per_minute')" != 3.5 ]
        kv-status results.json | jq -e .progress.total_tasks >/dev/null
    done
}

@test "status: kv-run notes when it began, and adds what the runs before did" {
    printf '"a"\n"b"\n"c"\n' | kv-manifest --tasks - -o out.json >/dev/null
    kv-run --max-tasks 1 --append --exec 'jq -c {task_id}' out.json 2>err || true
    assert_regex "$(<.out.json.run)" '^0 0 [0-9]{13} 0$'
    # as if that run had begun a minute earlier
    read -r _ _ began _ <.out.json.run
    echo "0 0 $((began - 60000)) 0" >.out.json.run
    kv-run --max-tasks 1 --append --exec 'jq -c {task_id}' out.json 2>err || true
    assert_regex "$(<.out.json.run)" '^(59|60|61) 1 [0-9]{13} 1$'
}

@test "status: -v tells what is odd" {
    run --separate-stderr kv-status -v -q "$DATA/states-v1/counts-disagree/results.json.state"
    assert_equal "${#stderr_lines[@]}" 2
    assert_regex "$stderr" "completed_count is wrong, counted: 2"
    run --separate-stderr kv-status -v -q "$DATA/states-v1/row-without-key/results.json.state"
    assert_regex "$stderr" "results whose key is not recorded: 1"
    run --separate-stderr kv-status -v -q "$DATA/states-v1/key-without-row/results.json.state"
    assert_regex "$stderr" "completed tasks without a result: 1"
    run --separate-stderr kv-status -v -q "$DATA/states-v1/foreign-keys/results.json.state"
    assert_regex "$stderr" "completed tasks that are not in the manifest: 2"
}

@test "status: tasks of any kind have their key and nothing invented" {
    printf 'job 1\n' | kvtest state create out.json
    run --separate-stderr kv-status --pending out.json
    assert_output '{"task_id":"job 1"}'
}

@test "status: counts of a large growing pair come from its first block" {
    seq 200000 | sed 's/^/task-/' | kvtest state create big.json
    run --separate-stderr strace -e trace=pread64,read -o calls kv-status --human big.json
    [ "$status" -eq 0 ] || skip "strace does not work here"
    assert_line --partial "(0/200000)"
    run awk -F= '/big|pread64/ { sum += $NF } END { exit sum > 600000 }' calls
    assert_success
}

@test "status: a run that was finalized is complete, by either name" {
    local export=$DATA/exports/many-columns/export.json
    cp "$export" done.json
    for name in done.json done.json.state; do
        run --separate-stderr kv-status "$name"
        assert_success
        assert_stderr ''
        assert_equal "$(jq -c .progress <<<"$output" | values)" \
            '{"total_tasks":12,"completed_count":12,"pending_count":0,"progress_percent":100}'
        assert_equal "$(jq .timing.elapsed_seconds <<<"$output")" \
            "$(jq .metadata.job_summary.total_duration "$export")"
        assert_equal "$(jq .failed_count <<<"$output")" \
            "$(jq '[.results[] | select(.metadata.failure and .metadata.failure.category != "content")] | length' "$export")"
        kv-status -q "$name"
    done
    assert_equal "$(kv-status --completed done.json | jq -r .question_id)" \
        "$(jq -r '.results[].metadata.question_id' "$export")"
    assert_equal "$(kv-status --completed done.json | jq -c '[.answering, .parsing]')" \
        "$(jq -c '.results[].metadata | [.answering, .parsing]' "$export")"
    assert_equal "$(ls -A | grep done)" done.json
}

@test "status: an export that is not complete is no run" {
    cp "$DATA/exports/mixed/export.json" part.json
    run --separate-stderr kv-status part.json
    assert_failure 3
    assert_stderr 'kv-status: part.json: these are the results of a run that is not finished; its state is another file; without it, kv-manifest --extend-from begins a run with them'
    run --separate-stderr kv-status part.json.state
    assert_failure 3
    assert_stderr 'kv-status: part.json.state: no such file or directory'
}

@test "status: --shard lists the part that kv-manifest cuts, and -q speaks of it" {
    seq 40 | sed 's/.*/"t&"/' >jobs
    kv-manifest --tasks jobs -o all.json >/dev/null
    kv-manifest --print --tasks jobs --shard 2/3 >part
    kv-status --pending --shard 2/3 all.json | cmp part -
    [ "$(wc -l <part)" -gt 5 ]
    kv-append -q all.json <part
    kv-status --completed --shard 2/3 all.json | cmp part -
    run kv-status --pending --shard 2/3 all.json
    assert_output ''
    kv-status -q --shard 2/3 all.json
    run -1 kv-status -q --shard 1/3 all.json
    run -1 kv-status -q all.json
    run -2 kv-status --json --shard 1/3 all.json
    KV_SHARD=1 run kv-status --pending --shard @/3 all.json
    assert_output ''
}

@test "status: --sum tells how far several runs are together" {
    seq 40 | sed 's/.*/"t&"/' >jobs
    for i in 1 2 3; do kv-manifest --tasks jobs --shard $i/3 -o s$i.json >/dev/null; done
    kv-manifest --print --tasks jobs --shard 1/3 | kv-append -q s1.json
    kv-manifest --print --tasks jobs --shard 2/3 | head -n 2 | kv-append -q s2.json
    local one
    one=$(kv-manifest --print --tasks jobs --shard 1/3 | wc -l)
    run --separate-stderr kv-status --sum s1.json s2.json s3.json
    assert_success
    assert_equal "$(jq -c '[.states, .complete_states, .active_states, .progress.total_tasks,
        .progress.completed_count, .progress.pending_count, .failed_count, .unscored_count, .complete]' <<<"$output")" \
        "[3,1,0,40,$((one + 2)),$((38 - one)),0,$((one + 2)),false]"
    run kv-status --sum --human s1.json s2.json s3.json
    assert_line --index 0 '3 runs: 1 complete, 0 active'
    assert_line "Pending     $((38 - one))"
    run -2 kv-status --sum --pending s1.json
}
