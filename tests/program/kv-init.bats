# kv-init: a benchmark to begin with, which runs.
load ../helper

@test "kv-init: the trial runs offline, from nothing to results" {
    kv-init mine
    cd mine
    run env -u OPENAI_API_KEY make -s trial
    assert_success
    assert_equal "$(jq -c '[.results[] | [.metadata.question_id, .template.verify_result]] | sort' trial.json)" \
        '[["chambers",true],["gas",true],["light",true],["water",true],["whale",false]]'
    assert_equal "$(jq -c '[.results[].rubric.regex_trait_scores.short] | unique' trial.json)" '[true]'
}

@test "kv-init: with a provider, make runs it, and again goes on with what is there" {
    kv-init mine
    start_provider --answers mine/answers.jsonl
    export OPENAI_BASE_URL=$PROVIDER_URL/v1 OPENAI_API_KEY=secret
    cd mine
    run make -s check
    assert_success
    assert_output '{"questions":5,"total_tasks":5}'
    run make -s try
    assert_success
    run make -s
    assert_success
    assert_equal "$(jq '.results | length' results.json)" 5
    n=$(wc -l <"$JOURNAL")
    touch bench.jsonl
    run make -s
    assert_success
    assert_equal "$(wc -l <"$JOURNAL")" "$n" # nothing is asked twice
}

@test "kv-init: there is a preset for each provider, in order" {
    for p in openai anthropic google openrouter ollama endpoint; do
        kv-init --provider "$p" "$p"
        kv check "$p/bench.jsonl" "$p/preset.json"
    done
    assert_equal "$(basename -s .json "$ROOT"/share/init/preset/*.json | tr '\n' ' ')" \
        'anthropic endpoint google ollama openai openrouter '
    run --separate-stderr kv-init --provider opneai x
    assert_failure 2
    assert_stderr "kv-init: --provider takes anthropic, endpoint, google, ollama, openai, openrouter, not 'opneai' (try 'kv-init --help')"
    [ ! -e x ]
}

@test "kv-init: keys are for the owner alone, and cron finds the programs and the directory" {
    mkdir "it is"
    kv-init "it is/mine" --provider anthropic
    assert_equal "$(stat -c %a "it is/mine/keys")" 600
    grep -q ANTHROPIC_API_KEY "it is/mine/keys"
    grep -qF "cd '$PWD/it is/mine'" "it is/mine/crontab"
    grep -qF "PATH=$(readlink -f "$(dirname "$(command -v kv-init)")"):" "it is/mine/crontab"
}

@test "kv-init: a file that is there is left alone, and nothing else is written" {
    mkdir mine
    echo precious >mine/Makefile
    run --separate-stderr kv-init mine
    assert_failure 3
    assert_stderr 'kv-init: mine/Makefile: is there already, and is left alone: name another directory'
    assert_equal "$(ls -A mine)" Makefile
    assert_equal "$(cat mine/Makefile)" precious
}
