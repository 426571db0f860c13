# The examples of the manual, run as they stand.
load ../helper

# A directory as the pages speak of it: bench.jsonld, preset.json, and a provider to ask.
setup() {
    kv_setup
    cp "$ROOT/share/demo/bench.jsonld" "$ROOT/share/demo/preset.json" .
    start_provider
    export OPENAI_BASE_URL=$PROVIDER_URL/v1 OPENAI_API_KEY=secret
}

# example PAGE N - the N-th literal block of the section EXAMPLES, as a shell would read it
example() {
    awk -v wanted="$2" '
        /^\.Sh / { inside = /^\.Sh EXAMPLES/ }
        inside && /^\.Bd/ { n++; next }
        /^\.Ed/ { if (n == wanted) exit; next }
        inside && n == wanted { gsub(/\\e/, "\\"); gsub(/\\&/, ""); print }
    ' "$ROOT/man/$1"
}

# type PAGE N - runs it
type_in() {
    example "$1" "$2" >typed
    assert [ -s typed ]
    run --separate-stderr bash -eo pipefail typed
}

manifest() {
    kv-manifest -b bench.jsonld -c preset.json -o results.json "$@" >/dev/null
}

run_all() {
    kv-run results.json.state | kv-append -q results.json.state
}

@test "kv-manifest.1: begin a run, or go on with the one that is there" {
    type_in kv-manifest.1 1
    assert_success
    assert_equal "$(json .total_tasks <<<"$output")" 56
    type_in kv-manifest.1 1
    assert_success
}

@test "kv-manifest.1: tasks of each answering model" {
    type_in kv-manifest.1 2
    assert_success
    assert_stdout "$(printf '%7d %s\n' 28 oak-large 28 sprout-small)"
}

@test "kv-manifest.1, kv-run.1: jobs that are no questions" {
    touch one.jpg two.jpg
    type_in kv-manifest.1 3
    assert_success
    assert_equal "$(json .total_tasks <<<"$output")" 2
    type_in kv-run.1 3
    assert_success
    assert_equal "$(jq -c '.results[].bytes' sizes.json.tmp)" $'7\n7'
    kv-status -q sizes.json.state
}

@test "kv-run.1, kv-append.1: do what is pending, and keep it" {
    manifest
    type_in kv-run.1 1
    assert_success
    assert_stdout ''
    kv-status -q results.json
    assert_equal "$(example kv-run.1 1)" "$(example kv-append.1 1)"
}

@test "kv-run.1: only the first replicate" {
    manifest
    type_in kv-run.1 2
    assert_success
    assert_equal "$(kv-status --pending results.json.state | jq .replicate | sort -u)" 2
}

@test "kv-run.1: two rounds with an offline engine" {
    manifest
    printf '#!/bin/sh\nexec python3 "%s/tests/peer/engine.py" "%s" vllm <"$3" >"$5"\n' "$ROOT" "$PROVIDER_URL" >vllm
    chmod +x vllm
    example kv-run.1 4 >typed
    PATH=$PWD:$PATH run --separate-stderr bash -o pipefail typed # the first line ends with 1
    assert_success
    assert_equal "$(kv-status -q results.json.state && echo done)" done
}

@test "kv-run.1: a command answers for one model of several" {
    manifest
    printf '#!/bin/sh\necho Four.\n' >oak
    chmod +x oak
    type_in kv-run.1 5
    assert_success
    assert_equal "$(jq -r '.results[].metadata.raw_answer' results.json.tmp | wc -l)" 28
    assert_equal "$(jq -r '.results[].template.raw_llm_response' results.json.tmp | sort -u)" \
        $'--- AI Message ---\nFour.'
    assert_equal "$(kv-status --pending results.json.state | jq -r .answering.config_id | sort -u)" sprout
}

@test "kv-manifest.1: the form of recorded answers is taken, by model" {
    sed -n '/^\.It Fl -replay/,/^\.Ed/p' "$ROOT/man/kv-manifest.1" | sed '1,/^\.Bd/d; /^\.Ed/d; s/fall_through/strict/' \
        >recorded.json
    echo '{"id":"chambers","question":"How many?","template":{"fields":[{"name":"n","type":"int",
        "description":"d","ground_truth":4,"verify_with":{"type":"NumericExact"}}]}}' >bench.jsonl
    for m in mini large; do
        kv-manifest -b bench.jsonl -o $m.json --replay recorded.json \
            --set answering_model=gpt-4.1-mini --set answering_id=$m --set parsing_model=gpt-4.1 >/dev/null
        kv-run $m.json.state >$m || true
    done
    assert_equal "$(jq .template.verify_result mini)" true
    run jq -r .metadata.failure.reason large
    assert_output --partial 'Replay strict miss'
}

@test "kv-append.1: merge what shards have so far" {
    for i in 1 2 3; do
        kv-manifest -b bench.jsonld -c preset.json -o "shard-$i.json" --shard "$i/3" >/dev/null
        kv-run "shard-$i.json" | kv-append -q "shard-$i.json"
    done
    kv-manifest -b bench.jsonld -c preset.json -o all.json >/dev/null
    type_in kv-append.1 2
    assert_success
    kv-status -q all.json
}

@test "kv-status.1: questions not done yet" {
    manifest --questions 0-2
    type_in kv-status.1 1
    assert_success
    assert_equal "${#lines[@]}" 3
}

@test "kv-status.1: until nothing is left" {
    manifest --questions 0-2
    type_in kv-status.1 2
    assert_success
    kv-status -q results.json
}

@test "kv-check-compat.1: settings that stand in the way" {
    manifest
    jq '.config.answering_models[1].temperature = 0.5' preset.json >p && mv p preset.json
    example kv-check-compat.1 1 >typed
    run bash -e typed
    assert_output 'answering_models[1].temperature'
}

@test "kv-finalize.1, kv-rejudge.1, kv-results.5: finish, judge again, count" {
    manifest
    run_all
    type_in kv-finalize.1 1
    assert_success
    assert_equal "${#lines[@]}" 57
    cp bench.jsonld fixed.jsonld
    type_in kv-rejudge.1 1
    assert_success
    assert_equal "${#lines[@]}" 56
    type_in kv-rejudge.1 3
    assert_success
    type_in kv-results.5 1
    assert_success
    assert_equal "${#lines[@]}" 2
}

@test "kv-rejudge.1: one field, by hand" {
    type_in kv-rejudge.1 2
    assert_success
    assert_equal "$(json .verify_result <<<"$output")" true
}

@test "kv-state.5: how far, without any of our programs" {
    manifest
    type_in kv-state.5 1
    assert_success
    assert_stdout '0 of 56'
}

@test "kv.1: the three spellings of the tutorial" {
    example kv.1 1 | sed -n 1p >first
    example kv.1 1 | sed -n '2,$p' >others
    run --separate-stderr bash -e first
    assert_success
    assert [ -s results.json ]
    rm results.json
    manifest
    run --separate-stderr bash -e others
    assert_success
    assert [ -s results.json ]
}

@test "kv.7: the tour is a run" {
    awk '/^\.Sh / { tour = /TOUR/ }
        tour && /^\.Bd/ { open = ++n; next }
        /^\.Ed/ { open = 0 }
        open { print > ("tour" open) }' "$ROOT/man/kv.7"
    tr -d '\n' <tour1 >bench.jsonl
    mv tour2 preset.json
    run --separate-stderr bash -eo pipefail tour3
    assert_success
    assert_equal "$(json '.results | length' results.json)" 1
}

@test "kv.7: after the first run, what is new is asked, a correction is judged, failures are tried again" {
    awk '/^\.Sh / { after = /AFTER THE FIRST RUN/ }
        after && /^\.Bd/ { open = ++n; next }
        /^\.Ed/ { open = 0 }
        open { gsub(/\\e/, "\\"); print > ("after" open) }' "$ROOT/man/kv.7"
    cp "$ROOT/share/init/bench.jsonl" .
    stop_provider
    start_provider --answers "$ROOT/share/init/answers.jsonl"
    export OPENAI_BASE_URL=$PROVIDER_URL/v1
    jq '.config.answering_models |= .[:1] | .config.replicate_count = 1' preset.json >p && mv p preset.json
    kv-manifest -b bench.jsonl -c preset.json -o results.json >/dev/null
    run_all
    kv-finalize results.json.state >/dev/null
    passed() { jq '[.results[] | select(.template.verify_result)] | length' results.json; }
    assert_equal "$(passed)" 4
    # a model is added: 5 answers and 5 judgements
    n=$(wc -l <"$JOURNAL")
    jq '.config.answering_models += [.config.answering_models[0] | .id = "two"]' preset.json >p && mv p preset.json
    run --separate-stderr bash -eo pipefail after1
    assert_success
    assert_equal "$(jq '.results | length' results.json)" 10
    assert_equal "$(wc -l <"$JOURNAL")" $((n + 10))
    # the whale becomes a fish: nobody is asked
    sed -i '/whale/s/"ground_truth":false/"ground_truth":true/' bench.jsonl
    run --separate-stderr bash -eo pipefail after2
    assert_success
    assert_equal "$(passed)" 10
    assert_equal "$(wc -l <"$JOURNAL")" $((n + 10))
    run --separate-stderr bash -eo pipefail after3
    assert_success
    assert_equal "$(wc -l <"$JOURNAL")" $((n + 10)) # nothing failed
    run --separate-stderr bash -eo pipefail after4
    assert_success
    assert_stdout ''
}

@test "kv-import.1: a table as a benchmark, and the first questions with a rubric" {
    printf 'question,answer\nHow many?,4\nWhich gas?,neon\n' >questions.csv
    type_in kv-import.1 1
    assert_success
    type_in kv-import.1 2
    assert_success
    run kv check bench.jsonl
    assert_output '{"questions":2}'
    assert_equal "$(wc -l <bench.jsonl)" 3
}

@test "kv-init.1: the whole life of a run, offline" {
    type_in kv-init.1 1
    assert_success
    assert [ -s mine/trial.json ]
}

# readme LANGUAGE N - the N-th block of that language in README.md
readme() {
    awk -v wanted="$2" -v lang="$1" '
        /^```/ { inside = !inside; if (inside) { open = $0 == "```" lang; n += open }; next }
        inside && open && n == wanted' "$ROOT/README.md"
}

@test "README: the session is a run, and shows what is there" {
    stop_provider
    start_provider --answers "$ROOT/share/demo/answers.jsonl"
    export OPENAI_BASE_URL=$PROVIDER_URL/v1
    readme console 1 | sed -n 's/^\$ \(.*\)/\1/p' | sed 's/ *#.*//' >typed
    assert_equal "$(wc -l <typed)" 6
    run --separate-stderr bash -eo pipefail typed
    assert_success
    assert_equal "$(jq -c '.results | length' results.json)" 56
    # What it shows of the counts and of the table is there, up to the times and tokens.
    grep -qF '"total_tasks":56,"completed_count":0,' <<<"$output"
    readme console 1 | sed -n '/^results.json: 56/,/^sprout/p' | sed 's/ %  *[0-9,]*  *[0-9.]* s$//; s/ *tokens *p50$//' >shown
    assert_equal "$(wc -l <shown)" 6
    while IFS= read -r line; do
        grep -qF "$line" <<<"$output" || fail "not there: $line"
    done <shown
}

@test "README: your own benchmark, and a question of it" {
    readme sh 2 >typed
    run --separate-stderr bash -eo pipefail typed
    assert_success
    readme json 1 >q.jsonl
    run kv check q.jsonl preset.json
    assert_output '{"questions":1,"total_tasks":4}'
}

@test "README: with a provider, counting while it runs, in a Makefile and in a crontab" {
    cp "$ROOT/share/init/bench.jsonl" bench.jsonl
    readme sh 3 >typed
    run --separate-stderr bash -eo pipefail typed
    assert_success
    readme console 2 | sed -n 's/^\$ //p' >typed
    run bash -eo pipefail typed
    assert_success
    rm -f results.json* .results.json*
    readme make 1 >Makefile
    run make -s
    assert_success
    kv-status -q results.json
    run make -s
    assert_success
    touch keys
    readme '' 1 | sed -n 's/.*&& \(test -e.*\)/\1/p' >typed
    assert [ -s typed ]
    manifest --force
    run bash typed
    assert_success
    kv-status -q results.json
}

@test "README: any requests become replies, at once and through batches, killed and typed again" {
    export KV_BATCH_SPEED=1000
    local batch
    readme make 2 >Makefile
    assert_equal "$(wc -l <Makefile)" 4
    seq 20 | jq -c '{custom_id: "r\(.)", method: "POST", url: "/v1/chat/completions",
        body: {model: "oak-large", messages: [{role: "user", content: "What is \(.)?"}]}}' >requests.jsonl
    for batch in '' '--batch --batch-wait'; do
        rm -f repl* .repl*
        for _ in 1 2 3; do
            setsid make -s BATCH="$batch" >/dev/null 2>&1 3>&- &
            sleep 0.1
            kill -9 -- -$! 2>/dev/null || true
            wait $! || true
        done
        run make BATCH="$batch"
        assert_success
        assert_equal "$(jq -r 'select(.response.status_code == 200) | .custom_id' replies.jsonl | sort -u | wc -l)" 20
        run make BATCH="$batch"
        assert_output --partial 'up to date'
    done
    assert [ "$(jq -r '.ordered // empty' "$JOURNAL" | sort -u | wc -l)" -ge 15 ] # but for a probe of each start
    assert_equal "$(jq -r '.ordered // empty' "$JOURNAL" | sort | uniq -d)" ''
}

@test "every example of the manual is run by one of these tests, or of those of many hosts" {
    for page in "$ROOT"/man/*.[157]; do
        name=$(basename "$page")
        n=1
        while [ -n "$(example "$name" "$n")" ]; do
            grep -qE "(type_in|example) $name $n( |\)|\$)" "$BATS_TEST_FILENAME" "$ROOT/tests/whole/hosts.bats" ||
                fail "$name: example $n is not run"
            n=$((n + 1))
        done
    done
}

@test "kv-report.1: a page, what CI reads, and models above one half" {
    manifest
    run_all
    kv-finalize results.json.state >/dev/null
    type_in kv-report.1 1
    assert_success
    assert [ -s report.html ]
    type_in kv-report.1 2
    assert_failure 1
    assert [ -s summary.md ]
    assert [ -s junit.xml ]
    type_in kv-report.1 3
    assert_success
    assert_stdout "$(json '[.results[] | {m: .metadata.answering | "\(.interface):\(.model_name)", x: .template.verify_result}]
        | group_by(.m) | map(select((map(select(.x)) | length) > 24) | .[0].m) | .[]' results.json)"
}

@test "kv-export.1: a log of inspect, and a table" {
    manifest --questions 0-2
    run_all
    kv-finalize results.json.state >/dev/null
    type_in kv-export.1 1
    assert_success
    assert_equal "$(jq '.samples | length' logs/oak-large.json)" 6
    type_in kv-export.1 2
    assert_success
    assert_equal "$(wc -l <results.csv)" 13
}

@test "kv-batch.1: any requests at half the price, and how far they are" {
    jq -nc 'range(3) | {custom_id: "r\(.)", method: "POST", url: "/v1/chat/completions",
        body: {model: "m", messages: [{role: "user", content: "q\(.)"}]}}' >requests.jsonl
    jq -n --arg u "$OPENAI_BASE_URL" '[{id: "m", dialect: "openai", base_url: $u}]' >endpoints.json
    type_in kv-batch.1 1
    assert_success
    assert_equal "$(wc -l <replies.jsonl)" 3
    example kv-batch.1 2 >typed
    run bash -eo pipefail typed
    assert_output $'1\tcollected\t3\t3'
}

@test "kv-run.1: at half the price, from cron" {
    manifest
    example kv-run.1 6 >typed
    for _ in 1 2 3 4 5 6 7 8; do
        ! env -i PATH="$PATH" OPENAI_BASE_URL="$OPENAI_BASE_URL" OPENAI_API_KEY=secret KV_BATCH_SPEED=1000 \
            bash -eo pipefail typed || break
    done
    kv-status -q results.json.state
}
