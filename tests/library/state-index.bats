# The private index beside a pair: there from the start, and filled in one piece.
load ../helper

# The rows of an export that a new run begins with.
extend() {
    cp "$DATA/exports/mixed/export.json" old.json
    jq -nc '{id: "q1", question: "What is one?", template: {fields: [{name: "n", type: "int",
        description: "d", ground_truth: 1, verify_with: {type: "NumericExact"}}]}}' >b.jsonl
    jq -n '{answering_models: [{id: "a", model_name: "a", interface: "openai_endpoint", system_prompt: "."}],
        parsing_models: [{id: "j", model_name: "j", interface: "openai_endpoint"}]}' >p.json
    kv-manifest -b b.jsonl -c p.json -o r.json "$@" >/dev/null
}

@test "index: a new pair has its own: the first add reads nothing else" {
    extend
    run --separate-stderr kv-append -v r.json <<<'{"task_id":"no such task"}'
    assert_failure 3
    [[ $stderr != *"built anew"* ]]
}

@test "index: a pair that begins with rows knows where each of them lies" {
    extend --extend-from old.json
    kept=$(jq '.results | length' r.json.tmp)
    assert [ "$kept" -gt 1 ]
    # Each row once more: what is settled is skipped, a failure that is the same again as well.
    sed -n '1d; s/,$//; /^{.*}$/p' r.json.tmp >again
    assert_equal "$(wc -l <again)" "$kept"
    run --separate-stderr kv-append -v r.json <again
    assert_success
    assert_stderr "kv-append: 0 kept, $kept skipped, 0 refused"
    # The same from an index made out of the files.
    cp .r.json.index first
    rm .r.json.index
    run --separate-stderr kv-append -v r.json <again
    assert_regex "$stderr" "built anew"
    assert_regex "$stderr" "0 kept, $kept skipped, 0 refused"
    cmp -i 4096 first .r.json.index # all but its header
}

@test "index: a pair of others is mended with few calls, however many its tasks are" {
    command -v strace >/dev/null || skip 'no strace'
    for i in $(seq 20000); do echo "task-$i"; done | kvtest state create r.json
    printf '{"task_id":"task-%s"}\n' $(seq 5000) | kv-append -q r.json
    jq . r.json.state >x && cat x >r.json.state # in nobody's form
    jq . r.json.tmp >x && cat x >r.json.tmp
    run --separate-stderr env ASAN_OPTIONS=detect_leaks=0 strace -f -c -o calls -e trace=pread64,pwrite64 \
        kv-append -v r.json <<<'{"task_id":"task-20000"}'
    assert_success
    assert_regex "$stderr" "written anew"
    [[ $stderr != *"built anew"* ]] || fail 'what was written was read once more'
    calls=$(awk '$NF == "total" { print $4 }' calls)
    [ "$calls" -lt 500 ] || fail "$calls calls of pread and pwrite"
    assert_equal "$(jq -c '[.total_tasks, .completed_count, .row_count]' r.json.state)" '[20000,5001,5001]'
}
