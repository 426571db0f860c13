# kv-finalize: a run becomes one file, and the pair is taken away behind it.
load ../helper

# pair CASE - a copy of a layout 2.0 pair of karenina's in the current directory
pair() {
    rm -f results.json*
    cp "$DATA/states-v2/$1"/results.json.* .
}

# now CASE - when karenina wrote its final export of that case
now() {
    json .final_export.now "$DATA/states-v2/$1/expected.json"
}

# like_karenina CASE - is results.json the export karenina makes, but for what it cannot know of a
# layout 2.0 pair (the rubric) and what karenina always claims (is_complete)?
like_karenina() {
    sed '1s/"is_complete": [a-z]*/"is_complete": X/; 1s/"rubric_definition": .*},"results"/"rubric_definition": null},"results"/' \
        "$DATA/states-v2/$1/final-export.json" >want
    sed '1s/"is_complete": [a-z]*/"is_complete": X/' results.json | cmp want -
}

# left - the files that remain, on one line
left() {
    find . -mindepth 1 -maxdepth 1 ! -name 'separate-stderr*' -printf '%f\n' | sort | tr '\n' ' '
}

# A run of three tasks of any kind with all its results: a pair of layout 1.0 as anybody may write it.
three() {
    cat >results.json.state <<'STATE'
{"format_version": "1.0", "benchmark_path": "", "config": {}, "config_hash": "", "start_time": 1.5,
 "task_manifest": ["a", "b", "c"], "completed_task_ids": ["c", "b", "a"]}
STATE
    cat >results.json.tmp <<'TMP'
{"results": [{"task_id":"b",  "n":1.0}, {"task_id":"a", "n" : 1e-7, "s": "\u00e9 : ,"},
  {"n": 100000000000000000001, "task_id":"c", "n": -0.0}]}
TMP
}

@test "finalize: layout 2.0 exports are karenina's, byte for byte" {
    local agreed=0 total=0 case
    for case in all-done failed-ids failed-then-done failures-are-completed fresh malformed-completed-keys \
        multi-model-replicates number-forms optional-keys-missing preview-ignored row-without-key \
        scenario-keys scenario-node-override seeded-prior-rows some-done unicode; do
        pair "$case"
        total=$((total + 1))
        SOURCE_DATE_EPOCH=$(now "$case") kv-finalize --partial results.json.state >/dev/null
        if like_karenina "$case"; then
            agreed=$((agreed + 1))
        else
            echo "disagrees: $case"
        fi
    done
    agreement 'states-v2/*/final-export.json' "$agreed/$total"
    [ "$agreed" -eq "$total" ]
}

# The files as they were before the last step of a run, and what that step made of them.
@test "finalize: the last step of karenina's runs of layout 2.0 gives its file" {
    local agreed=0 total=0 line output
    while IFS= read -r line; do
        rm -rf run
        mkdir run
        output=$(json '.output_path_given | ltrimstr("./")' <<<"$line")
        json -j '.steps[-2].results_file.text' <<<"$line" >"run/$output.results.jsonl"
        json -j '.steps[-2].state_file.text' <<<"$line" >"run/$output.state"
        json -j '.steps[-1].output_file.text' <<<"$line" >want
        case $line in *'"name":"repeat'*) sed -i 2d want ;; esac # a row that the next one replaced
        total=$((total + 1))
        (cd run && SOURCE_DATE_EPOCH=$(json '.steps[-1].now' <<<"$line") \
            kv-finalize --partial "$output.state" >/dev/null)
        for f in want "run/$output"; do
            sed -i '1s/"is_complete": [a-z]*/"is_complete": X/
                1s/"rubric_definition": .*},"results"/"rubric_definition": null},"results"/' "$f"
        done
        if cmp want "run/$output"; then
            agreed=$((agreed + 1))
        fi
    done < <(jq -c 'select(.layout == "2.0")' "$(data lifecycle/lifecycle.jsonl)")
    agreement 'lifecycle.jsonl, last steps' "$agreed/$total"
    [ "$agreed" -eq "$total" ] && [ "$total" -gt 0 ]
}

@test "finalize: only the newest row of a task is exported" {
    local case
    for case in two-rows-failure-then-success two-rows-success-then-failure; do
        echo "$case"
        pair "$case"
        SOURCE_DATE_EPOCH=$(now "$case") kv-finalize --partial results.json.state >summary
        assert_equal "$(json .superseded_count summary)" 1
        # The header counts as karenina does; of the rows the last of each key is there.
        diff <(head -n 1 results.json | sed 's/"is_complete": [a-z]*/X/') \
            <(head -n 1 "$DATA/states-v2/$case/final-export.json" | sed 's/"is_complete": [a-z]*/X/')
        diff <(json -c '.results[]' results.json) \
            <(json -c '[.results | to_entries | group_by(.value.metadata.question_id)[] | last]
                | sort_by(.key)[].value' "$DATA/states-v2/$case/final-export.json")
    done
}

@test "finalize: a hole is refused with its key, and nothing is touched" {
    local case
    for case in key-without-row torn-line-then-append corrupt-middle-line \
        invalid-rows missing-jsonl; do
        echo "$case"
        pair "$case"
        run --separate-stderr kv-finalize --partial results.json.state
        assert_equal "$status" 3
        assert_stdout ''
        assert_equal "$(wc -l <<<"$stderr")" 1
        assert_regex "$stderr" '^kv-finalize: results\.json\.(state|results\.jsonl)'
        [ ! -e results.json ] && [ -e results.json.state ]
    done
}

@test "finalize: tasks remain: how many, how to go on, and nothing is touched" {
    pair some-done
    sha256sum results.json.* >before
    run --separate-stderr kv-finalize results.json.state
    assert_equal "$status" 1
    assert_stdout ''
    assert_stderr "kv-finalize: results.json.state: 2 of 4 tasks have no result yet; go on with kv-run results.json.state | kv-append -q results.json.state"
    sha256sum -c --quiet before
    assert_equal "$(left)" '.results.json.lock before results.json.results.jsonl results.json.state '
}

@test "finalize: a refusal touches nothing, in either layout, whatever would have to be mended" {
    local case
    for case in states-v1/one-of-three states-v1/older-pretty-tmp states-v1/row-without-key \
        states-v2/row-without-key; do
        echo "$case"
        rm -rf pair && mkdir pair
        cp "$DATA/$case"/results.json.* pair
        sha256sum pair/results.json.* >before
        run --separate-stderr kv-finalize pair/results.json.state
        assert_equal "$status" 1
        sha256sum -c --quiet before
        refute [ -e pair/results.json ]
    done
}

@test "finalize: the summary counts, the pair and all private files are gone" {
    pair all-done
    SOURCE_DATE_EPOCH=1775270332.5 run --separate-stderr kv-finalize results.json
    assert_success
    assert_stderr ''
    assert_equal "$(json -c '[.output_path, .csv_path, .is_complete, .already_finalized, .total_tasks,
        .completed_count, .pending_count, .result_count, .successful_count, .failed_count,
        .passed_count]' <<<"$output")" '["results.json",null,true,false,4,4,0,4,3,1,3]'
    assert_equal "$(json -c '.models' <<<"$output")" \
        '[{"answering":"langchain:alder-7b (ans-1)","parsing":"openai_endpoint:dogwood-vl","results":4,"passed":3,"wrong":1,"declined":0,"errors":0}]'
    assert_equal "$(json -c '.tokens' <<<"$output")" \
        "$(json -c '[.results[].template.usage_metadata.total] | {input: (map(.input_tokens) | add),
            output: (map(.output_tokens) | add), total: (map(.total_tokens) | add)}' \
            "$DATA/states-v2/all-done/final-export.json")"
    assert_equal "$(left)" 'results.json '
}

@test "finalize: a second time is a clear answer" {
    pair all-done
    kv-finalize results.json.state >/dev/null
    sha256sum results.json >before
    for operand in results.json.state results.json; do
        run --separate-stderr kv-finalize "$operand"
        assert_success
        assert_equal "$(json -c '[.already_finalized, .is_complete, .total_tasks, .failed_count]' <<<"$output")" \
            '[true,true,4,1]'
    done
    sha256sum -c --quiet before
}

@test "finalize: interrupted before the removal, the next call finishes" {
    pair all-done
    kv-finalize --keep results.json.state >/dev/null # as a kill between writing and removing
    run --separate-stderr kv-finalize results.json.state
    assert_success
    assert_equal "$(json .already_finalized <<<"$output")" false
    assert_equal "$(left)" 'results.json '
}

@test "finalize: interrupted in the middle of the removal, the next call finishes" {
    pair all-done
    kv-finalize --keep results.json.state >/dev/null
    rm results.json.results.jsonl
    run --separate-stderr kv-finalize results.json.state
    assert_success
    assert_equal "$(json -c '[.already_finalized, .total_tasks]' <<<"$output")" '[true,4]'
    assert_equal "$(left)" 'results.json '
}

@test "finalize: another run's export does not stand in for lost results" {
    pair all-done
    kv-finalize --keep results.json.state >/dev/null
    jq '.start_time = 1' results.json.state >edited && mv edited results.json.state
    rm results.json.results.jsonl
    run --separate-stderr kv-finalize results.json.state
    assert_equal "$status" 3
    [ -e results.json.state ]
}

@test "finalize: --keep keeps the pair, --partial writes what is there" {
    pair all-done
    run --separate-stderr kv-finalize --keep results.json.state
    assert_success
    [ -e results.json ] && [ -e results.json.state ] && [ -e results.json.results.jsonl ]
    assert_equal "$(json .metadata.job_summary.is_complete results.json)" true
    pair some-done
    run --separate-stderr kv-finalize --partial results.json.state
    assert_success
    assert_equal "$(json -c '[.is_complete, .pending_count]' <<<"$output")" '[false,2]'
    assert_equal "$(json -c '.metadata.job_summary.is_complete, (.results | length)' results.json)" $'false\n2'
    [ -e results.json.state ] && [ -e results.json.results.jsonl ]
}

@test "finalize: --csv writes a CSV beside the export; an output path that ends in .csv is one" {
    pair all-done
    run --separate-stderr kv-finalize --csv results.json.state
    assert_success
    assert_equal "$(json -r .csv_path <<<"$output")" results.csv
    assert_equal "$(left)" 'results.csv results.json '
    assert_equal "$(head -c 22 results.csv)" 'question_id,success,er'
    cp "$DATA/states-v2/all-done/results.json.state" r.csv.state
    cp "$DATA/states-v2/all-done/results.json.results.jsonl" r.csv.results.jsonl
    run --separate-stderr kv-finalize r.csv.state
    assert_success
    assert_equal "$(json -c '[.output_path, .csv_path]' <<<"$output")" '[null,"r.csv"]'
    cmp <(sed 's/,2[0-9-]* [0-9:]* UTC,/,T,/' r.csv) <(sed 's/,2[0-9-]* [0-9:]* UTC,/,T,/' results.csv)
}

@test "finalize: rows of any JSON jobs are exported as they are" {
    three
    run --separate-stderr kv-finalize results.json.state
    assert_success
    assert_equal "$(json -c '[.total_tasks, .successful_count, .models]' <<<"$output")" '[3,3,[]]'
    assert_equal "$(sed -n '2,$p' results.json)" '{"task_id":"b",  "n":1.0},
{"task_id":"a", "n" : 1e-7, "s": "\u00e9 : ,"},
{"n": 100000000000000000001, "task_id":"c", "n": -0.0}
]}'
    assert_equal "$(left)" 'results.json '
}

@test "finalize: what is not there, or not a state, is said in one line" {
    local operand want
    echo '[]' >list.state
    echo '{}' >odd
    mkdir dir.state
    while IFS='|' read -r operand want; do
        echo "$operand"
        run --separate-stderr kv-finalize "$operand"
        assert_equal "$status" 3
        assert_stdout ''
        assert_equal "$(wc -l <<<"$stderr")" 1
        assert_regex "$stderr" "$want"
    done <<'CASES'
none.json.state|none\.json\.state: no such file
list.state|list\.state
dir.state|dir\.state
odd|odd: incompatible state format version: None
CASES
}

@test "finalize: an export that cannot be written leaves the pair as it was" {
    [ "$(id -u)" -ne 0 ] || skip 'root may write anywhere'
    mkdir locked # and not where bats keeps its own
    cd locked
    pair all-done
    sha256sum results.json.* >../before
    chmod a-w .
    run --separate-stderr kv-finalize results.json.state
    chmod u+w .
    assert_equal "$status" 4
    sha256sum -c --quiet ../before
}

@test "finalize: a run that holds the state is not disturbed" {
    three
    exec 8>.results.json.run
    flock -n 8
    run --separate-stderr kv-finalize results.json.state
    assert_equal "$status" 6
    assert_stderr 'kv-finalize: results.json.state: a run holds it'
    exec 8>&-
}

@test "finalize: the rows of a layout 1.0 pair are copied as they are" {
    local case
    for case in all-done failures older-pretty-tmp replicates scenario-rows unicode; do
        echo "$case"
        rm -f results.json*
        cp "$DATA/states-v1/$case"/results.json.* .
        run --separate-stderr kv-finalize --partial results.json.state
        assert_success
        diff <(jq -cS '.results[]' results.json) <(jq -cS '.results[]' "$DATA/states-v1/$case/results.json.tmp")
        if [ "$case" != older-pretty-tmp ]; then # there a row is many lines
            diff <(grep '^{"metadata": {"question_id"' results.json) \
                <(grep '^{"metadata": {"question_id"' "$DATA/states-v1/$case/results.json.tmp")
        fi
    done
}

# judge_lost FILE - the rows of a document as lines of JSON; in the last the judge could not be reached
judge_lost() {
    python3 -c 'import json, sys
rows = json.load(open(sys.argv[1]))["results"]
rows[-1]["template"]["raw_llm_response"] = "An answer."
rows[-1]["metadata"]["failure"] = {"category": "timeout", "stage": "ParseTemplate", "reason": "no reply"}
for row in rows: print(json.dumps(row, ensure_ascii=False, separators=(",", ":")))' "$1"
}

# exported FILE - the rows of an export, each as it stands in its line
exported() {
    sed -n 's/^\({"metadata": {"question_id".*}\),\{0,1\}$/\1/p' "$1"
}

@test "finalize: rows of JSON Lines are spelled as karenina does, under a header that counts them" {
    local all=$DATA/states-v1/all-done
    jq '.completed_task_ids = []' "$all/results.json.state" >results.json.state
    jq '.results = []' "$all/results.json.tmp" >results.json.tmp
    # The task of the last stays pending: what is known of the tasks lets expect one failure alone.
    judge_lost "$all/results.json.tmp" >lines
    kv-append -q results.json lines
    kv-finalize --partial results.json.state >summary
    assert_equal "$(jq -c '[.completed_count, .result_count, .successful_count, .failed_count]' summary)" '[3,4,2,2]'
    assert_equal "$(jq -c '.metadata.job_summary | [.successful_count, .failed_count]' results.json)" '[2,2]'
    diff <(exported "$all/results.json.tmp" | head -n 3) <(exported results.json | head -n 3)
    assert_equal "$(exported results.json | wc -l)" 4
    # Every row of a run that is done, in the order in which they came.
    exported "$all/results.json.tmp" | kv-append -q results.json
    kv-finalize results.json.state >summary
    assert_equal "$(jq -c '.metadata.job_summary | [.successful_count, .failed_count]' results.json)" '[3,1]'
    diff <(exported "$all/results.json.tmp") <(exported results.json)
    run left
    refute_output --partial draft
}

@test "finalize: killed at any change of a file, the next call finishes and nothing is lost" {
    command -v strace >/dev/null || skip 'no strace'
    local n=0 killed=0 done=
    while [ -z "$done" ] && [ "$n" -lt 60 ]; do
        n=$((n + 1))
        rm -f results.json* .results.json*
        cp "$DATA/states-v1/all-done"/results.json.* .
        # A leak checker cannot work under strace.
        if ASAN_OPTIONS=detect_leaks=0 strace -f -o trace -e trace=rename,renameat,renameat2,unlink,unlinkat \
            -e inject=rename,renameat,renameat2,unlink,unlinkat:signal=SIGKILL:when="$n" \
            kv-finalize results.json.state >/dev/null 2>&1; then
            done=yes
        else
            killed=$((killed + 1))
        fi
        [ ! -e results.json ] || jq -e '.results | length == 4' results.json >/dev/null
        run --separate-stderr kv-finalize results.json.state
        echo "killed at change $n: $status $stderr"
        assert_success
        assert_equal "$(jq '.results | length' results.json)" 4
        assert_equal "$(left)" 'results.json trace '
    done
    echo "killed $killed times"
    [ "$killed" -ge 3 ] && [ -n "$done" ]
}

@test "finalize: a row that is no result, or no JSON, is named with its place" {
    local case want
    while IFS='|' read -r case want; do
        echo "$case"
        rm -f results.json*
        cp "$DATA/states-v1/$case"/results.json.* .
        run --separate-stderr kv-finalize --partial results.json.state
        assert_equal "$status" 3
        assert_stdout ''
        assert_equal "$(wc -l <<<"$stderr")" 1
        assert_regex "$stderr" "$want"
        refute [ -e results.json ]
    done <<'CASES'
bad-row|results\.json\.tmp:[0-9]+:.*metadata
older-flat-rows|results\.json\.tmp:[0-9]+:.*metadata
truncated-tmp|results\.json\.tmp:[0-9]+:[0-9]+: unterminated string
missing-tmp|results\.json\.tmp
key-without-row|is completed, but results\.json\.tmp has no row for it
CASES
}

@test "finalize: an error of the system is said, and the next call finishes" {
    command -v strace >/dev/null || skip 'no strace'
    local call n paths failed=0
    for call in openat:ENOSPC write:ENOSPC fsync:EIO rename:EDQUOT unlink:EACCES unlinkat:EACCES; do
        for n in 1 2 3 4; do
            rm -f results.json* .results.json*
            cp "$DATA/states-v1/all-done"/results.json.* .
            paths=
            [ "${call%:*}" != openat ] || paths="-P $PWD"
            # shellcheck disable=SC2086
            run --separate-stderr env ASAN_OPTIONS=detect_leaks=0 strace -f -o trace $paths \
                -e trace="${call%:*}" -e inject="${call%:*}:error=${call#*:}:when=$n" \
                kv-finalize results.json.state
            echo "$call $n: $status $stderr"
            [ "$status" -eq 0 ] || [ "$status" -eq 4 ]
            if [ "$status" -eq 4 ]; then
                failed=$((failed + 1))
                assert_equal "$(wc -l <<<"$stderr")" 1
                assert_stdout ''
            fi
            run --separate-stderr kv-finalize results.json.state
            assert_success
            assert_equal "$(jq '.results | length' results.json)" 4
        done
    done
    echo "failed $failed times"
    [ "$failed" -gt 0 ]
}

@test "finalize: NaN and its like in rows of karenina's pass through" {
    cp "$DATA/states-v1/all-done"/results.json.* .
    sed -i '2s/"execution_time": [0-9.]*/"execution_time": NaN/
        3s/"execution_time": [0-9.]*/"execution_time": -Infinity/' results.json.tmp
    run --separate-stderr kv-finalize results.json.state
    assert_success
    assert_equal "$(grep -c '"execution_time": NaN,' results.json)" 1
    assert_equal "$(grep -c '"execution_time": -Infinity,' results.json)" 1
}

@test "finalize: the key of a hole is shown as JSON has it, and can be searched for" {
    cp "$DATA/states-v1/key-without-row/"results.json.* .
    run --separate-stderr kv-finalize --partial results.json
    assert_failure 3
    key=$(sed "s/^[^']*'//; s/' is completed.*//" <<<"$stderr")
    assert_equal "$(jq --argjson key "\"$key\"" '.completed_task_ids | index($key) != null' \
        results.json.state)" true
}

@test "finalize: --csv of a run that was finalized before writes it from the export" {
    cp "$DATA/states-v1/all-done/"results.json.* .
    cp results.json.state s && cp results.json.tmp t
    SOURCE_DATE_EPOCH=1780000000 kv-finalize --csv results.json >/dev/null
    mv results.csv first.csv
    run --separate-stderr env SOURCE_DATE_EPOCH=1780000000 kv-finalize --csv results.json.state
    assert_success
    assert_equal "$(json -c '[.already_finalized, .csv_path]' <<<"$output")" '[true,"results.csv"]'
    cmp first.csv results.csv
}

@test "finalize: a scenario's row without a turn is a row like any" {
    cp "$DATA/states-v1/scenario-rows/"results.json.* .
    chmod u+w results.json.*
    jq '.results = [.results[0] | .metadata.scenario_turn = null]' results.json.tmp >one
    mv one results.json.tmp
    jq --slurpfile t results.json.tmp '.completed_task_ids |= map(select(
        startswith($t[0].results[0].metadata.scenario_id + "\t")))' results.json.state >one
    mv one results.json.state
    run --separate-stderr kv-finalize --partial results.json
    assert_success
    assert_equal "$(json '.results | length' results.json)" 1
    assert_equal "$(json .superseded_count <<<"$output")" 0
}

@test "finalize: a stray .tmp does not hide the export beside it, that of a run that lost its state does" {
    pair all-done
    echo '{"results":[]}' >results.json.tmp
    kv-finalize results.json.state >/dev/null
    run kv-status results.json.state
    assert_success
    assert_equal "$(jq .progress.completed_count <<<"$output")" 4
    run kv-finalize results.json.state
    assert_success
    touch -d '+1 minute' results.json.tmp
    for program in kv-status kv-finalize; do
        run --separate-stderr "$program" results.json.state
        assert_failure 3
        assert_stderr "$program: results.json.state: no such file or directory"
    done
}

@test "finalize: an export of a run that is not finished is called that" {
    pair fresh
    kv-finalize --partial results.json.state >/dev/null
    rm results.json.*
    run --separate-stderr kv-finalize results.json
    assert_failure 3
    assert_stderr "kv-finalize: results.json: these are the results of a run that is not finished; its state is another file; without it, kv-manifest --extend-from begins a run with them"
}

@test "finalize: a pair of layout 2.0 without its lines has no results yet" {
    pair fresh
    rm results.json.results.jsonl
    run --separate-stderr kv-finalize --partial --csv results.json.state
    assert_success
    assert_equal "$(jq -c '[.total_tasks, .pending_count, .result_count]' <<<"$output")" '[3,3,0]'
    assert_equal "$(jq -c .results results.json)" '[]'
    pair some-done
    rm results.json.results.jsonl
    run --separate-stderr kv-finalize --partial results.json.state
    assert_failure 3
    assert_regex "$stderr" 'is completed, but results.json.results.jsonl has no row for it; do it again with kv-run results.json.state \| kv-append -q results.json.state$'
}

# One failing read of the private index once made a row look superseded: it was left out, exit 0, and
# the only copy removed.
@test "finalize: a read that fails loses no result" {
    strace -o /dev/null true 2>/dev/null || skip "strace cannot trace here"
    local k status lost=0 tried=0
    seq 6 | sed 's/.*/"t&"/' >tasks
    kv-manifest --tasks tasks -o r.json >/dev/null
    seq 6 | sed 's/.*/{"task_id":"t&","x":1}/' | kv-append -q r.json
    mkdir save
    cp -p r.json.* .r.json.* save/
    for k in $(seq 60); do
        rm -f r.* .r.*
        cp -p save/.r* save/* .
        status=0
        ASAN_OPTIONS=detect_leaks=0 strace -qq -o trace -e trace=pread64 -e inject=pread64:error=EIO:when="$k" \
            kv-finalize r.json >out 2>err || status=$?
        grep -q INJECTED trace || break
        tried=$((tried + 1))
        if [ "$status" -eq 0 ]; then
            [ "$(jq '.results | length' r.json)" -eq 6 ] || lost=$((lost + 1))
        else
            [ "$status" -eq 4 ] || [ "$status" -eq 127 ] # the loader reads too
            [ "$(jq '.results | length' r.json.tmp)" -eq 6 ] || lost=$((lost + 1))
        fi
    done
    [ "$tried" -gt 10 ]
    assert_equal "$lost" 0
}

@test "finalize: an index that tells lies is not believed" {
    local at n
    seq 6 | sed 's/.*/"t&"/' >tasks
    n=0
    for at in 4112 4120 4136 5136 5648; do # offsets and flags of slots, wherever keys fall
        kv-manifest --force --tasks tasks -o r.json >/dev/null
        printf '{"task_id":"t1","error":"no"}\n' | kv-append -q r.json
        seq 6 | sed 's/.*/{"task_id":"t&","x":1}/' | kv-append -q r.json
        head -c 8 /dev/urandom | dd of=.r.json.index bs=1 seek="$at" conv=notrunc status=none
        run --separate-stderr kv-finalize --csv r.json
        assert_success
        assert_equal "$(jq -c '[.results[] | [.task_id, .x]] | sort' r.json)" \
            '[["t1",1],["t2",1],["t3",1],["t4",1],["t5",1],["t6",1]]'
        n=$((n + 1))
    done
    # Every slot at once: nothing that it says is true.
    lies() {
        kv-manifest --force --tasks tasks -o r.json >/dev/null
        { cat; seq 6 | sed 's/.*/{"task_id":"t&","x":1}/'; } | kv-append -q r.json
        dd if=/dev/urandom of=.r.json.index bs=1 seek=4096 count=2048 conv=notrunc status=none
        run --separate-stderr kv-finalize -v r.json
        assert_success
        assert_equal "$(jq -c '[.results[] | [.task_id, .x]] | sort' r.json)" \
            '[["t1",1],["t2",1],["t3",1],["t4",1],["t5",1],["t6",1]]'
    }
    lies <<<'{"task_id":"t1","error":"no"}'
    [[ $stderr == *"does not add up; all is read again"* ]]
    # Where nothing was done twice it is not asked.
    lies </dev/null
    assert_stderr ''
}

# on_a_terminal COMMAND... - what it prints to a terminal of 80 columns, without the carriage returns
on_a_terminal() {
    python3 -c 'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)' "$@" </dev/null | tr -d '\r'
}

@test "finalize: on a terminal the end is a table and the command to type next, in a pipe JSON" {
    pair all-done
    local models
    models=$(jq -sr 'map("\(.metadata.answering.model_name)\n") | unique | add' results.json.results.jsonl)
    on_a_terminal kv-finalize results.json.state >shown
    grep -q '^results.json: [0-9]* of [0-9]* tasks$' shown
    grep -q '^judged by ' shown
    while read -r model; do
        grep -q "^$model" shown
    done <<<"$models"
    assert_equal "$(tail -n 1 shown)" 'to look closer: kv-report -o report.html results.json'
    ! grep -q '{' shown
    run --separate-stderr kv-finalize results.json
    assert_equal "$(json .already_finalized <<<"$output")" true
}

@test "finalize: on a terminal a part of a run says how it goes on" {
    three
    jq -c '.task_manifest += ["d"]' results.json.state >s
    mv s results.json.state
    on_a_terminal kv-finalize --partial results.json.state >shown
    cat shown
    assert_equal "$(tail -n 1 shown)" 'to go on: kv-run results.json.state | kv-append -q results.json.state'
}

@test "finalize: a hole is done again: an older results file beside a newer state comes to its end" {
    seq 6 | sed 's/.*/"t&"/' >tasks
    kv-manifest --tasks tasks -o r.json >/dev/null
    kv-run --max-tasks 2 -j 1 --exec cat r.json | kv-append -q r.json
    cp r.json.tmp old
    kv-run --exec cat r.json | kv-append -q r.json
    cp old r.json.tmp
    run kv-status -q r.json
    assert_failure 1
    assert_equal "$(kv-status --json r.json | jq .hole_count)" 4
    run --separate-stderr kv-finalize r.json
    assert_failure 3
    assert_regex "$stderr" "^kv-finalize: r.json.state: 't[3-6]' is completed, but r.json.tmp has no row for it; do it again with kv-run r.json.state \\| kv-append -q r.json.state$"
    kv-run --exec cat r.json.state | kv-append -q r.json.state
    kv-finalize r.json >/dev/null
    assert_equal "$(jq -c '[.results[].task_id] | sort' r.json)" '["t1","t2","t3","t4","t5","t6"]'
}

@test "finalize: a hole in a file that says nothing of it is found when nothing else is left to do" {
    seq 3 | sed 's/.*/"t&"/' >tasks
    kv-manifest --tasks tasks -o r.json >/dev/null
    kv-run --exec cat r.json | kv-append -q r.json
    sed -i 's/{"task_id":"t2"}/{"task_id":"t1"}/' r.json.tmp
    run kv-finalize r.json
    assert_failure 3
    kv-run --exec cat r.json.state | kv-append -q r.json.state
    kv-finalize r.json >/dev/null
    assert_equal "$(jq -c '[.results[].task_id] | sort' r.json)" '["t1","t2","t3"]'
}

# ---- a directory that others may write to ----

@test "finalize: what somebody has put in the place of the draft is not written to, and gives no rights" {
    [ "$(id -u)" -eq 0 ] || skip "needs root, to be another user"
    chmod 755 .
    echo '"t"' >tasks
    as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
    fresh() {
        rm -rf d
        mkdir -m 1777 d
        kv-manifest --tasks tasks -o d/r.json >/dev/null
        echo '{"task_id":"t","x":"secret"}' | kv-append -q d/r.json
        chmod 600 d/r.json.tmp d/r.json.state
    }
    fresh
    as_nobody sh -c 'umask 0; : >d/.r.json.draft'
    kv-finalize --partial d/r.json >/dev/null
    assert_equal "$(stat -c '%u %a' d/r.json)" "0 600"
    fresh
    echo precious >victim
    ln victim d/.r.json.draft
    kv-finalize --partial d/r.json >/dev/null
    assert_equal "$(cat victim)" precious
    fresh
    ln -s "$PWD/victim" d/.r.json.draft
    kv-finalize --partial d/r.json >/dev/null
    assert_equal "$(cat victim)" precious
    fresh
    mkfifo d/.r.json.draft
    run timeout 10 kv-finalize --partial d/r.json
    assert_success
    fresh
    rm d/.r.json.lock
    ln victim d/.r.json.lock
    run --separate-stderr kv-append d/r.json </dev/null
    run --separate-stderr kv-finalize --partial d/r.json
    assert_failure 4
    assert_stderr "kv-finalize: d/.r.json.lock: not made by us (a link, or no regular file); remove it and try again"
    assert_equal "$(cat victim)" precious
}

@test "finalize: of a CSV, killed between the removal of the two files: the next call finishes" {
    strace -o /dev/null true 2>/dev/null || skip "strace cannot trace here"
    echo '"a"' >tasks
    kv-manifest --tasks tasks -o r.csv >/dev/null
    kv-append -q r.csv <<<'{"task_id":"a"}'
    run strace -qq -o /dev/null -e inject=unlinkat:signal=KILL:when=2 kv-finalize r.csv.state
    [ -e r.csv.state ] && [ ! -e r.csv.tmp ]
    run --separate-stderr kv-finalize r.csv.state
    assert_success
    assert_equal "$(ls -A | grep csv)" r.csv
}

@test "finalize: a results file that is lost, beside an export of something else, is not taken for a removal" {
    echo '"a"' >tasks
    kv-manifest --tasks tasks -o r.csv >/dev/null
    kv-append -q r.csv <<<'{"task_id":"a"}'
    kv-finalize --keep r.csv >/dev/null
    rm r.csv.tmp
    run --separate-stderr kv-finalize r.csv
    assert_failure 3
    [ -e r.csv.state ]
}

@test "finalize: rows copied as one range are the bytes of rows written one by one" {
    export SOURCE_DATE_EPOCH=1800000000
    seq 300 | kvtest state create r.json
    seq 300 | jq -c '{task_id: tostring, text: "x\u00e9\u2028 \(. * 7)", error: (if . % 9 == 0 then "e" else null end)}' |
        kv-append -q r.json
    kv-finalize --keep r.json >/dev/null
    mv r.json copied
    # White space that a growing document does not have: the rows are read and written one by one.
    cp r.json.tmp grown
    sed 's/^{"format_version"/{ "format_version"/' grown >r.json.tmp
    kv-finalize --keep r.json >/dev/null
    cmp copied r.json
    for edit in 's/^{"task_id":"7"/ {"task_id":"7"/' 's/^\({"task_id":"7".*\),$/\1 ,/' '/^{"task_id":"7"/{N;s/\n//}'; do
        sed "$edit" grown >r.json.tmp
        ! cmp -s grown r.json.tmp
        kv-finalize --keep r.json >/dev/null
        cmp copied r.json
    done
    # A row that another has taken the place of is left out.
    cp grown r.json.tmp
    echo '{"task_id":"9","text":"again"}' | kv-append -q r.json
    kv-finalize --keep r.json >/dev/null
    assert_equal "$(jq -c '[(.results | length), (.results[] | select(.task_id == "9").text)]' r.json)" '[300,"again"]'
    jq -c '.results[] | select(.task_id != "9")' copied >wanted
    jq -c '.results[] | select(.task_id != "9")' r.json | cmp wanted -
}

# A run of 6,000 results of 1 KB and more, so that they are copied by a thread, in more than one piece.
@test "finalize: of many rows each newest one is there, spelled as it should be, whatever stands between" {
    export SOURCE_DATE_EPOCH=1800000000
    python3 - <<'PY'
import json
def result(i, **more):
    who = {"interface": "i", "model_name": "m", "tools": [], "config_id": None}
    return {"metadata": dict({"question_id": "q%d" % i, "template_id": "t", "question_text": "x, : " * 250,
                              "answering": who, "parsing": who, "execution_time": 1, "failure": None,
                              "timestamp": "2026-01-01 00:00:00", "result_id": "0" * 16}, **more)}
def compact(row):
    return json.dumps(row, separators=(",", ":"))
failed = {"category": "timeout", "stage": "generate_answer", "reason": "r"}
rows = [result(i) for i in range(4000)]
jobs = [{"task_id": "j%d" % i, "text": "y, : " * 250} for i in range(2000)]
bad = {i: result(i, failure=failed) for i in range(0, 4000, 7)}
with open("tasks", "w") as f:
    f.writelines('"q%d\\ti:m:\\ti:m:"\n' % i for i in range(4000))
    f.writelines('"j%d"\n' % i for i in range(2000))
with open("once", "w") as f:
    f.writelines(compact(row) + "\n" for row in rows + jobs)
with open("twice", "w") as f: # failures among them, of which newer rows come later
    f.writelines(compact(bad.get(i, row)) + "\n" for i, row in enumerate(rows))
    f.writelines(compact(row) + "\n" for row in jobs)
    f.writelines(compact(rows[i]) + "\n" for i in bad)
def export(name, rows):
    with open(name, "w") as f:
        f.write(",\n".join(json.dumps(row) if "metadata" in row else compact(row) for row in rows) + "\n]}\n")
export("once.rows", rows + jobs)
export("twice.rows", [row for i, row in enumerate(rows) if i not in bad] + jobs + [rows[i] for i in bad])
PY
    local how
    for how in once twice; do
        kv-manifest --force --tasks tasks -o r.json >/dev/null
        kv-append -q r.json <$how
        kv-finalize --keep r.json >summary
        assert_equal "$(json -c '[.result_count, .successful_count, .failed_count]' summary)" '[6000,6000,0]'
        tail -n +2 r.json | cmp - $how.rows
        mv r.json $how.json
    done
    assert_equal "$(head -n 1 once.json)" "$(head -n 1 twice.json)"
    # Lines that are broken elsewhere, and not where they should be.
    cp r.json.tmp whole
    for edit in '7s/"metadata"/\n&/' '9,12s/^/ /' '20,$s/,$/ ,/' '100{N;s/,\n/\n,/}' '200,300{N;s/\n/ /}'; do
        sed "$edit" whole >r.json.tmp
        ! cmp -s whole r.json.tmp
        kv-finalize --keep r.json >/dev/null
        cmp r.json twice.json
    done
}
