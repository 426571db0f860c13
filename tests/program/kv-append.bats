# append.bats - kv-append on growing pairs and on karenina's: what is kept, refused, mended.

load ../helper

# A pair of five tasks of any kind, and results for them.
setup() {
    kv_setup
    printf 'k1\nk2\nk3\nk4\nk5\n' | kvtest state create results.json
}

counts() {
    jq -c '[.total_tasks, .completed_count, .failed_count, .pending_count, .row_count,
        (.completed_task_ids | length)]' results.json.state
}

rows() {
    jq -c '.results[]' results.json.tmp
}

# Both documents are valid and agree with themselves.
check_pair() {
    jq -e '.completed_count == (.completed_task_ids | length) and
        (.completed_task_ids | length == (unique | length))' results.json.state >/dev/null
    jq -e '.metadata.row_count == (.results | length)' results.json.tmp >/dev/null
}

@test "append: each result kept is acknowledged" {
    run --separate-stderr kv-append results.json.state <<<'{"task_id":"k2","x":1}'
    assert_success
    assert_stderr ""
    assert_stdout '{"task_id":"k2","completed_count":1,"total_tasks":5}'
    assert_equal "$(rows)" '{"task_id":"k2","x":1}'
    assert_equal "$(counts)" '[5,1,0,4,1,1]'
}

@test "append: a completed task is skipped, and that is no error" {
    kv-append -q results.json <<<'{"task_id":"k1","x":1}'
    run --separate-stderr kv-append results.json <<<'{"task_id":"k1","x":2}'
    assert_success
    assert_stdout ""
    assert_stderr ""
    assert_equal "$(rows)" '{"task_id":"k1","x":1}'
    run --separate-stderr kv-append -v results.json <<<'{"task_id":"k1","x":2}'
    assert_stderr "kv-append: 0 kept, 1 skipped, 0 refused"
}

@test "append: a recorded failure is superseded by a newer result" {
    printf '%s\n' '{"task_id":"k1","error":"no"}' '{"task_id":"k2"}' | kv-append -q results.json
    assert_equal "$(counts)" '[5,2,1,3,2,2]'
    run --separate-stderr kv-append results.json <<<'{"task_id":"k1","x":2}'
    assert_stdout '{"task_id":"k1","completed_count":2,"total_tasks":5}'
    assert_equal "$(counts)" '[5,2,0,3,3,2]'
    check_pair
}

@test "append: the same failure again, byte for byte, is not kept twice" {
    kv-append -q results.json <<<'{"task_id":"k1","error":"no"}'
    kv-append -q results.json <<<'{"task_id":"k1","error":"no"}'
    assert_equal "$(counts)" '[5,1,1,4,1,1]'
    kv-append -q results.json <<<'{"task_id":"k1","error":"no again"}'
    assert_equal "$(counts)" '[5,1,1,4,2,1]'
}

@test "append: duplicates within one batch are seen" {
    run --separate-stderr kv-append results.json <<'END'
{"task_id":"k1","error":1}
{"task_id":"k1","x":1}
{"task_id":"k1","x":2}
END
    assert_success
    assert_equal "${#lines[@]}" 2
    assert_equal "$(counts)" '[5,1,0,4,2,1]'
}

@test "append: a bad line is named and the good ones around it are kept" {
    run --separate-stderr kv-append results.json < <(
        echo '{"task_id":"k1"}'
        echo 'nonsense'
        echo '{"task_id":"k2"'
        echo '[1]'
        echo '{"x":1}'
        echo '{"task_id":"nobody at all"}'
        echo '{"task_id":"k2","x":NaN}'
        printf '[%.0s' $(seq 251)
        echo
        printf '{"task_id":"k\xff"}\n'
        printf '{"task_id":"k2"}\0\n'
        echo
        echo '{"task_id":"k3"}'
    )
    assert_failure 3
    assert_stdout '{"task_id":"k1","completed_count":1,"total_tasks":5}
{"task_id":"k3","completed_count":2,"total_tasks":5}'
    assert_stderr 'kv-append: <stdin>:2:1: expected a value
kv-append: <stdin>:3:16: unexpected end
kv-append: <stdin>:4: expected an object, found array
kv-append: <stdin>:5: metadata: missing, and there is no task_id
kv-append: <stdin>:6: "nobody at all" is not in the manifest
kv-append: <stdin>:7:21: expected a value, found NaN
kv-append: <stdin>:8:251: nested too deeply
kv-append: <stdin>:9:14: invalid UTF-8
kv-append: <stdin>:10:17: unexpected text after the value'
    assert_equal "$(counts)" '[5,2,0,3,2,2]'
}

@test "append: files are named in messages, and read one after the other" {
    echo '{"task_id":"k1"}' >a.jsonl
    printf '{"task_id":"k2"}\n{]' >b.jsonl
    run --separate-stderr kv-append results.json a.jsonl b.jsonl - <<<'{"task_id":"k3"}'
    assert_failure 3
    assert_stderr "kv-append: b.jsonl:2:2: expected a string as key"
    assert_equal "$(counts)" '[5,3,0,2,3,3]'
    run --separate-stderr kv-append results.json nothing.jsonl
    assert_failure 3
    assert_stderr "kv-append: nothing.jsonl: no such file or directory"
}

@test "append: a key that is not in the manifest is refused with the nearest one" {
    printf 'question-alpha\tm1:\tm2:\nquestion-beta\tm1:\tm2:\n' | kvtest state create other.json
    run --separate-stderr kv-append other.json <<<'{"task_id":"question-betta\tm1:\tm2:"}'
    assert_failure 3
    assert_stderr 'kv-append: <stdin>:1: "question-betta\tm1:\tm2:" is not in the manifest; did you mean "question-beta\tm1:\tm2:"?'
}

@test "append: --extend adds the key to the manifest" {
    run --separate-stderr kv-append --extend results.json <<'END'
{"task_id":"k1"}
{"task_id":"new \u00e9"}
END
    assert_success
    assert_line --index 1 '{"task_id":"new é","completed_count":2,"total_tasks":6}'
    assert_equal "$(counts)" '[6,2,0,4,2,2]'
    assert_equal "$(jq -c '[.task_manifest[-1], .completed_task_ids]' results.json.state)" \
        '["new é",["k1","new é"]]'
    run kv-append results.json <<<'{"task_id":"k2"}'
    assert_output '{"task_id":"k2","completed_count":3,"total_tasks":6}'
    check_pair
}

@test "append: NaN and the infinities are refused by name" {
    printf '{"task_id":"k%d","x":%s}\n' 1 NaN 2 Infinity 3 -Infinity >in
    run --separate-stderr kv-append results.json in
    assert_failure 3
    assert_stderr "kv-append: in:1:21: expected a value, found NaN
kv-append: in:2:21: expected a value, found Infinity
kv-append: in:3:21: expected a value, found -Infinity"
}

# Python 3.11 reads integers of 4300 digits; jq 1.6 refuses a document with half a surrogate pair.
@test "append: what would make a reader refuse the whole file is refused by name" {
    local digits value why
    digits=$(printf '7%.0s' {1..4300})
    while IFS='|' read -r value why; do
        echo "$value" | cut -c1-60
        run --separate-stderr kv-append results.json <<<"{\"task_id\":\"k1\",\"x\":$value}"
        assert_failure 3
        assert_stderr "kv-append: <stdin>:1:$why"
        assert_equal "$(rows)" ""
    done <<END
"\\ud800"|22: half a surrogate pair in string
"a\\uDFFFb"|23: half a surrogate pair in string
"\\udc00\\ud800"|22: half a surrogate pair in string
"\\ud83d\\ud83d\\ude00"|22: half a surrogate pair in string
"\\ud83d\\\\ude00"|22: half a surrogate pair in string
{"\\ud800x":1}|23: half a surrogate pair in string
7$digits|21: an integer of more than 4300 digits
-7$digits|21: an integer of more than 4300 digits
END
    for value in '"\ud83d\ude00"' '"\uD83D\uDE00"' '"\\\\ud800"' "$digits" "-$digits" "0.7$digits" \
        "7${digits}e1" 12345678901234567890; do
        kv-append -q results.json <<<"{\"task_id\":\"k1\",\"error\":1,\"x\":$value}"
        run tail -n 2 results.json.tmp
        assert_output --partial "\"x\":$value}"
    done
    assert_equal "$(rows | wc -l)" 8
    check_pair
}

@test "append: a directory as input ends the work, and rejects that cannot be kept are told" {
    mkdir in.d
    run --separate-stderr timeout 20 kv-append results.json in.d
    assert_failure 3
    assert_stderr "kv-append: in.d: read: is a directory"
    echo '{"task_id":"k9"}' >in
    run --separate-stderr kv-append --rejects /dev/full results.json in
    assert_failure 4
    assert_equal "${stderr_lines[1]}" "kv-append: /dev/full: no space left on device"
}

@test "append: --rejects keeps refused lines as they came" {
    printf '{"task_id":"k1"}\n{"task_id":"zz" , "x":1.0}\r\nbad \xff\n' >in
    run --separate-stderr kv-append -q --rejects bad results.json in
    assert_failure 3
    printf '{"task_id":"zz" , "x":1.0}\r\nbad \xff\n' | cmp - bad
}

@test "append: --strict stops at the first refused line; what came before it stays" {
    run --separate-stderr kv-append --strict results.json <<<$'{"task_id":"k1"}\n{}\n{"task_id":"k2"}'
    assert_failure 3
    assert_stdout '{"task_id":"k1","completed_count":1,"total_tasks":5}'
    assert_equal "$(counts)" '[5,1,0,4,1,1]'
}

@test "append: --tee passes on what is durable, and nothing else" {
    run --separate-stderr kv-append --tee results.json <<<$' {"task_id":"k1", "x":1.0} \r\n{"task_id":"k1"}'
    assert_success
    assert_stdout '{"task_id":"k1", "x":1.0}'
}

@test "append: -q prints nothing" {
    run --separate-stderr kv-append -q results.json <<<'{"task_id":"k1"}'
    assert_success
    assert_stdout ""
    assert_stderr ""
}

@test "append: no input changes nothing" {
    cp -p results.json.state state
    cp -p results.json.tmp tmp
    run --separate-stderr kv-append results.json </dev/null
    assert_success
    run --separate-stderr kv-append results.json <<<'{"task_id":"zz"}'
    assert_failure 3
    cmp state results.json.state
    cmp tmp results.json.tmp
}

@test "append: the bytes of a result are kept" {
    cat >in <<'END'
{"task_id":"k1","n":[12345678901234567890,1.0,-0.0,1e-07,1E+400,0.1000],"u":"\ud83d\ude00 \u00e9 é /\/","a":1,"a":2}
{"task_id":"k2",	"tab":	null}
END
    kv-append -q results.json in
    # The last two lines before the end of the array.
    head -n -1 results.json.tmp | tail -n 2 | sed 's/},$/}/' | cmp - in
}

@test "append: CRLF and a last line without its end are taken" {
    printf '{"task_id":"k1"}\r\n{"task_id":"k2"}' | kv-append -q results.json
    assert_equal "$(counts)" '[5,2,0,3,2,2]'
}

@test "append: what has arrived is acknowledged without waiting for more" {
    coproc APPEND { kv-append results.json; }
    local in=${APPEND[1]} pid=$APPEND_PID line
    printf '{"task_id":"k1"}\n{"task_id":' >&"$in"
    read -r -t 20 line <&"${APPEND[0]}"
    assert_equal "$line" '{"task_id":"k1","completed_count":1,"total_tasks":5}'
    printf '"k2"}\n' >&"$in"
    read -r -t 20 line <&"${APPEND[0]}"
    assert_equal "$line" '{"task_id":"k2","completed_count":2,"total_tasks":5}'
    exec {in}>&-
    wait "$pid"
}

# signalled SIGNAL - a writer in a pipeline gets it between two results. (A shell makes background
# commands ignore SIGINT: env gives them the default again.)
signalled() {
    mkfifo "pipe$1"
    env --default-signal=INT kv-append results.json <"pipe$1" >"acks$1" &
    local pid=$!
    exec 8>"pipe$1"
    echo '{"task_id":"k1"}' >&8
    until [ -s "acks$1" ]; do read -rt 0.01 <> <(:) || true; done
    kill "-$1" $pid
    echo '{"task_id":"k2"}' >&8
    exec 8>&-
    wait $pid
    assert_equal "$(wc -l <"acks$1")" 2
}

@test "append: SIGINT in a pipeline does not stop it before the end of its input" {
    signalled INT
}

@test "append: SIGTERM neither, for it reaches the whole pipeline, and what is in it was paid for" {
    signalled TERM
}

@test "append: eight writers at once lose nothing" {
    seq 160 | sed 's/^/job-/' | kvtest state create many.json
    local w i
    for w in 0 1 2 3 4 5 6 7; do
        for i in $(seq 20); do
            kv-append many.json <<<"{\"task_id\":\"job-$((w * 20 + i))\"}"
        done >"acks.$w" &
    done
    wait
    assert_equal "$(cat acks.* | wc -l)" 160
    assert_equal "$(jq '[.results[].task_id] | unique | length' many.json.tmp)" 160
    assert_equal "$(jq -c '[.completed_count, .pending_count, .row_count]' many.json.state)" '[160,0,160]'
}

@test "append: a closed or full stdout loses nothing, and is said once" {
    run --separate-stderr bash -c 'printf "{\"task_id\":\"k1\"}\n{\"task_id\":\"k2\"}\n" | kv-append results.json >/dev/full'
    assert_failure 4
    assert_stderr "kv-append: stdout: no space left on device"
    run --separate-stderr bash -c 'echo "{\"task_id\":\"k3\"}" | kv-append results.json >&-'
    assert_failure 4
    assert_stderr "kv-append: stdout: bad file descriptor"
    run --separate-stderr bash -c 'echo "{\"task_id\":\"k4\"}" | kv-append results.json | true'
    assert_stderr ""
    assert_equal "$(counts)" '[5,4,0,1,4,4]'
    check_pair
}

@test "append: shards are merged" {
    printf 'k1\nk2\n' | kvtest state create shard-1.json
    printf 'k4\nk5\n' | kvtest state create shard-2.json
    printf '{"task_id":"k1"}\n{"task_id":"k2"}\n' | kv-append -q shard-1.json
    echo '{"task_id":"k4"}' | kv-append -q shard-2.json
    kv-append -q results.json shard-*.json.tmp
    assert_equal "$(counts)" '[5,3,0,2,3,3]'
    run --separate-stderr bash -c 'cat shard-*.json.tmp | kv-append -v results.json'
    assert_success
    assert_output ''
    assert_stderr "kv-append: 0 kept, 3 skipped, 0 refused"
}

# What a walk through doubles would change.
ROW1='{"task_id":"k1","id":12345678901234567890,"one":1.0,"small":1e-07,"big":1E400,"a":1,"a":2,"text":"\u00e9 \/ é"}'
ROW2='{ "task_id" : "k2", "x" : [ 1.50, -0.0, 100000000000000000000000001 ] }'

rows_of() {
    sed -n '/"results": *\[/,$p' "$1" | grep -F '"task_id"' | sed 's/,$//'
}

@test "append: the rows of a document keep their bytes" {
    printf 'k1\nk2\n' | kvtest state create shard.json
    printf '%s\n' "$ROW1" "$ROW2" | kv-append -q shard.json
    run kv-append --tee results.json shard.json.tmp
    assert_success
    assert_output "$ROW1
$ROW2"
    rows_of results.json.tmp >after
    printf '%s\n' "$ROW1" "$ROW2" | cmp - after
    check_pair
}

@test "append: a document is taken in any white space, from a file or a pipe, and other results after it" {
    printf '{\n  "format_version": "2.0",\n "metadata": {"results": [1]},\n  "results": [\n %s ,\n{\n"task_id"\n:\t"k2" , "s": " \\n a" }\n]\n}\n' "$ROW1" >pretty.json
    cat pretty.json - <<<'{"task_id":"k3"}' >both
    run kv-append --tee results.json both
    assert_success
    assert_output "$ROW1"'
{"task_id":"k2","s":" \n a"}
{"task_id":"k3"}'
    printf 'k1\nk2\nk3\n' | kvtest state create other.json
    # byte by byte, as from a slow line
    run --separate-stderr bash -c 'perl -e "\$| = 1; print while read STDIN, \$_, 1" <both | kv-append --tee other.json'
    assert_success
    assert_output "$ROW1"'
{"task_id":"k2","s":" \n a"}
{"task_id":"k3"}'
}

@test "append: of a torn document what is whole is kept, and the place is told" {
    printf '{"format_version": "2.0",\n"results": [\n%s,\n{"task_id":"k2","x":[1,' "$ROW1" >torn.json
    run --separate-stderr kv-append --tee results.json torn.json
    assert_failure 3
    assert_output "$ROW1"
    [[ $stderr == "kv-append: torn.json:4:"*": unexpected end" ]]
    assert_equal "$(counts)" '[5,1,0,4,1,1]'
}

@test "append: a row of a document that is refused is named by its line, and the others are kept" {
    printf '{"format_version": "2.0",\n"results": [\n{"task_id":"k1"},\n{"task_id":"nobody"},\n{"task_id":"k2"}]}' >some.json
    run --separate-stderr kv-append --rejects bad -q results.json some.json
    assert_failure 3
    [[ $stderr == "kv-append: some.json:4: "*nobody* ]]
    assert_equal "$(cat bad)" '{"task_id":"nobody"}'
    assert_equal "$(counts)" '[5,2,0,3,2,2]'
}

@test "append: a state in the place of its results is no empty document" {
    printf 'k1\n' | kvtest state create shard.json
    run --separate-stderr kv-append results.json shard.json.state
    assert_failure 3
    assert_stderr "kv-append: shard.json.state: a document without results"
}

@test "append: what a document has so far is durable while the rest of it is waited for" {
    mkfifo pipe
    kv-append results.json <pipe >answers 3>&- &
    local pid=$!
    exec 8>pipe
    printf '{"format_version": "2.0","results": [{"task_id":"k1"},{"task_' >&8
    until [ -s answers ]; do read -rt 0.02 <> <(:) || true; done
    assert_equal "$(counts)" '[5,1,0,4,1,1]'
    kv-append -q results.json <<<'{"task_id":"k5"}' # nobody is kept waiting
    printf 'id":"k2"}]}' >&8
    exec 8>&-
    wait $pid
    assert_equal "$(counts)" '[5,3,0,2,3,3]'
}

@test "append: a missing or unfit state is one line and 3" {
    run --separate-stderr kv-append nothing.json.state </dev/null
    assert_failure 3
    assert_stderr "kv-append: nothing.json.state: no such file or directory"
    rm results.json.tmp
    run --separate-stderr kv-append results.json <<<'{"task_id":"k1"}'
    assert_failure 3
    assert_stderr "kv-append: results.json.tmp: results file not found (the state results.json.state exists but the results are missing)"
    cp results.json.state copy.state.bak
    run --separate-stderr kv-append copy.state.bak <<<'{"task_id":"k1"}'
    assert_failure 3
    assert_stderr "kv-append: copy.state.bak: the name does not end in .state"
}

@test "append: a state cannot make it write elsewhere" {
    mkdir there
    sed -i 's#"output_path": "results.json"#"output_path": "there/own.json"#' results.json.state
    kv-append -q results.json <<<'{"task_id":"k1"}'
    run ls -A there
    assert_output ""
    assert_equal "$(counts)" '[5,1,0,4,1,1]'
}

# ---- karenina's pairs ----

# A row for another question of the same run, made from the pair's first.
another_row() {
    jq -c --arg key "$1" '.results[0] | .metadata.question_id = ($key | split("\t")[0])' results.json.tmp
}

@test "append: karenina's pair is written anew once, and keeps all it had" {
    cp "$DATA/states-v1/one-of-three/"results.json.* .
    cp results.json.state state
    cp results.json.tmp tmp
    local key
    key=$(jq -r '.load_for_resume.pending[0]' "$DATA/states-v1/one-of-three/expected.json")
    run --separate-stderr kv-append -v results.json < <(another_row "$key")
    assert_success
    assert_equal "${stderr_lines[0]}" \
        "kv-append: results.json.state: not in the growing form; both files were written anew"
    jq -e --slurpfile old state --arg key "$key" '
        def plain: del(.last_updated_at, .completed_count, .completed_task_ids,
            .failed_count, .pending_count, .row_count, .kv_outcomes);
        plain == ($old[0] | plain) and .completed_task_ids == $old[0].completed_task_ids + [$key]
        and .completed_count == 2' results.json.state
    jq -e --slurpfile old tmp '.results[0] == $old[0].results[0] and (.results | length) == 2
        and .metadata.job_id == $old[0].metadata.job_id
        and .metadata.verification_config == $old[0].metadata.verification_config
        and .shared_data == $old[0].shared_data' results.json.tmp
    # The rows have not lost a byte.
    grep -Fxq "$(sed -n 2p tmp)," results.json.tmp
    run --separate-stderr kv-append -v results.json </dev/null
    assert_stderr "kv-append: 0 kept, 0 skipped, 0 refused"
}

@test "append: a pair of karenina's that is written anew has its new place, and all members" {
    cp "$DATA/states-v1/moved/"results.json.* .
    chmod u+w results.json.*
    jq 'del(.config_hash)' results.json.state >less && mv less results.json.state
    kv-append -q results.json.state < <(another_row "$(jq -r '.task_manifest - .completed_task_ids | .[0]' results.json.state)")
    run jq -c '[.output_path, .config_hash]' results.json.state
    assert_output '["results.json",""]'
}

@test "append: karenina's pair is left alone while nothing is added" {
    cp "$DATA/states-v1/one-of-three/"results.json.* .
    run --separate-stderr kv-append -q results.json <<<'{"task_id":"zz"}'
    assert_failure 3
    cmp results.json.state "$DATA/states-v1/one-of-three/results.json.state"
    cmp results.json.tmp "$DATA/states-v1/one-of-three/results.json.tmp"
}

@test "append: any 1.0 pair that loads can be added to, and loads again with one more" {
    local dir name agreed=0 total=0 key
    for dir in "$DATA"/states-v1/*/; do
        name=$(basename "$dir")
        key=$(jq -r '.load_for_resume | select(.error == null) | .pending - .result_keys | .[-1] // empty' \
            "$dir/expected.json")
        [ -n "$key" ] || continue
        total=$((total + 1))
        rm -f results.json.* .results.json.*
        cp "$dir"results.json.* .
        chmod u+w results.json.*
        jq -cn --arg key "$key" '{task_id: $key}' | kv-append results.json >ack || continue
        jq -e --arg key "$key" --slurpfile e "$dir/expected.json" --slurpfile t results.json.tmp '
            ([$e[0].load_for_resume.completed[], $key] + [$e[0].load_for_resume.result_keys[]] | unique) as $want
            | (.completed_task_ids | sort) == ($want | unique)
            and .completed_count == ($want | length)
            and (.task_manifest | length) == $e[0].load_for_resume.total_tasks
            and .pending_count == (.task_manifest - .completed_task_ids | unique | length)
            and ($t[0].results | length) == $e[0].load_for_resume.results + 1' \
            results.json.state >/dev/null || continue
        agreed=$((agreed + 1))
        echo "$name: agrees"
    done
    agreement 'states-v1, one result added' "$agreed/$total"
    [ "$agreed" -eq "$total" ] && [ "$total" -gt 15 ]
}

@test "append: a row whose key was not recorded becomes a completed task, and is not asked for again" {
    cp "$DATA/states-v1/row-without-key/"results.json.* .
    local key
    key=$(jq -r '.load_for_resume.pending - (.load_for_resume.pending - .load_for_resume.result_keys) | .[0]' \
        "$DATA/states-v1/row-without-key/expected.json")
    run --separate-stderr kv-append results.json < <(another_row "$key")
    assert_success
    assert_stdout ""
    key=$(jq -r '.load_for_resume.pending - .load_for_resume.result_keys | .[0]' \
        "$DATA/states-v1/row-without-key/expected.json")
    run --separate-stderr kv-append results.json < <(another_row "$key")
    assert_success
    assert_equal "$(jq -c '[.completed_count, .row_count, .pending_count]' results.json.state)" '[3,3,0]'
}

@test "append: an answer whose judge could not be reached is kept, and its task stays pending" {
    cp "$DATA/states-v1/one-of-three/"results.json.* .
    local key
    key=$(jq -r '.load_for_resume.pending[0]' "$DATA/states-v1/one-of-three/expected.json")
    another_row "$key" | jq -c '.metadata.failure = {category: "timeout", group: "retry",
        stage: "ParseTemplate", reason: "no reply", details: null}' >kept
    run --separate-stderr kv-append results.json kept
    assert_success
    assert_stdout "$(jq -cn --arg key "$key" '{task_id: $key, completed_count: 1, total_tasks: 3}')"
    assert_equal "$(jq -c '[.completed_count, .row_count, .pending_count]' results.json.state)" '[1,2,2]'
    kv-status --pending results.json | jq -r .task_id | grep -Fxq "$key"
    another_row "$key" | kv-append -q results.json
    assert_equal "$(jq -c '[.completed_count, .row_count, .failed_count]' results.json.state)" '[2,3,0]'
}

@test "append: previews are ignored" {
    cp "$DATA/states-v1/one-of-three/"results.json.* .
    local key
    key=$(jq -r '.load_for_resume.pending[0]' "$DATA/states-v1/one-of-three/expected.json")
    run --separate-stderr kv-append results.json < <(another_row "$key" | jq -c '.metadata.timestamp = ""')
    assert_success
    assert_stdout ""
    cmp results.json.tmp "$DATA/states-v1/one-of-three/results.json.tmp"
}

@test "append: the turns of a scenario are kept each" {
    cp "$DATA/states-v1/scenario-rows/"results.json.* .
    local rows key
    rows=$(jq '.results | length' results.json.tmp)
    key=$(jq -r '.load_for_resume.pending[0] | split("\t")[0]' "$DATA/states-v1/scenario-rows/expected.json")
    jq -c --arg id "$key" '.results[] | .metadata.scenario_id = $id' results.json.tmp |
        sort -u >turns
    run --separate-stderr kv-append -q results.json turns
    assert_success
    assert_equal "$(jq -c '[.completed_count, .pending_count]' results.json.state)" '[2,0]'
    assert_equal "$(jq '.results | length' results.json.tmp)" "$((rows + $(wc -l <turns)))"
    kv-append -q results.json turns
    assert_equal "$(jq '.results | length' results.json.tmp)" "$((rows + $(wc -l <turns)))"
}

# ---- what others do to the files ----

# Two results are there; something happens; a third is added: nothing is lost or counted wrongly.
survives() {
    needs_growth
    printf '{"task_id":"k1","x":1.0}\n{"task_id":"k2","error":1}\n' | kv-append -q results.json
    "$@"
    run --separate-stderr kv-append -v results.json <<<'{"task_id":"k3"}'
    assert_success
    assert_equal "$(counts)" '[5,3,1,2,3,3]'
    assert_equal "$(jq -c '[.results[].task_id]' results.json.tmp)" '["k1","k2","k3"]'
    check_pair
    local said=$stderr
    run --separate-stderr kv-append -v results.json <<<'{"task_id":"k4"}'
    assert_equal "$(counts)" '[5,4,1,1,4,4]'
    assert_stderr "kv-append: results.json.tmp: appended in place
kv-append: results.json.state: appended in place
kv-append: 1 kept, 0 skipped, 0 refused"
    stderr=$said
}

@test "append: private files may be deleted" {
    survives eval 'rm .results.json.*'
}

@test "append: a deleted index is built anew, and that is said" {
    survives rm .results.json.index
    assert_regex "$stderr" ".results.json.index: built anew"
}

@test "append: a damaged index is built anew" {
    damage() { head -c 8192 /dev/urandom >.results.json.index; }
    survives damage
}

@test "append: a state that went through jq is written anew" {
    through_jq() { jq . results.json.state >x && cat x >results.json.state; }
    survives through_jq
    assert_regex "$stderr" "not in the growing form"
}

@test "append: results that went through jq -c are written anew" {
    through_jq() { jq -c . results.json.tmp >x && mv x results.json.tmp; }
    survives through_jq
    assert_regex "$stderr" "not in the growing form"
}

@test "append: copies in the place of the files are noticed" {
    copies() {
        local f
        for f in results.json.tmp results.json.state; do
            cp $f x
            mv x $f
        done
    }
    survives copies
}

@test "append: a result is put where results are read, whatever grows at the end of the file" {
    echo '{"task_id":"k1"}' | kv-append -q results.json
    sed -i 's/"results":\[/"rows":[/' results.json.tmp
    echo '{"task_id":"k2"}' >in
    run --separate-stderr kv-append results.json <in
    assert_success
    assert_equal "$(jq -c '[.rows[].task_id, .results[].task_id]' results.json.tmp)" '["k1","k2"]'
    sed -i 's/"completed_task_ids"/"completed"/' results.json.state
    echo '{"task_id":"k3"}' >in
    run --separate-stderr kv-append results.json <in
    assert_success
    assert_equal "$(jq -c .completed_task_ids results.json.state)" '["k2","k3"]'
}

@test "append: texts of a foreign state cannot break the one that is written" {
    while read -r created start; do
        echo "$created $start"
        jq --argjson c "$created" --argjson s "$start" '.created_at = $c | .start_time = $s' \
            "$DATA/states-v1/fresh/results.json.state" >results.json.state
        cp "$DATA/states-v1/fresh/results.json.tmp" .
        run --separate-stderr kv-append --extend results.json < <(echo '{"task_id":"new"}')
        assert_success
        assert_equal "$(jq -c .completed_task_ids results.json.state)" '["new"]'
        rm -f .results.json.*
    done <<'CASES'
"2026-01-01T00:00:0\"Z" null
"2026-01-01T00:00:00\\" null
"2026-01-01\n00:00:00Z" null
"2026-01-01T00:00:00Z" 1.7e60
"2026-01-01T00:00:00Z" -1e308
CASES
}

@test "append: wrong counts in the head are counted anew" {
    edited() { sed -i '1,2s/"completed_count":            2/"completed_count":            7/' results.json.state; }
    survives edited
    assert_regex "$stderr" "results.json.state: counted anew"
}

@test "append: a completed key that somebody deleted is recorded again" {
    printf '{"task_id":"k1","x":1.0}\n{"task_id":"k2","error":1}\n' | kv-append -q results.json
    # The first "k1" line is the manifest's.
    awk '/completed_task_ids/ { seen = 1 } !(seen && /^"k1",?$/)' results.json.state >x
    cat x >results.json.state
    assert_equal "$(jq -c .completed_task_ids results.json.state)" '["k2"]'
    kv-append -q results.json <<<'{"task_id":"k3"}'
    assert_equal "$(counts)" '[5,3,1,2,3,3]'
}

@test "append: a restored backup of both files goes on from there" {
    kv-append -q results.json <<<'{"task_id":"k1"}'
    mkdir backup
    cp -p results.json.* backup
    kv-append -q results.json <<<'{"task_id":"k2"}'
    cp -p backup/* .
    run kv-append results.json <<<'{"task_id":"k2"}'
    assert_output '{"task_id":"k2","completed_count":2,"total_tasks":5}'
    assert_equal "$(counts)" '[5,2,0,3,2,2]'
    check_pair
}

@test "append: a .tmp that is ahead of its .state is caught up with" {
    kv-append -q results.json <<<'{"task_id":"k1"}'
    cp -p results.json.state before
    kv-append -q results.json <<<'{"task_id":"k2"}'
    cp -p before results.json.state
    run --separate-stderr kv-append -v results.json <<<'{"task_id":"k3"}'
    assert_success
    assert_stdout '{"task_id":"k3","completed_count":3,"total_tasks":5}'
    assert_equal "$(counts)" '[5,3,0,2,3,3]'
    check_pair
}

@test "append: damage is named and nothing is touched" {
    kv-append -q results.json <<<'{"task_id":"k1"}'
    sed -i 's/^{"task_id":"k1"}$/{"task_id":"k1"/' results.json.tmp
    cp results.json.tmp tmp
    cp results.json.state state
    run --separate-stderr kv-append results.json <<<'{"task_id":"k2"}'
    assert_failure 3
    assert_regex "$stderr" "^kv-append: results.json.tmp:[0-9]+:[0-9]+: expected ',' or '}'$"
    cmp tmp results.json.tmp
    cmp state results.json.state
}

@test "append: the pair of another user's making keeps its mode" {
    chmod 640 results.json.tmp results.json.state
    kv-append -q results.json <<<'{"task_id":"k1"}'
    kv-append -q results.json <<<'{"task_id":"k2"}'
    assert_equal "$(stat -c %a results.json.tmp results.json.state | uniq)" 640
}

@test "append: a run that was finalized takes no more, and without results that is no error" {
    jq -nc '"k1","k2","k3","k4","k5" | {task_id: .}' | kv-append -q results.json
    kv-finalize results.json >/dev/null
    for name in results.json results.json.state; do
        run --separate-stderr kv-append "$name" </dev/null
        assert_success
        run --separate-stderr kv-append "$name" <<<'{"task_id":"k1"}'
        assert_failure 3
        assert_stderr "kv-append: results.json: the run is finished and takes no more results; begin one that goes on from it by kv-manifest --extend-from"
        run --separate-stderr kv-run --exec false "$name"
        assert_success
        assert_stdout ''
    done
    assert_equal "$(ls -A | grep results)" results.json
}

@test "append: a failure names the file by the path that was given" {
    mkdir sub
    mv results.json.* .results.json.* sub
    rm sub/.results.json.lock
    mkdir sub/.results.json.lock
    run --separate-stderr kv-append sub/results.json <<<'{"task_id":"k1"}'
    assert_failure
    assert_regex "$stderr" '^kv-append: sub/\.results\.json\.lock: '
}

# ---- signals, and those who must not be too early ----

# held - a kv-append that has got one result and waits for more; its input is descriptor 8
held() {
    mkfifo held
    kv-append "$@" results.json <held >acks 2>messages 3>&- &
    HELD=$!
    exec 8>held
    echo '{"task_id":"k1"}' >&8
    until [ -s acks ]; do read -rt 0.01 <> <(:) || true; done
}

@test "append: a hang-up does not stop it before the end of its input" {
    signalled HUP
}

@test "append: a second SIGTERM stops it, and what it has read is kept" {
    held
    kill -TERM $HELD
    echo '{"task_id":"k2"}' >&8
    until [ "$(wc -l <acks)" -eq 2 ]; do read -rt 0.01 <> <(:) || true; done
    kill -TERM $HELD
    wait $HELD || status=$?
    exec 8>&-
    assert_equal "$status" 143
    assert_equal "$(counts)" '[5,2,0,3,2,2]'
}

# locked - somebody holds the lock of writers until descriptor 9 is closed
locked() {
    mkfifo locked
    : >>.results.json.lock
    flock .results.json.lock sh -c 'echo; cat' <locked >has.lock 3>&- &
    exec 9>locked
    until [ -s has.lock ]; do read -rt 0.01 <> <(:) || true; done
}

rescued() {
    local files=(results.json.rescue-*.jsonl)
    [ -e "${files[0]}" ]
}

@test "append: after SIGTERM what waits for the lock is in a rescue file, until it is kept" {
    locked
    printf '{"task_id":"k1"}\n{"task_id":"k2"}\n' | kv-append -q results.json 2>messages 3>&- 9>&- &
    local pid=$!
    until [ "$(cat /proc/$pid/comm)" = kv-append ] && grep -q State:.S /proc/$pid/status; do read -rt 0.01 <> <(:) || true; done
    read -rt 0.3 <> <(:) || true
    kill -TERM $pid
    until rescued; do read -rt 0.05 <> <(:) || true; done
    assert_equal "$(cat results.json.rescue-$pid.jsonl)" '{"task_id":"k1"}
{"task_id":"k2"}'
    assert_equal "$(cat messages)" "kv-append: results.json.state: locked by another program; until that ends, what was read is in results.json.rescue-$pid.jsonl"
    exec 9>&-
    wait $pid
    run ! rescued
    assert_equal "$(counts)" '[5,2,0,3,2,2]'
}

@test "append: SIGTERM twice while it waits for the lock: what it has read is in a rescue file, and the status is 143" {
    locked
    printf '{"task_id":"k1"}\n{"task_id":"k2"}\n' | kv-append -q results.json 2>messages 3>&- 9>&- &
    local pid=$! status=0
    until [ "$(cat /proc/$pid/comm)" = kv-append ] && grep -q State:.S /proc/$pid/status; do read -rt 0.01 <> <(:) || true; done
    read -rt 0.3 <> <(:) || true
    kill -TERM $pid
    until rescued; do read -rt 0.05 <> <(:) || true; done
    kill -TERM $pid
    wait $pid || status=$?
    exec 9>&-
    assert_equal "$status" 143
    assert_equal "$(counts)" '[5,0,0,5,0,0]'
    kv-append -q results.json results.json.rescue-$pid.jsonl
    assert_equal "$(counts)" '[5,2,0,3,2,2]'
}

@test "append: while it has not kept all, kv-finalize and a second kv-run are too early" {
    seq 5 | sed 's/.*/"k&"/' >tasks
    kv-manifest --force --tasks tasks -o results.json >/dev/null
    printf '%s\n' k2 k3 k4 k5 | sed 's/.*/{"task_id":"&"}/' | kv-append -q results.json
    held
    kill -STOP $HELD
    run --separate-stderr kv-finalize results.json
    assert_failure 6
    assert_stderr "kv-finalize: results.json.state: results are still on their way into it (kv-append, process $HELD); try again when that has ended"
    run --separate-stderr sh -c 'kv-run --exec cat results.json >rows' # to no pipe of its own
    assert_stderr "kv-run: results.json.state: results are still on their way into it (kv-append, process $HELD); try again when that has ended"
    assert_failure 6
    kill -CONT $HELD
    exec 8>&-
    wait $HELD
    run --separate-stderr kv-finalize results.json
    assert_success
}

@test "append: a run that took the place of the one it was started for gets nothing of it" {
    held
    kv-manifest --force --tasks <(printf '"k1"\n"k2"\n') -o results.json >/dev/null
    echo '{"task_id":"k2"}' >&8
    exec 8>&-
    local status=0
    wait $HELD || status=$?
    assert_equal "$status" 3
    assert_equal "$(cat messages)" "kv-append: results.json.state: became another run since this program was started; it takes nothing of the old one; what was read and not kept is in results.json.rescue-$HELD.jsonl"
    assert_equal "$(cat results.json.rescue-$HELD.jsonl)" '{"task_id":"k2"}'
    assert_equal "$(counts)" '[2,0,0,2,0,0]'
}

@test "append: --extend killed between the two files: the key gets into the manifest all the same" {
    needs_growth
    strace -o /dev/null true 2>/dev/null || skip "strace cannot trace here"
    kv-append -q results.json <<<'{"task_id":"k1"}'
    echo '{"task_id":"new"}' >row
    run strace -qq -o /dev/null -e inject=renameat:signal=KILL:when=1 kv-append --extend results.json row
    assert_equal "$(counts)" '[5,1,0,4,1,1]'
    kv-append -q results.json <<<'{"task_id":"k2"}'
    assert_equal "$(counts)" '[6,3,0,3,3,3]'
    assert_equal "$(jq -c .task_manifest results.json.state)" '["k1","k2","k3","k4","k5","new"]'
}

@test "append: a state that is reached by a link is the one behind it, and the link stays" {
    mkdir scratch
    mv results.json.* .results.json.* scratch/
    ln -s scratch/results.json.state results.json.state
    ln -s scratch/results.json.tmp results.json.tmp
    kv-append -q results.json <<<'{"task_id":"k1"}'
    kv-append -q results.json.state <<<'{"task_id":"k2"}'
    [ -L results.json.state ]
    assert_equal "$(jq .completed_count scratch/results.json.state)" 2
    run find . -maxdepth 1 -name '.results*'
    assert_output ""
}
