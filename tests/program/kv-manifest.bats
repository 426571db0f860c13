# kv-manifest: what has to run is listed, and the pair of files is made.
load ../helper

setup() {
    kv_setup
    unset EMBEDDING_CHECK EMBEDDING_CHECK_MODEL EMBEDDING_CHECK_THRESHOLD KARENINA_ASYNC_ENABLED \
        KARENINA_ASYNC_MAX_WORKERS KARENINA_MAX_CONCURRENT_LLM_REQUESTS
    cp "$DATA/benchmarks/plain.jsonld" b.jsonld
    jq -n '{answering_models: [{id: "a", model_name: "m", interface: "openai_endpoint",
            endpoint_base_url: "http://h/v1", endpoint_api_key: "sk-secret"}],
        parsing_models: [{id: "j", model_name: "j", interface: "openrouter"}], replicate_count: 2}' >p.json
}

# stderr_says TEXT - after run --separate-stderr: the text is somewhere in it
stderr_says() {
    # shellcheck disable=SC2154
    [[ $stderr == *"$1"* ]] || fail "stderr: $stderr"
}

# spec - a template that any question may have
spec() {
    printf '%s' '{"class_name":"Answer","fields":[{"name":"x","type":"str","description":"d","ground_truth":"g","verify_with":{"type":"ExactMatch"}}]}'
}

@test "manifest: --print lists karenina's manifests" {
    local f agreed=0 total=0
    for f in "$DATA"/benchmarks/manifest-*.json; do
        # Those with tool servers are refused; bench.bats has their manifests.
        json -e 'any(.config.answering_models[]; .mcp_urls_dict)' "$f" >/dev/null && continue
        total=$((total + 1))
        # Templates that are code would be refused too.
        jq '.config | .evaluation_mode = "rubric_only"' "$f" >c.json
        set -- -b "$DATA/benchmarks/$(json .benchmark "$f")" -c c.json
        [ "$(json .questions "$f")" = null ] || set -- "$@" --questions "$(json .questions "$f")"
        [ "$(json .question_ids "$f")" = null ] ||
            set -- "$@" --question-ids "$(json '.question_ids | join(",")' "$f")"
        if [ "$(kv-manifest --print "$@" | jq -s -c '[.[].task_id]')" = "$(jq -c .manifest "$f")" ]; then
            agreed=$((agreed + 1))
        else
            echo "disagrees: $f"
        fi
    done
    agreement 'manifests, printed' "$agreed/$total"
    [ "$agreed/$total" = 14/14 ]
}

@test "manifest: a checkpoint is refused where karenina refuses it" {
    local line agreed=0 total=0
    jq '.evaluation_mode = "rubric_only"' p.json >c.json # so that templates do not matter
    while IFS= read -r line; do
        total=$((total + 1))
        json -j .text <<<"$line" >c.jsonld
        status=0
        kv-manifest --print -b c.jsonld -c c.json >out 2>err || status=$?
        want=$(json 'if .error or .rubric_error then 3 elif .finished_ids == [] then 3 else 0 end' <<<"$line")
        if [ "$status" -eq "$want" ]; then
            agreed=$((agreed + 1))
        else
            echo "disagrees: $(json .name <<<"$line"): $status, not $want: $(cat err)"
        fi
    done <"$DATA/benchmarks/load-checks.jsonl"
    agreement 'load-checks.jsonl, exit status' "$agreed/$total"
    [ "$agreed" -eq 54 ]
}

@test "manifest: the pair is made, both files, and told" {
    run --separate-stderr kv-manifest -b b.jsonld -c p.json -o ./out//r.json
    assert_failure 3 # no such directory
    mkdir out
    run --separate-stderr kv-manifest -b b.jsonld -c p.json -o ./out//r.json
    assert_success
    assert_stderr ""
    assert_equal "$(json -c 'del(.config_hash)' <<<"$output")" '{"state_file":"out/r.json.state","tmp_file":"out/r.json.tmp","output_path":"out/r.json","total_tasks":16,"completed_count":0}'
    run jq -c '[.format_version, .total_tasks, (.task_manifest | length), .benchmark_path, .output_path, .completed_task_ids, (.config | keys | length), .config.rubric_enabled]' out/r.json.state
    assert_output '["1.0",16,16,"b.jsonld","out/r.json",[],59,false]'
    run jq -c '[.format_version, .results, .metadata.verification_config.answering_models[0].name]' out/r.json.tmp
    assert_output '["2.2",[],"m"]'
}

@test "manifest: a key in the configuration is not kept" {
    kv-manifest -b b.jsonld -c p.json -o r.json >out
    run grep -l sk-secret r.json.state r.json.tmp out .r.json*
    assert_failure 1
    assert_equal "$(json .config.answering_models[0].endpoint_api_key r.json.state)" "**********"
}

@test "manifest: an existing pair is not overwritten, unless by --force" {
    kv-manifest -b b.jsonld -c p.json -o r.json >/dev/null
    cp r.json.state before
    run --separate-stderr kv-manifest -b b.jsonld -c p.json -o r.json
    assert_failure 3
    assert_stdout ""
    assert_stderr "kv-manifest: r.json.state: a run is there; go on with it by kv-run r.json.state | kv-append -q r.json.state, or replace it by kv-manifest -b b.jsonld -c p.json -o r.json --force"
    cmp r.json.state before
    run --separate-stderr kv-manifest -b b.jsonld -c p.json -o r.json --questions 0 --force
    assert_success
    assert_equal "$(json .total_tasks <<<"$output")" 2
}

@test "manifest: a benchmark that cannot be read again makes no run" {
    run --separate-stderr kv-manifest -b - -c p.json -o r.json <b.jsonld
    assert_failure 3
    assert_stderr "kv-manifest: <stdin>: a run reads it again each time it goes on: give a file, or use --print"
    run --separate-stderr kv-manifest -b <(cat b.jsonld) -c p.json -o r.json
    assert_failure 3
    stderr_says "a run reads it again"
    refute [ -e r.json.state ]
    kv-manifest -b <(cat b.jsonld) -c p.json --print >/dev/null
}

@test "manifest: the command it suggests can be pasted, whatever the name of the output" {
    local out="it's a \$HOME run.json"
    kv-manifest -b b.jsonld -c p.json -o "$out" >/dev/null
    run --separate-stderr kv-manifest -b b.jsonld -c p.json -o "$out"
    assert_failure 3
    local command=${stderr#*go on with it by }
    command=${command%, or replace*}
    run bash -c "set -- ${command/|/--}; printf '%s\n' \"\$@\""
    assert_output "$(printf '%s\n' kv-run "$out.state" -- kv-append -q "$out.state")"
}

@test "manifest: --if-absent leaves a compatible pair alone" {
    kv-manifest -b b.jsonld -c p.json -o r.json --if-absent >first
    cp r.json.state before
    run --separate-stderr kv-manifest -b b.jsonld -c p.json -o r.json --if-absent
    assert_success
    assert_stdout "$(cat first)"
    cmp r.json.state before
    # But what cannot change a result goes over into it.
    jq '.async_max_workers = 30 | .request_timeout = 5' p.json >q.json
    run --separate-stderr kv-manifest -b b.jsonld -c q.json -o r.json --if-absent
    assert_success
    assert_stderr ''
    run jq '.config | .async_max_workers == 30 and .request_timeout == 5' r.json.state
    assert_output true
    assert_equal "$(jq '.task_manifest | length' r.json.state)" 16
}

@test "manifest: --if-absent says why a pair does not fit" {
    kv-manifest -b b.jsonld -c p.json -o r.json --questions 0-2 >/dev/null
    jq '.answering_models[0].temperature = 0.9' p.json >q.json
    run --separate-stderr kv-manifest -b b.jsonld -c q.json -o r.json --if-absent --questions 0-2
    assert_failure 1
    assert_stderr "kv-manifest: r.json.state: Configuration has changed since the job started; answering_models[0].temperature: 0.1, given 0.9; for a run of its own: kv-manifest -b b.jsonld -c q.json --questions 0-2 -o NEW.json; to replace this one: kv-manifest -b b.jsonld -c q.json --questions 0-2 -o r.json --force"
    run --separate-stderr kv-manifest -b b.jsonld -c p.json -o r.json --if-absent
    assert_failure 1
    stderr_says "10 of the tasks are not in its manifest, first 'urn:uuid:question-"
    stderr_says '; to ask only what is new: kv-manifest -b b.jsonld -c p.json -o NEW.json --extend-from r.json.tmp; for'
    sed -i 's/"BCL2"/"BCL3"/' b.jsonld
    run --separate-stderr kv-manifest -b b.jsonld -c p.json -o r.json --if-absent --questions 0-2
    assert_failure 1
    assert_regex "$stderr" '^kv-manifest: r.json.state: Benchmark content has changed since the job started; 1 question has changed since the run was begun: urn:uuid:question-which-gene'
    stderr_says '; put that right, or keep the results in a new run: kv-manifest -b b.jsonld -c p.json --questions 0-2 -o NEW.json --extend-from r.json.tmp; for'
}

@test "manifest: a model that was added to a run begun, or finished, is asked alone by the command that is said" {
    kv-manifest -b b.jsonld -c p.json -o r.json --questions 0-1 >/dev/null
    kv-run r.json --answer-cmd 'echo 4' --judge-cmd 'echo {}' 2>/dev/null | kv-append -q r.json
    jq '.answering_models += [.answering_models[0] | .id = "it'"'"'s"]' p.json >"q q.json"
    for rows in r.json.tmp r.json; do
        new=$rows
        [ "$rows" = r.json ] || new=NEW.json
        run --separate-stderr kv-manifest -b b.jsonld -c "q q.json" -o r.json --questions 0-1 --if-absent
        assert_failure 1
        stderr_says 'answering_models[1] is new: "it'"'"'s"'
        stderr_says "; to ask only what is new: kv-manifest -b b.jsonld -c 'q q.json' --questions 0-1 -o $new --extend-from $rows; for a run of its own: kv-manifest -b b.jsonld -c 'q q.json' --questions 0-1 -o NEW.json; to replace this one: kv-manifest -b b.jsonld -c 'q q.json' --questions 0-1 -o r.json --force"
        # shellcheck disable=SC2154
        run --separate-stderr bash -c "$(sed 's/.*what is new: //; s/; for .*//' <<<"$stderr")"
        assert_success
        assert_equal "$(json '"\(.completed_count) of \(.total_tasks)"' <<<"$output")" '4 of 8'
        [ -e r.json ] || kv-finalize r.json >/dev/null
    done
}

@test "manifest: an id of a question that is not there is named, with the nearest" {
    printf '%s\n' '{"id":"q01","question":"a"}' '{"id":"q02","question":"b","finished":false}' >b.jsonl
    run --separate-stderr kv-manifest -b b.jsonl -c p.json --set evaluation_mode=rubric_only --print \
        --question-ids q01,q02,q012,zz,
    assert_success
    assert_equal "${#lines[@]}" 2
    assert_stderr "kv-manifest: b.jsonl: --question-ids: the question 'q02' is not finished
kv-manifest: b.jsonl: --question-ids: no question has the id 'q012': nearest is 'q01'
kv-manifest: b.jsonl: --question-ids: no question has the id 'zz'"
}

# finish NAME - a run of jobs, done and finalized
finish() {
    jq -c '{task_id: .}' jobs | kv-append -q "$1"
    kv-finalize "$1" >/dev/null
}

@test "manifest: a second run at the output of a finished one is begun, and that is told" {
    kv-manifest --tasks - -o r.json <<<'"t1"' >/dev/null
    kv-run --exec "echo '{}'" r.json.state | kv-append -q r.json.state
    kv-finalize r.json.state >/dev/null
    run --separate-stderr kv-manifest --tasks - -o r.json <<<$'"t1"\n"t2"'
    assert_equal "$status" 0
    stderr_says 'r.json: a finished run is there; it stays until the new one is finalized'
    run --separate-stderr kv-manifest --force --tasks - -o r.json <<<$'"t1"\n"t2"'
    assert_equal "$status" 0
    assert_equal "$stderr" ''
}

@test "manifest: --if-absent leaves a finished export of the same tasks alone" {
    printf '"a"\n"b"\n' >jobs
    kv-manifest --tasks jobs -o r.json >/dev/null
    finish r.json
    cp r.json before
    run --separate-stderr kv-manifest --tasks jobs -o r.json --if-absent
    assert_success
    assert_stderr ''
    assert_stdout '{"state_file":"r.json.state","tmp_file":"r.json.tmp","output_path":"r.json","total_tasks":2,"completed_count":2,"config_hash":""}'
    cmp r.json before
    [ ! -e r.json.state ]
    echo '"c"' >>jobs
    run --separate-stderr kv-manifest --tasks jobs -o r.json --if-absent
    assert_failure 1
    assert_stderr "kv-manifest: r.json: is the finished run of something else: 1 of the tasks have no result in it, first 'c'; to ask only what is new: kv-manifest --tasks jobs -o NEW.json && kv-append -q NEW.json.state r.json; for a run of its own: kv-manifest --tasks jobs -o NEW.json; to replace this one: kv-manifest --tasks jobs -o r.json --force"
    cmp r.json before
    [ ! -e r.json.state ]
    sh -c "$(sed 's/.*is new: \([^;]*\);.*/\1/' <<<"$stderr")" >/dev/null
    assert_equal "$(kv-status --pending NEW.json.state)" '{"task_id":"c"}'
    echo '"d"' >>jobs
    run --separate-stderr kv-manifest --tasks jobs -o NEW.json --if-absent
    assert_failure 1
    refute_regex "$stderr" '-o NEW.json(;| && )'
    sh -c "$(sed 's/.*replace this one: \([^;]*\)/\1/' <<<"$stderr")" >/dev/null
    kv-manifest --tasks jobs -o NEW.json --if-absent >/dev/null
}

@test "manifest: --if-absent does not begin a finished run anew because something has changed" {
    kv-manifest -b b.jsonld -c p.json -o r.json --questions 0-1 >/dev/null
    kv-run r.json --answer-cmd 'echo 4' --judge-cmd 'echo {}' 2>/dev/null | kv-append -q r.json
    kv-finalize r.json >/dev/null
    again() {
        run --separate-stderr kv-manifest -b b.jsonld -c p.json -o r.json --questions 0-1 --if-absent "$@"
    }
    again
    assert_success
    [ ! -e r.json.state ]
    cp p.json q.json
    jq '.answering_models[0].temperature = 0.9' q.json >p.json
    again
    assert_failure 1
    assert_stderr 'kv-manifest: r.json: is the finished run of something else: Configuration has changed since the job started; answering_models[0].temperature: 0.1, given 0.9'"; for a run of its own: kv-manifest -b b.jsonld -c p.json --questions 0-1 -o NEW.json; to replace this one: kv-manifest -b b.jsonld -c p.json --questions 0-1 -o r.json --force"
    [ ! -e r.json.state ]
    run kv-manifest -b b.jsonld -c p.json -o r.json --questions 0-1 --force
    assert_success
    rm r.json.state r.json.tmp .r.json.*
    cp q.json p.json
    jq '.dataFeedElement[0].item.text += "?"' b.jsonld >c.jsonld
    mv c.jsonld b.jsonld
    again
    assert_failure 1
    stderr_says 'r.json: is the finished run of something else: Benchmark content has changed since the job started'
    [ ! -e r.json.state ]
}

@test "manifest: --if-absent leaves a run alone of which there is only the CSV" {
    local questions config bench begun name
    kv-manifest -b b.jsonld -c p.json -o r.csv --questions 0-1 >/dev/null
    kv-run r.csv --answer-cmd 'printf "4,\"\n5"' --judge-cmd 'echo {}' 2>/dev/null | kv-append -q r.csv
    kv-finalize r.csv >/dev/null
    cp r.csv before
    cp p.json p
    cp b.jsonld b
    while IFS='|' read -r questions config bench begun; do
        echo "$questions $config $bench"
        jq "${config:-.}" p >p.json
        jq "${bench:-.}" b >b.jsonld
        run --separate-stderr kv-manifest -b b.jsonld -c p.json -o r.csv --questions "$questions" --if-absent
        if [ "${begun%% *}" -gt 0 ]; then
            assert_success
            assert_stderr ''
            assert_equal "$(json '"\(.completed_count) \(.total_tasks)"' <<<"$output")" "$begun"
        else
            assert_failure 1
            stderr_says 'r.csv: is the finished run of something else: its CSV has not all the tasks'
        fi
        cmp r.csv before
        [ ! -e r.csv.state ]
    done <<'CASES'
0-1|||4 4
0|||2 2
0-2|||0 6
0-1|.replicate_count = 3||0 6
0-1|.answering_models[0].id = "b"||0 4
0-1|.parsing_models[0].model_name = "k"||0 4
0-1||.dataFeedElement[0].item.text += "?"|0 4
CASES
    run --separate-stderr kv-run r.csv.state
    assert_success
    assert_stdout ''
    run --separate-stderr kv-finalize r.csv
    assert_success
    assert_equal "$(json -c '[.csv_path, .already_finalized, .total_tasks]' <<<"$output")" '["r.csv",true,4]'
    for name in r.csv r.csv.state; do
        run --separate-stderr kv-status "$name"
        assert_failure 3
        assert_stderr 'kv-status: r.csv: the run is finished, and of it there is only the CSV'
    done
}

@test "manifest: --if-absent compares the configuration of jobs as well" {
    echo '"a"' >jobs
    echo '{"x":1}' >c.json
    kv-manifest --tasks jobs -c c.json -o r.json >/dev/null
    kv-manifest --tasks jobs -c c.json -o r.json --if-absent >/dev/null
    echo '{"x":2}' >c.json
    run --separate-stderr kv-manifest --tasks jobs -c c.json -o r.json --if-absent
    assert_failure 1
    assert_stderr "kv-manifest: r.json.state: Configuration has changed since the job started; for a run of its own: kv-manifest --tasks jobs -c c.json -o NEW.json; to replace this one: kv-manifest --tasks jobs -c c.json -o r.json --force"
}

@test "manifest: what is wrong with an option is told under its name" {
    refused() {
        run --separate-stderr kv-manifest -b b.jsonld -c p.json "${@:2}"
        assert_failure 2
        assert_stdout ''
        assert_stderr "kv-manifest: $1 (try 'kv-manifest --help')"
    }
    refused '--print writes nothing: --if-absent has no place beside it' --print --if-absent
    refused '--check writes nothing: --force has no place beside it' --check --force
    refused '--questions: Invalid index: x' --print --questions x
    refused '--questions: Invalid range format: -1' --print --questions=-1
    refused "--set: expected NAME=VALUE, not 'x'" --print --set x
    run --separate-stderr kv-manifest -b b.jsonld -c p.json --print --questions 0,1000
    assert_failure 3
    assert_regex "$stderr" '^kv-manifest: b.jsonld: --questions: Index out of range: 1000'
    run --separate-stderr kv-manifest -b b.jsonld -c p.json --print --share p.json
    assert_failure 3
    assert_stderr "kv-manifest: --share: 'p.json' is no folder of data files"
}

@test "manifest: a list without a job is refused" {
    : >jobs
    run --separate-stderr kv-manifest --tasks jobs -o r.json
    assert_failure 3
    assert_stderr 'kv-manifest: jobs: there is no task in it'
    [ ! -e r.json.state ]
}

@test "manifest: all that is wrong with a list of jobs is told at once, by line" {
    printf '"a"\n\n3\n{"x":1}\n""\n' >jobs
    run --separate-stderr kv-manifest --tasks jobs -o r.json
    assert_failure 3
    assert_stderr "kv-manifest: jobs:3: expected the key of a task, or an object with task_id
kv-manifest: jobs:4: task_id is missing
kv-manifest: jobs:5: the key is empty"
    printf '"a"\n"b"\n"a"\n"b"\n"a"\n' >jobs
    run --separate-stderr kv-manifest --tasks jobs -o r.json
    assert_failure 3
    assert_stderr "kv-manifest: jobs: the task 'a' is there twice
kv-manifest: jobs: the task 'b' is there twice"
    printf '"a"\n{"b"\n' >jobs
    run --separate-stderr kv-manifest --tasks jobs -o r.json
    assert_failure 3
    assert_stderr "kv-manifest: jobs:3:1: expected ':'"
}

@test "manifest: shards are disjoint, cover everything and do not move" {
    kv-manifest --print -b b.jsonld -c p.json >all
    for i in 1 2 3; do kv-manifest --print -b b.jsonld -c p.json --shard $i/3 >s$i; done
    sort s1 s2 s3 >shards
    sort all | cmp - shards
    kv-manifest --print -b b.jsonld -c p.json --questions 0-3 --shard 2/3 >few
    run grep -c -v -x -F -f s2 few
    assert_output 0
    run --separate-stderr kv-manifest --print -b b.jsonld -c p.json --shard 0/3
    assert_failure 2
    stderr_says "kv-manifest: --shard: expected I/N with I from 1 to N, or @/N, not '0/3'"
}

@test "manifest: the judges of one answer are in one shard" {
    jq '.replicate_count = 3 | .parsing_models |= [.[0], (.[0] | .id = "second"), (.[0] | .id = "third")]' p.json >q.json
    for i in 1 2 3 4; do
        kv-manifest --print -b b.jsonld -c q.json --shard $i/4 |
            jq -c --arg shard $i '[.question_id, .answering, .replicate, $shard]'
    done | sort | uniq -c | awk '{ print $1 }' | sort -u >judges
    assert_equal "$(cat judges)" 3
    for i in 1 2 3 4; do [ -n "$(kv-manifest --print -b b.jsonld -c q.json --shard $i/4)" ]; done
}

# shard_of VARIABLE=VALUE … - what @/4 means then
shard_of() {
    seq 40 >jobs
    sed -i 's/.*/"&"/' jobs
    env "$@" kv-manifest --force --tasks jobs -o s.json --shard @/4 >/dev/null && jq -r .kv_shard s.json.state
}

@test "manifest: the engine that starts it tells which shard it is" {
    local variable i
    for variable in KV_SHARD SLURM_ARRAY_TASK_ID JOB_COMPLETION_INDEX AWS_BATCH_JOB_ARRAY_INDEX \
        NOMAD_ALLOC_INDEX PBS_ARRAY_INDEX SGE_TASK_ID LSB_JOBINDEX; do
        echo "$variable"
        assert_equal "$(for i in 1 2 3 4; do shard_of $variable=$i; done | sort | xargs)" '1/4 2/4 3/4 4/4'
        assert_equal "$(shard_of $variable=17)" 2/4 # alone, as in a repeat
        [ $variable = LSB_JOBINDEX ] || assert_equal "$(shard_of $variable=0)" 1/4
    done
    assert_equal "$(shard_of KV_SHARD=2 SLURM_ARRAY_TASK_ID=3)" 3/4
    assert_equal "$(shard_of SLURM_ARRAY_TASK_ID=2 SLURM_ARRAY_TASK_COUNT=4)" 3/4
    run ! --separate-stderr shard_of SLURM_ARRAY_TASK_ID=2 SLURM_ARRAY_TASK_COUNT=5
    stderr_says "kv-manifest: --shard @/4: the array has more members (SLURM_ARRAY_TASK_COUNT is 5): two of them would do the same"
    run ! --separate-stderr shard_of AWS_BATCH_JOB_ARRAY_INDEX=2 AWS_BATCH_JOB_ARRAY_SIZE=5
    stderr_says "kv-manifest: --shard @/4: the array has more members (AWS_BATCH_JOB_ARRAY_SIZE is 5): two of them would do the same"
    run ! --separate-stderr shard_of KV_SHARD=two
    stderr_says "kv-manifest: --shard @/4: KV_SHARD is no number from 0: 'two'"
    run ! --separate-stderr shard_of LSB_JOBINDEX=0 SGE_TASK_ID=undefined
    stderr_says "kv-manifest: --shard @/4: the environment has none of KV_SHARD, SLURM_ARRAY_TASK_ID, JOB_COMPLETION_INDEX, AWS_BATCH_JOB_ARRAY_INDEX, NOMAD_ALLOC_INDEX, PBS_ARRAY_INDEX, SGE_TASK_ID or LSB_JOBINDEX"
}

@test "manifest: a shard is written down, and another one refused" {
    kv-manifest -b b.jsonld -c p.json -o s.json --shard 2/2 >/dev/null
    assert_equal "$(jq -r .kv_shard s.json.state)" 2/2
    kv-manifest -b b.jsonld -c p.json -o s.json --shard 2/2 --if-absent >/dev/null
    run --separate-stderr kv-manifest -b b.jsonld -c p.json -o s.json --shard 2/4 --if-absent
    assert_failure 1
    [[ $stderr == "kv-manifest: s.json.state: is shard 2/2, not 2/4;"* ]]
    run --separate-stderr kv-manifest -b b.jsonld -c p.json -o s.json --if-absent
    assert_failure 1
    [[ $stderr == "kv-manifest: s.json.state: is shard 2/2, not the whole of its manifest;"* ]]
    kv-manifest -b b.jsonld -c p.json -o whole.json >/dev/null
    run --separate-stderr kv-manifest -b b.jsonld -c p.json -o whole.json --shard 2/2 --if-absent
    assert_failure 1
    [[ $stderr == "kv-manifest: whole.json.state: has more tasks than those of shard 2/2;"* ]]
    # as an older kv left it
    jq -c 'del(.kv_shard)' s.json.state >old && mv old s.json.state
    kv-manifest -b b.jsonld -c p.json -o s.json --shard 2/2 --if-absent >/dev/null
}

@test "manifest: jobs of any kind are spread by their whole key" {
    seq 1000 | jq -c '"job\t\(.)"' >jobs
    for i in 1 2; do kv-manifest --print --tasks jobs --shard $i/2 >s$i; done
    sort s1 s2 | uniq -u | wc -l >count
    assert_equal "$(cat count)" 1000
    [ "$(wc -l <s1)" -gt 400 ] && [ "$(wc -l <s2)" -gt 400 ]
}

@test "manifest: everything wrong with both files is told at once" {
    jq '.parsing_models[0].interface = "lang-chain" | .replicate_count = 0' p.json >q.json
    jq 'del(.dataFeedElement[1].item.text) | del(.name)' b.jsonld >c.jsonld
    run --separate-stderr kv-manifest --print -b c.jsonld -c q.json
    assert_failure 3
    assert_stderr "kv-manifest: q.json: parsing_models[0]: unknown interface 'lang-chain': registered are claude_agent_sdk, claude_tool, langchain, langchain_deep_agents, manual, openai_endpoint, openrouter, taskeval
kv-manifest: q.json: replicate_count: must be at least 1
kv-manifest: c.jsonld: name: missing
kv-manifest: c.jsonld: dataFeedElement[1].item.text: missing"
}

@test "manifest: what kv-run does not do is told by name, and what no run can do is refused" {
    jq '.answering_models += [{id: "x", model_name: "x", interface: "claude_agent_sdk"}]
        | .answering_models[0].mcp_urls_dict = {s: "http://s"} | .deep_judgment_mode = "full"' p.json >q.json
    run --separate-stderr kv-manifest --print -b b.jsonld -c q.json
    assert_success
    assert_stderr "kv-manifest: q.json: deep_judgment_mode: deep judgment is not done by kv-run
kv-manifest: q.json: answering_models[0]: mcp_urls_dict: tools need an agent: kv-run takes one as a command, by --answer-cmd
kv-manifest: q.json: answering_models[1]: interface 'claude_agent_sdk' needs an agent: kv-run takes one as a command, by --answer-cmd"
    jq '.answering_models += [{id: "y", model_name: "y", interface: "manual"}] | .parsing_only = true' p.json >q.json
    run --separate-stderr kv-manifest --print -b b.jsonld -c q.json
    assert_failure 3
    assert_stderr "kv-manifest: q.json: parsing_only: is for another entry point: nothing would be asked
kv-manifest: q.json: answering_models[1]: interface 'manual' needs recorded answers: --manual-traces FILE"
}

@test "manifest: a URL with a password is refused, and neither shown nor stored" {
    jq '.answering_models[0] += {interface: "openai_endpoint", endpoint_base_url: "http://me:canary@h/v1@x"}
        | .parsing_models[0] += {interface: "openai_endpoint", endpoint_base_url: "http://h/v1?@#@"}' p.json >q.json
    run --separate-stderr kv-manifest -b b.jsonld -c q.json -o r.json
    assert_failure 3
    assert_stdout ''
    assert_stderr "kv-manifest: q.json: answering_models[0].endpoint_base_url: a URL must not hold a user name or password"
    assert [ ! -e r.json.state ]
}

@test "manifest: a URL with a key in its query is refused, and neither shown nor stored" {
    jq '.answering_models[0] += {interface: "openai_endpoint", endpoint_base_url: "http://h/v1?api_key=canary"}
        | .parsing_models[0].extra_kwargs = {base_url: "https://h/v1?v=1&X-Api%2DKey=canary", note: "https://h/?code=", a: "key=?"}' p.json >q.json
    run --separate-stderr kv-manifest -b b.jsonld -c q.json -o r.json
    assert_failure 3
    assert_stdout ''
    assert_stderr "kv-manifest: q.json: answering_models[0].endpoint_base_url: a URL must not hold a key: it would be stored; set it in the environment
kv-manifest: q.json: parsing_models[0].extra_kwargs.base_url: a URL must not hold a key: it would be stored; set it in the environment"
    assert [ ! -e r.json.state ]
}

@test "manifest: two models whose tasks would be the same are refused" {
    jq '.answering_models += .answering_models' p.json >q.json
    run --separate-stderr kv-manifest --print -b b.jsonld -c q.json
    assert_failure 3
    assert_stderr "kv-manifest: q.json: answering_models[1]: has the interface, name and id of answering_models[0]: their tasks would be the same"
}

@test "manifest: a template that is code is refused, or translated by a command" {
    jq '.dataFeedElement[0].item.hasPart.text = "class Answer(BaseAnswer):\n    x: str\n    def verify(self):\n        return True\n"' b.jsonld >c.jsonld
    run --separate-stderr kv-manifest --print -b c.jsonld -c p.json
    assert_failure 3
    stderr_says "kv-manifest: c.jsonld: urn:uuid:question-"
    stderr_says ".template: "
    spec >spec.json
    run --separate-stderr kv-manifest --print -b c.jsonld -c p.json --template-cmd 'grep -q "def verify" && cat spec.json'
    assert_success
    run --separate-stderr kv-manifest --print -b c.jsonld -c p.json --template-cmd 'cat >/dev/null; exit 7'
    assert_failure 3
    stderr_says "exit status 7"
}

@test "manifest: questions in JSON Lines make a run" {
    printf '{"id":"q%s","question":"Q?","answer":"g","template":%s}\n' 1 "$(spec)" 2 "$(spec)" >q.jsonl
    run --separate-stderr kv-manifest --print -b - -c p.json <q.jsonl
    assert_success
    assert_equal "$(json -s -c '[.[] | [.question_id, .replicate]]' <<<"$output")" '[["q1",1],["q1",2],["q2",1],["q2",2]]'
}

@test "manifest: a selection that leaves nothing, or is none, is refused" {
    run --separate-stderr kv-manifest --print -b b.jsonld -c p.json --question-ids nobody
    assert_failure 3
    assert_stderr "kv-manifest: b.jsonld: --question-ids: no question has the id 'nobody'"
    run --separate-stderr kv-manifest --print -b b.jsonld -c p.json --questions 99
    assert_failure 3
    assert_stderr "kv-manifest: b.jsonld: --questions: Index out of range: 99 (total questions: 8)"
}

@test "manifest: jobs of any kind, as keys or objects" {
    printf '"a"\n{"task_id":"b","n":1.0}\n\n"é"\n' >jobs
    run --separate-stderr kv-manifest --tasks jobs -o r.json
    assert_success
    assert_equal "$(json -c '[.total_tasks, .config_hash]' <<<"$output")" '[3,""]'
    run jq -c '[.task_manifest, .benchmark_path, .config, .kv_tasks]' r.json.state
    assert_output '[["a","b","é"],"",{},"jobs"]'
    run --separate-stderr kv-manifest --tasks - --print <jobs
    assert_stdout '{"task_id":"a"}
{"task_id":"b"}
{"task_id":"é"}'
}

@test "manifest: jobs that are twice there or nameless are refused" {
    run --separate-stderr kv-manifest --tasks - --print <<<'"a" "b" "a"'
    assert_failure 3
    assert_stderr "kv-manifest: <stdin>: the task 'a' is there twice"
    run --separate-stderr kv-manifest --tasks - --print <<<'{"id":1}'
    assert_failure 3
    assert_stderr "kv-manifest: <stdin>:1: task_id is missing"
    run --separate-stderr kv-manifest --tasks - --print <<<'"a" 5'
    assert_failure 3
    assert_stderr "kv-manifest: <stdin>:1: expected the key of a task, or an object with task_id"
}

@test "manifest: recorded answers are checked, and remembered for kv-run" {
    jq '.answering_models = [{interface: "manual"}]' p.json >q.json
    printf '{"936dbc8755f623c951d96ea2b03e13bc":"four"}' >traces.json
    run --separate-stderr kv-manifest -b b.jsonld -c q.json -o r.json --manual-traces traces.json
    assert_success
    assert_equal "$(json .kv_manual_traces r.json.state)" traces.json
    assert_equal "$(json '.task_manifest[0]' r.json.state | cut -f 2)" "manual:manual:"
    printf '{}' >traces.json
    run --separate-stderr kv-manifest -b b.jsonld -c q.json -o s.json --manual-traces traces.json
    assert_failure 3
    stderr_says "kv-manifest: traces.json: "
}

@test "manifest: what has no results is not extended" {
    local row text message
    row=$(jq -c '.results[0]' "$DATA/exports/mixed/export.json")
    while IFS='|' read -r text message; do
        echo "$text"
        printf '%s\n' "${text/ROW/$row}" >old.json
        run --separate-stderr kv-manifest -b b.jsonld -c p.json -o r.json --extend-from old.json
        assert_failure 3
        assert_stderr "kv-manifest: old.json$message"
        [ ! -e r.json.state ]
    done <<'CASES'
{}|: no export: it has no member "results"
{"runs":{"r":[ROW]}}|: no export: it has no member "results"
{"a":ROW}|: no export: it has no member "results"
{"results":[{"metadata":{"question_id":1}}]}|:1: metadata.question_id: expected a string, found number
CASES
}

@test "manifest: a finished run is extended: its rows are there, only what is new is pending" {
    cp "$DATA/exports/mixed/export.json" old.json
    run --separate-stderr kv-manifest -b b.jsonld -c p.json -o r.json --extend-from old.json
    assert_success
    rows=$(json '.results | length' old.json)
    assert_equal "$(json '.task_manifest | length' r.json.state)" "$(json .total_tasks <<<"$output")"
    assert_equal "$(json '.total_tasks - 16' <<<"$output")" "$(json .completed_count <<<"$output")"
    assert [ "$rows" -ge "$(json .completed_count <<<"$output")" ]
    assert [ "$(json .completed_count <<<"$output")" -gt 0 ]
    assert_equal "$(jq -c '[.task_manifest[:16][] | select(startswith("urn:"))] | length' r.json.state)" 16
    assert_equal "$(jq -c '.completed_task_ids - .task_manifest' r.json.state)" '[]'
    assert_equal "$(jq '.results | length' r.json.tmp)" "$(json .completed_count <<<"$output")"
    # What replaces a run keeps what it extends: without, all of it would be paid for again.
    run --separate-stderr kv-manifest -b b.jsonld -c p.json -o r.json --extend-from old.json
    assert_failure 3
    assert_stderr 'kv-manifest: r.json.state: a run is there; go on with it by kv-run r.json.state | kv-append -q r.json.state, or replace it by kv-manifest -b b.jsonld -c p.json -o r.json --extend-from old.json --force'
    rm r.json.state
    run ! --separate-stderr kv-manifest -b b.jsonld -c p.json -o r.json --extend-from old.json
    stderr_says '; to go on from them: kv-manifest -b b.jsonld -c p.json -o NEW.json --extend-from r.json.tmp; to replace them: kv-manifest -b b.jsonld -c p.json -o r.json --extend-from old.json --force'
}

@test "manifest: --set puts single settings in place of those of the preset" {
    jq -n '{config: {answering_models: [
            {id: "a", model_name: "m", interface: "langchain", model_provider: "openai", max_tokens: 7},
            {id: "b", model_name: "n", interface: "openrouter"}],
        parsing_models: [{id: "j", model_name: "j", interface: "openrouter"}], replicate_count: 2}}' >p.json
    short='[[.answering_models, .parsing_models | map([.id, .model_name, .model_provider, .interface, .temperature])[]],
        .replicate_count, .evaluation_mode, .abstention_enabled]'
    while IFS='|' read -r settings want; do
        echo "$settings"
        # shellcheck disable=SC2086 # words
        run --separate-stderr kv-manifest -b b.jsonld -c p.json -o r.json --force $settings
        assert_success
        assert_equal "$(jq -c ".config | $short" r.json.state | values)" "$want"
    done <<'CASES'
--set replicate_count=3|[[["a","m","openai","langchain",0.1],["b","n",null,"openrouter",0.1],["j","j",null,"openrouter",0.1]],3,"template_only",false]
--set abstention_enabled=yes --set evaluation_mode=template_and_rubric|[[["a","m","openai","langchain",0.1],["b","n",null,"openrouter",0.1],["j","j",null,"openrouter",0.1]],2,"template_and_rubric",true]
--set answering_model=x|[[["answering-1","x","openai","langchain",0.1],["j","j",null,"openrouter",0.1]],2,"template_only",false]
--set answering_model=x --set answering_id=mine --set temperature=0.5|[[["mine","x","openai","langchain",0.5],["j","j",null,"openrouter",0.1]],2,"template_only",false]
--set parsing_provider=openai --set parsing_interface=langchain|[[["a","m","openai","langchain",0.1],["b","n",null,"openrouter",0.1],["parsing-1","j","openai","langchain",0.1]],2,"template_only",false]
--set temperature=1|[[["a","m","openai","langchain",1],["b","n",null,"openrouter",1],["j","j",null,"openrouter",1]],2,"template_only",false]
--set replicate_count=3 --set replicate_count=1|[[["a","m","openai","langchain",0.1],["b","n",null,"openrouter",0.1],["j","j",null,"openrouter",0.1]],1,"template_only",false]
CASES
    kv-manifest -b b.jsonld -c p.json -o r.json --force --set answering_model=x >/dev/null
    assert_equal "$(jq -c '.config.answering_models[0].max_tokens' r.json.state)" 7 # the rest is the first model's
}

@test "manifest: --set without a preset is a configuration of its own" {
    kv-manifest -b b.jsonld -o r.json --set answering_interface=openrouter --set answering_model=vendor/m \
        --set parsing_interface=openrouter --set parsing_model=j >/dev/null
    assert_equal "$(jq -c '.config | .answering_models + .parsing_models | map([.id, .model_name, .interface])' r.json.state)" \
        '[["answering-1","vendor/m","openrouter"],["parsing-1","j","openrouter"]]'
}

@test "manifest: --set refuses what is no setting, and leaves its value to the reader of presets" {
    while IFS='|' read -r setting why; do
        run --separate-stderr kv-manifest -b b.jsonld -c p.json --print --set "$setting"
        assert_failure 3
        stderr_says "$why"
    done <<'CASES'
replicates=3|replicates: is no setting
replicate_count=two|p.json: replicate_count: not a whole number, got "two"
evaluation_mode=rubrics|p.json: evaluation_mode: must be one of template_only
answering_models=[]|answering_models: lists of models are written into the preset
CASES
}

@test "manifest: --check tells all that is wrong at once, with the place, the nearest name and what there is" {
    cat >bad.jsonl <<'BENCH'
{"question":"a","templat":{}}
{"question":"b","template":{"fields":[{"name":"x","type":"strr","descripton":"d","ground_truth":4,"verify_with":{"type":"NumericExct"}}]}}
{"question":"c","template":{"fields":[{"name":"x","type":"float","description":"d","ground_truth":4,"verify_with":{"type":"NumericTolerance","tolerence":4}},{"name":"x","type":"str","description":"d","verify_with":{"type":"ExactMatch","normalize":["lower"]}}],"verify_strategy":{"type":"any"}}}
{"question":"d","rubric":{"regex_trait":[],"regex_traits":[{"name":"r","patern":"x"}]}}
{"question":"e","finished":false}
{"question":"f"}
{"question":
BENCH
    jq '.parsing_models[0].tempature = 1 | .evaluation_mode = "rubrics"' p.json >bad.json
    run --separate-stderr kv-manifest --check -b bad.jsonl -c bad.json
    assert_failure 3
    assert_stdout ''
    sed 's/^kv-manifest: //; s/; known are.*//' <<<"$stderr" | sort >said
    sort >wanted <<'SAID'
bad.json: parsing_models[0].tempature: unknown key: nearest is temperature
bad.json: evaluation_mode: must be one of template_only|template_and_rubric|rubric_only
bad.jsonl:1: templat: unknown key: nearest is template
bad.jsonl:2: template.fields[0].type: unknown type 'strr': nearest is str
bad.jsonl:2: template.fields[0].descripton: unknown key: nearest is description
bad.jsonl:2: template.fields[0].description: is required
bad.jsonl:2: template.fields[0].verify_with.type: unknown primitive 'NumericExct': nearest is NumericExact
bad.jsonl:3: template.fields[0].verify_with.tolerence: unknown key: nearest is tolerance
bad.jsonl:3: template.fields[0].verify_with: NumericTolerance: tolerance: is required
bad.jsonl:3: template.fields[1].name: appears twice
bad.jsonl:3: template.fields[1].ground_truth: is required
bad.jsonl:3: template.fields[1].verify_with.normalize[0]: unknown normalizer 'lower': nearest is lowercase
bad.jsonl:3: template.verify_strategy.type: unknown type 'any': nearest is any_of
bad.jsonl:4: rubric.regex_trait: unknown key: nearest is regex_traits
bad.jsonl:4: rubric.regex_traits[0].patern: unknown key: nearest is pattern
bad.jsonl:6: template: is required, unless evaluation_mode is rubric_only
bad.jsonl:8:1: unexpected end
SAID
    diff wanted said
    assert [ "$(grep -c 'type: unknown type .*; known are bool, str, int, float, list_str, literal, date$' <<<"$stderr")" -eq 1 ]
    [ -z "$(find . -name '*.state*')" ]
}

@test "manifest: --check of what is in order tells how much it is, and of a benchmark alone too" {
    run --separate-stderr kv-manifest --check -b b.jsonld -c p.json
    assert_success
    assert_stderr ''
    n=$(kv-manifest --print -b b.jsonld -c p.json | wc -l)
    assert_stdout "{\"questions\":$((n / 2)),\"total_tasks\":$n}"
    run --separate-stderr kv-manifest --check -b b.jsonld
    assert_success
    assert_stdout "{\"questions\":$((n / 2))}"
}

@test "manifest: --check sees what a run would only remark on, and what is found when it is planned" {
    jq '.dataFeedElement[1].item.hasPart.text = "class Answer(BaseAnswer:"' b.jsonld >b2.jsonld
    run --separate-stderr kv-manifest --check -b b2.jsonld -c p.json
    assert_failure 3
    assert_equal "$(grep -c '^kv-manifest: b2.jsonld: urn:uuid:question-.*.template: ' <<<"$stderr")" 1
    jq '.answering_models += .answering_models' p.json >two.json
    run --separate-stderr kv-manifest --check -b b.jsonld -c two.json
    assert_failure 3
    stderr_says 'two.json: answering_models[1]: has the interface, name and id of answering_models[0]'
    while IFS='|' read -r options why; do
        # shellcheck disable=SC2086
        run --separate-stderr kv-manifest --check $options
        stderr_says "kv-manifest: $why"
    done <<'CASES'
-b nowhere -c p.json|nowhere: no such file or directory
-b b.jsonld -c nowhere|nowhere: no such file or directory
--tasks x|--check looks at a benchmark: -b FILE
--print -b b.jsonld|--print and --check exclude each other
CASES
}

@test "manifest: a template that is wrong is refused when a run is begun, with all that is wrong" {
    printf '%s\n' '{"question":"a","template":{"fields":[{"name":"x","type":"int","description":"d","ground_truth":4,"verify_with":{"type":"NumericTolerance","tolerance":1,"mod":"absolute"}}]}}' >t.jsonl
    run --separate-stderr kv-manifest -b t.jsonl -c p.json -o r.json
    assert_failure 3
    assert_stderr 'kv-manifest: t.jsonl:1: template.fields[0].verify_with.mod: unknown key: nearest is mode; known are type, tolerance, mode'
    [ ! -e r.json.state ]
}

@test "manifest: usage" {
    run --separate-stderr kv-manifest -c p.json
    assert_failure 2
    assert_stderr "kv-manifest: no benchmark given: -b FILE, or --tasks FILE, or --requests FILE (try 'kv-manifest --help')"
    run --separate-stderr kv-manifest -b b.jsonld -c p.json
    assert_failure 2
    assert_stderr "kv-manifest: no output given: -o FILE, or --print or --check (try 'kv-manifest --help')"
    run --separate-stderr kv-manifest -b - -c - --print
    assert_failure 2
    assert_stderr "kv-manifest: only one input can be standard input (try 'kv-manifest --help')"
    run --separate-stderr kv-manifest -b - -c p.json --print <<<'['
    assert_failure 3
    assert_stderr "kv-manifest: <stdin>:2:1: unexpected end"
    run --separate-stderr kv-manifest -b nowhere -c p.json --print
    assert_failure 3
    assert_stderr "kv-manifest: nowhere: no such file or directory"
}

# python TEXT - a benchmark of one question whose template is this Python text
python_template() {
    jq -nc --arg t "$1" '{id: "q", question: "Which?", answer: "-", template: $t}' >one.jsonl
}

@test "manifest: a mistyped primitive in a Python template is refused with the one that was meant and all there are" {
    python_template $'class Answer(BaseAnswer):\n    n: int = VerifiedField(description="d", ground_truth=1, verify_with=NumericExakt())\n'
    run --separate-stderr kv-manifest -b one.jsonl -c p.json -o r.json
    assert_failure 3
    stderr_says "name 'NumericExakt' is not defined: nearest is NumericExact; known are BooleanMatch, "
    run ls
    refute_line r.json.state
    python_template 'class Answer(BaseAnswer:'
    run --separate-stderr kv-manifest -b one.jsonl -c p.json -o r.json
    assert_failure 3
}

@test "manifest: a field that no answer could pass is refused, a text that is a number is one" {
    local truth
    field() { # TYPE GROUND_TRUTH PRIMITIVE
        jq -nc --arg t "$1" --argjson g "$2" --arg p "$3" '{id: "q", question: "Which?", answer: "-", template:
            {fields: [{name: "n", type: $t, description: "d", ground_truth: $g, verify_with: {type: $p}}]}}' >one.jsonl
    }
    field str '"four"' NumericExact
    run --separate-stderr kv-manifest --print -b one.jsonl -c p.json
    assert_failure 3
    stderr_says "field 'n': NumericExact compares numbers, and its ground truth is \"four\": no answer could pass"
    field list_str '["4"]' NumericMinimum
    run --separate-stderr kv-manifest --print -b one.jsonl -c p.json
    assert_failure 3
    for truth in '"4.5"' '" 4 "' '"nan"'; do
        field str "$truth" NumericExact
        run --separate-stderr kv-manifest --print -b one.jsonl -c p.json
        assert_success
    done
}

@test "manifest: the template that karenina gives a question without one is data, and judges false" {
    local judged
    python_template $'class Answer(BaseAnswer):\n    response: str = Field(description="The answer")\n\n    def verify(self) -> bool:\n        return False\n'
    kv-manifest -b one.jsonl -c p.json -o r.json >/dev/null
    kv-run r.json.state --answer-cmd 'echo x' --judge-cmd 'echo "{\"response\": \"x\"}"' 2>/dev/null >rows
    run jq -c '[.template.verify_result, .template.parsed_llm_response.response, .metadata.failure.category]' rows
    assert_line '[false,"x","content"]'
    for judged in 'return False or True' $'return False\n        x = 1' $'x = 1\n        return False'; do
        python_template $'class Answer(BaseAnswer):\n    response: str = Field(description="d")\n\n    def verify(self) -> bool:\n        '"$judged"$'\n'
        run kv-manifest --print -b one.jsonl -c p.json
        assert_failure 3
    done
}

@test "manifest: killed between its two files, it does not stand in its own way" {
    strace -o /dev/null true 2>/dev/null || skip "strace cannot trace here"
    local how
    echo '"a"' >tasks
    for how in --if-absent --force; do
        rm -f r.* .r.*
        [ "$how" != --force ] || kv-manifest --tasks tasks -o r.json >/dev/null
        run strace -qq -o /dev/null -e inject=renameat:signal=KILL:when=2 kv-manifest --tasks tasks -o r.json "$how"
        [ -e r.json.tmp ] && [ ! -e r.json.state ]
        run --separate-stderr kv-manifest --tasks tasks -o r.json --if-absent
        assert_success
        [ -e r.json.state ]
    done
}

@test "manifest: results whose state is lost are not taken for a left-over" {
    echo '"a"' >tasks
    kv-manifest --tasks tasks -o r.json >/dev/null
    kv-append -q r.json <<<'{"task_id":"a"}'
    rm r.json.state
    run --separate-stderr kv-manifest --tasks tasks -o r.json --if-absent
    assert_failure 3
    assert_stderr "kv-manifest: r.json.tmp: results of a run whose state is lost; to go on from them: kv-manifest --tasks tasks -o NEW.json && kv-append -q NEW.json.state r.json.tmp; to replace them: kv-manifest --tasks tasks -o r.json --force"
    assert_equal "$(jq -c '[.results[].task_id]' r.json.tmp)" '["a"]'
    sh -c "$(sed 's/.*from them: \([^;]*\);.*/\1/' <<<"$stderr")" >/dev/null
    kv-status -q NEW.json.state
}

@test "manifest: members of tasks that could not be handed to a command are refused, not dropped" {
    run --separate-stderr kv-manifest --tasks - -o r.json <<<'{"task_id":"t1","size":7}'
    assert_failure 3
    assert_stderr 'kv-manifest: <stdin>:1: more than a task_id, which a run reads again for its commands: give a file'
    echo '{"task_id":"t1","size":7}' >tasks
    kv-manifest --tasks tasks -o r.json >/dev/null
    assert_equal "$(kv-run --exec 'jq -c "{task_id, size}"' r.json.state)" '{"task_id":"t1","size":7}'
}
