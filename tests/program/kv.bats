# bin/kv, the front end. The programs it calls are stand-ins that say how they were called.
load ../helper

setup() {
    kv_setup
    mkdir bin
    cp "$ROOT/bin/kv" bin/
    stand_in kv-manifest 'exit ${MANIFEST:-0}'
    stand_in kv-run 'echo "{}"; exit ${RAN:-0}'
    stand_in kv-append 'trap "" INT; cat >>appended; exit ${APPENDED:-0}'
    stand_in kv-finalize 'echo "{\"output_path\":\"r\"}"; exit ${FINAL:-0}'
    stand_in kv-status 'case $1 in --version) echo "kv-status 9.8.7";; --json) echo "{}";;
        --human) echo table;; --pending) printf "%s\n" \
            "{\"task_id\":\"q1\\ta\\tb\",\"question_id\":\"q1\",\"answering\":{}}" \
            "{\"task_id\":\"q1\\ta\\tc\",\"question_id\":\"q1\",\"answering\":{}}";; esac'
    PATH=$PWD/bin:$PATH
    : >calls
}

stand_in() {
    printf '#!/bin/sh\necho "%s $*" >>calls\n%s\n' "$1" "$2" >"bin/$1"
    chmod +x "bin/$1"
}

@test "kv: a command is the program of that name" {
    run --separate-stderr kv status --json x.state
    assert_success
    assert_stdout '{}'
    assert_equal "$(cat calls)" 'kv-status --json x.state'
}

@test "kv: without a command it says what there is, as a usage error" {
    run --separate-stderr kv
    assert_failure 2
    assert_stdout ''
    assert_equal "${stderr_lines[0]}" 'usage: kv COMMAND [ARGUMENT ...]'
}

@test "kv: help says the same on standard output" {
    run --separate-stderr kv help
    assert_success
    assert_line --index 0 'usage: kv COMMAND [ARGUMENT ...]'
    assert_stderr ''
}

@test "kv: an unknown command is named" {
    run --separate-stderr kv frobnicate
    assert_failure 2
    assert_stderr "kv: unknown command 'frobnicate' (try 'kv help')"
}

@test "kv: --version is that of the programs" {
    run kv --version
    assert_success
    assert_output 'kv 9.8.7'
}

@test "kv verify: manifest, run into append, finalize" {
    touch p.json
    run --separate-stderr kv verify b.jsonld --preset p.json --output r.json --progressive-save
    assert_success
    assert_stdout '{"output_path":"r"}'
    assert_stderr ''
    assert_equal "$(sort calls)" "$(printf '%s\n' 'kv-append -q -- r.json.state' \
        'kv-finalize -- r.json.state' 'kv-manifest -b b.jsonld -c p.json -o r.json --if-absent' \
        'kv-run -- r.json.state')"
    assert_equal "$(cat appended)" '{}'
}

@test "kv verify: options of selection and of traces go to kv-manifest, the others to kv-run" {
    touch p.json
    run kv verify --output=r.csv b.jsonld --preset=p.json --questions 0-3 --question-ids a,b \
        --manual-traces t.json --replay s.json --async-workers 7 --verbose
    assert_success
    assert_equal "$(grep manifest calls)" 'kv-manifest -b b.jsonld -c p.json -o r.csv --if-absent --questions 0-3 --question-ids a,b --manual-traces t.json --replay s.json --set answering_interface=manual --set async_max_workers=7'
    assert_equal "$(grep run calls)" 'kv-run --jobs 7 --verbose -- r.csv.state'
    assert_equal "$(grep finalize calls)" 'kv-finalize -- r.csv.state'
}

@test "kv verify: the suffix of the output may be written as one likes" {
    for o in r.Json r.CSV; do
        run --separate-stderr kv verify b --preset p --output $o
        assert_success
    done
}

@test "kv verify: a preset is found by name in the directory of presets" {
    mkdir presets mine
    touch presets/default.json mine/other.json
    kv verify b --preset default --output r.json
    KARENINA_PRESETS_DIR=mine kv verify b --preset other --output r.json
    assert_equal "$(grep -o 'c [a-z/]*.json' calls | tr '\n' ' ')" \
        'c presets/default.json c mine/other.json '
}

@test "kv: help that cannot be written is told" {
    for words in help --help 'help verify' 'verify --help' 'verify-status -h'; do
        # shellcheck disable=SC2086
        run --separate-stderr sh -c "kv $words >/dev/full"
        assert_failure 4
        assert_stderr 'kv: stdout: cannot be written'
    done
}

@test "kv verify: a flag takes no value" {
    run --separate-stderr kv verify b --progressive-save=1
    assert_failure 2
    assert_stderr "kv: verify: option '--progressive-save' takes no argument (try 'kv help')"
}

@test "kv verify --resume: a state that is not there is said once" {
    stand_in kv-status 'echo "kv-status: x.state: no such file or directory" >&2; exit 3'
    run --separate-stderr kv verify --resume x.state
    assert_failure 3
    assert_stderr 'kv-status: x.state: no such file or directory'
    refute grep -q kv-run calls
}

@test "kv verify --resume: no manifest" {
    run kv verify --resume r.json.state
    assert_success
    refute grep -q manifest calls
}

@test "kv verify --resume: of the questions named only, where some are" {
    stand_in kv-run 'cat >tasks; echo "{}"'
    stand_in kv-status 'case $1 in --pending) printf "%s\n" \
        "{\"task_id\":\"q1\ta\tb\",\"question_id\":\"q1\",\"answering\":{}}" \
        "{\"task_id\":\"q12\ta\tb\",\"question_id\":\"q12\",\"answering\":{}}" \
        "{\"task_id\":\"a\\\"b\ta\tc\",\"question_id\":\"a\\\"b\",\"answering\":{}}";; *) exit 1;; esac'
    run --separate-stderr kv verify --resume r.json.state --question-ids ' q1, a"b,q2' --verbose
    assert_success
    assert_stderr ''
    assert_equal "$(jq -c .question_id tasks)" $'"q1"\n"a\\"b"'
    assert_equal "$(grep kv-run calls)" 'kv-run --verbose -- r.json.state -'
    : >calls
    FINAL=1 run --separate-stderr kv verify --resume r.json.state --question-ids=q
    assert_failure 1
    assert_stderr 'kv: verify: no task of a question in --question-ids is pending'
    refute grep -q kv-run calls
}

@test "kv verify: tasks remain: 1, nothing finalised, and how to go on" {
    RAN=1 run --separate-stderr kv verify --resume r.json.state
    assert_failure 1
    assert_stdout ''
    assert_stderr 'kv: to go on: kv verify --resume r.json.state'
    refute grep -q finalize calls
    RAN=1 run --separate-stderr kv verify --resume "it's a run.json.state"
    assert_stderr "kv: to go on: kv verify --resume 'it'\\''s a run.json.state'"
}

@test "kv verify: the status of kv-run is not lost behind the pipe" {
    for status in 3 4 5 6 130 143; do
        RAN=$status run kv verify --resume r.json.state
        assert_failure "$status"
    done
}

@test "kv verify: a failing kv-append wins" {
    RAN=130 APPENDED=4 run kv verify --resume r.json.state
    assert_failure 4
}

@test "kv verify: a benchmark that is refused runs nothing" {
    MANIFEST=3 run kv verify b --preset p --output r.json
    assert_failure 3
    refute grep -q kv-run calls
}

@test "kv verify: what kv-finalize says is the answer" {
    FINAL=3 run kv verify --resume r.json.state
    assert_failure 3
}

@test "kv verify: options of karenina are settings of kv-manifest" {
    touch p.json
    while IFS='|' read -r options want; do
        echo "$options"
        : >calls
        # shellcheck disable=SC2086
        run --separate-stderr kv verify b.jsonld --preset p.json --output r.json $options
        assert_success
        assert_stderr ''
        assert_equal "$(sed -n 's/^kv-manifest .* --if-absent *//p' calls)" "$want"
    done <<'CASES'
--answering-model m|--set answering_model=m
--answering-provider openai --answering-id me|--set answering_id=me --set answering_provider=openai
--parsing-model j --parsing-provider=openai --parsing-id it|--set parsing_model=j --set parsing_id=it --set parsing_provider=openai
--interface openrouter|--set answering_interface=openrouter --set parsing_interface=openrouter
--interface manual --manual-traces t|--manual-traces t --set answering_interface=manual --set parsing_interface=langchain
--temperature 0.5 --replicate-count 3|--set temperature=0.5 --set replicate_count=3
--evaluation-mode rubric_only|--set evaluation_mode=rubric_only
--abstention --no-sufficiency|--set abstention_enabled=true --set sufficiency_enabled=false
--no-abstention --sufficiency|--set abstention_enabled=false --set sufficiency_enabled=true
--embedding-check --embedding-model e --embedding-threshold 0.9|--set embedding_check_enabled=true --set embedding_check_model=e --set embedding_check_threshold=0.9
--use-full-trace-for-template --use-final-message-for-rubric|--set use_full_trace_for_template=true --set use_full_trace_for_rubric=false
--use-final-message-for-template --use-full-trace-for-rubric|--set use_full_trace_for_template=false --set use_full_trace_for_rubric=true
--no-deep-judgment --deep-judgment-rubric-mode disabled|--set deep_judgment_mode=disabled --set deep_judgment_rubric_mode=disabled
--workspace-output-mode none --no-embedding-check|--set workspace_output_mode=none --set embedding_check_enabled=false
--mode basic|
CASES
}

@test "kv verify: the value of a setting may be any text" {
    touch p.json
    kv verify b.jsonld --preset p.json --output r.json --answering-model "it's \$x \"y\"" >/dev/null
    assert_equal "$(sed -n 's/^kv-manifest .*--set //p' calls)" "answering_model=it's \$x \"y\""
}

@test "kv verify: without a preset the options say which models" {
    run --separate-stderr kv verify b.jsonld --output r.json --interface langchain --answering-model m \
        --answering-provider openai --parsing-model j --parsing-provider openai
    assert_success
    assert_equal "$(grep manifest calls)" 'kv-manifest -b b.jsonld -o r.json --if-absent --set answering_model=m --set parsing_model=j --set answering_provider=openai --set parsing_provider=openai --set answering_interface=langchain --set parsing_interface=langchain'
    : >calls
    kv verify b.jsonld --output r.json --answering-model claude-haiku-4-5 --parsing-model gpt-4.1 >/dev/null
    assert_equal "$(grep -o -- '--set.*' calls)" '--set answering_model=claude-haiku-4-5 --set parsing_model=gpt-4.1 --set answering_provider=anthropic --set parsing_provider=openai --set answering_interface=langchain --set parsing_interface=langchain'
    while IFS='|' read -r options why; do
        # shellcheck disable=SC2086
        run --separate-stderr kv verify b.jsonld --output r.json $options
        assert_failure 2
        assert_stderr "kv: verify: $why (try 'kv help')"
    done <<'CASES'
|--preset is required; without it these are: --interface --answering-model --parsing-model
--answering-model m --parsing-model gpt-4.1|--preset is required; without it these are: --interface
--interface langchain --answering-model m|--preset is required; without it these are: --parsing-model
--interface manual --parsing-model j|--preset is required; without it these are: --manual-traces
--interface openai_endpoint --answering-model m --parsing-model j|--interface openai_endpoint needs a --preset with endpoint_base_url
CASES
}

@test "kv verify: what cannot be had is refused by name, with the reason" {
    for o in --deep-judgment --deep-judgment-rubric-search '--deep-judgment-rubric-mode enable_all' \
        --deep-judgment-rubric-config; do
        # shellcheck disable=SC2086
        run --separate-stderr kv verify b $o
        assert_failure 2
        assert_stderr "kv: verify: $o is not supported: kv has no deep judgment (leave it out, or judge with a rubric) (try 'kv help')"
    done
    for o in '--workspace-output-mode full' --workspace-output-dir --workspace-output-exclude; do
        # shellcheck disable=SC2086
        run --separate-stderr kv verify b $o
        assert_failure 2
        assert_stderr "kv: verify: $o is not supported: workspaces are for agents, and kv runs models only (try 'kv help')"
    done
    run --separate-stderr kv verify b --interactive --mode advanced
    assert_failure 2
    assert_stderr "kv: verify: --interactive is not supported: nothing is asked at the terminal (kv init writes a preset to edit) (try 'kv help')"
    assert_equal "$(cat calls)" ''
}

@test "kv verify: results that were given no name go where the same command finds them" {
    touch p.json
    run --separate-stderr kv verify dir/b.jsonld --preset p.json
    assert_success
    assert_stderr 'kv: verify: no --output was given: results go to b-p.results.json'
    kv verify dir/b.jsonld --preset p.json --temperature 1 >/dev/null
    kv verify dir/b.jsonld --preset p.json --temperature 1 >/dev/null
    kv verify dir/b.jsonld --preset p.json --temperature 2 >/dev/null
    assert_equal "$(sed -n 's/^kv-manifest .* -o \([^ ]*\) .*/\1/p' calls | sort | uniq -c |
        awk '{ print $1 }' | sort | tr '\n' ' ')" '1 1 2 '
}

@test "kv verify: --run-root makes a directory for the run" {
    touch p.json
    run --separate-stderr kv verify b --preset p.json --run-root runs --run-label mine
    assert_success
    assert [ -d runs/mine_*Z ]
    assert_equal "$(sed -n 's/^kv-manifest .* -o \([^ ]*\) .*/\1/p' calls)" "$(echo runs/mine_*)/results.json"
    run --separate-stderr kv verify b --preset p.json --run-root runs --output r.json
    assert_failure 2
    assert_stderr "kv: verify: --run-root and --output exclude each other (try 'kv help')"
    run --separate-stderr kv verify b --preset p.json --run-root runs --run-label a/b
    assert_failure 2
    assert_stderr "kv: verify: --run-label takes letters, digits and . _ -, not 'a/b' (try 'kv help')"
}

@test "kv verify: an unknown option has one hint" {
    run --separate-stderr kv verify b.json --batch
    assert_failure 2
    assert_stderr "kv: verify: unknown option '--batch' (try 'kv help verify')"
}

@test "kv verify: its help has every option that it takes, and its page too" {
    kv help verify >help
    kv verify --help | diff help -
    grep -oE '^  --[a-z-]+' help | tr -d ' ' | sort >helped
    sed -n "/^pairs=/,/^flags.*--use-final-message-for-rubric/p" "$ROOT/bin/kv" | grep -oE -- '--[a-z-]+' |
        sort -u >taken
    # these are taken so that they may be typed, not to be used
    comm -23 taken helped | diff - <(printf '%s\n' --deep-judgment-rubric-mode --mode --workspace-output-mode)
    assert_equal "$(comm -13 taken helped)" ''
    awk '/^\.Sh / { inside = /OPTIONS OF VERIFY$/ } inside' "$ROOT/man/kv.1" | grep -oE 'Fl -[a-z-]+' |
        sed 's/Fl /-/' | sort -u >paged
    assert_equal "$(comm -13 paged helped)" ''
}

@test "kv verify: what is missing is named" {
    run --separate-stderr kv verify --preset p --output r.json
    assert_failure 2
    assert_stderr "kv: verify: a benchmark is required, unless with --resume (try 'kv help')"
    run --separate-stderr kv verify b --preset p --output r.txt
    assert_stderr "kv: verify: the output must be named .json or .csv, not 'r.txt' (try 'kv help')"
    run --separate-stderr kv verify b --preset p --output r.json --async-workers many
    assert_stderr "kv: verify: --async-workers takes a number from 1, not 'many' (try 'kv help')"
    run --separate-stderr kv verify --resume r.json.state --async-workers 0
    assert_stderr "kv: verify: --async-workers takes a number from 1, not '0' (try 'kv help')"
    run --separate-stderr kv verify --resume r.json.state --preset p
    assert_stderr "kv: verify: --resume takes all from the state: leave out --preset (try 'kv help')"
    run --separate-stderr kv verify --resume r.json.state --question-ids q --questions 1
    assert_stderr "kv: verify: --resume takes all from the state: leave out --questions (try 'kv help')"
    run --separate-stderr kv verify --resume
    assert_stderr "kv: verify: option '--resume' needs an argument (try 'kv help')"
}

@test "kv verify: an interrupt lets kv-run drain, and its status is the answer" {
    # The stand-in drains as kv-run does: at the interrupt it prints what it has and exits 130.
    cat >bin/kv-run <<'EOF'
#!/bin/bash
trap 'echo "{\"late\":1}"; exit 130' INT
echo started >&2
read -r _ <never
EOF
    mkfifo never started
    # A process group of its own, as a terminal gives it; job control lets it have the interrupt.
    run --separate-stderr bash -c 'set -m
        exec 5<>never 6<>started
        kv verify --resume r.json.state 2>started & kv=$!
        read -r line <&6
        kill -INT -$kv
        wait $kv
        echo "status $?"'
    assert_line 'status 130'
    assert_equal "$(cat appended)" '{"late":1}'
    refute grep -q finalize calls
}

@test "kv verify-status: the table, and JSON" {
    run kv verify-status r.json.state
    assert_output table
    run kv verify-status r.json.state --json
    assert_output '{}'
}

@test "kv verify-status: -t and -q list tasks and questions, each once" {
    run kv verify-status -t -q r.json.state
    assert_success
    assert_output "$(printf '%s\n' table 'Pending questions (1):' '  q1' 'Pending tasks (2):' \
        '  q1\ta\tb' '  q1\ta\tc')"
}

@test "kv verify-status: letters stand together, and -- ends the options" {
    run kv verify-status -qt -- r.json.state
    assert_success
    assert_equal "${lines[1]}" 'Pending questions (1):'
    assert_equal "${lines[3]}" 'Pending tasks (2):'
    run --separate-stderr kv verify-status -qx r.json.state
    assert_failure 2
    assert_stderr "kv: verify-status: unknown option '-x' (try 'kv help')"
}

@test "kv verify-status: jobs that are no questions are listed by their keys" {
    stand_in kv-status '[ "$1" = --pending ] && echo "{\"task_id\":\"a b.jpg\"}"; :'
    run kv verify-status -tq r.json.state
    assert_success
    assert_output "$(printf '%s\n' 'Pending questions (1):' '  a b.jpg' 'Pending tasks (1):' \
        '  a b.jpg')"
}

@test "kv: it finds its programs through a symbolic link" {
    mkdir elsewhere
    ln -s ../bin/kv elsewhere/kv
    PATH=${PATH#"$PWD/bin:"} run elsewhere/kv status x.state --json
    assert_success
    assert_equal "$(cat calls)" 'kv-status x.state --json'
}

@test "kv: completion in bash offers commands, options and states" {
    touch a.json.state b.json
    cp "$KV_BIN/kv-append" bin/ 2>/dev/null || stand_in kv-append \
        "awk -v plain=1 -f '$ROOT/man/help.awk' '$ROOT/man/kv-append.1'"
    complete_words() {
        COMP_WORDS=("$@")
        COMP_CWORD=$(($# - 1))
        _kv
        printf '%s ' "${COMPREPLY[@]}"
    }
    . "$ROOT/share/completions/kv.bash"
    assert_equal "$(complete_words kv ver)" 'verify verify-status '
    assert_equal "$(complete_words kv verify --pre)" '--preset '
    assert_equal "$(complete_words kv-append --rej)" '--rejects '
    assert_equal "$(complete_words kv append --t)" '--tee '
    assert_equal "$(complete_words kv append '')" 'a.json.state '
}

@test "kv: completion in zsh is a script zsh can read" {
    command -v zsh >/dev/null || skip 'no zsh here'
    run zsh -n "$ROOT/share/completions/_kv"
    assert_success
}
