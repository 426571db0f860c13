# What every program has in common: options, messages, exit statuses, streams.
load ../helper

PROGRAMS='kv-manifest kv-run kv-append kv-status kv-check-compat kv-finalize kv-rejudge'

@test "cli: --help and -h print the summary of the page and exit 0" {
    for p in $PROGRAMS; do
        run --separate-stderr "$p" --help
        assert_success
        assert_line --index 0 --regexp "^usage: $p( |$)"
        assert_stderr ''
        help=$output
        run "$p" -h
        assert_success
        assert_output "$help"
    done
}

@test "cli: --version and -V print name and version" {
    for p in $PROGRAMS; do
        run --separate-stderr "$p" --version
        assert_success
        assert_output --regexp "^$p [0-9]+\.[0-9]+\.[0-9]+\$"
        run "$p" -V
        assert_success
    done
}

@test "cli: an unknown option is a usage error that names it" {
    for p in $PROGRAMS; do
        run --separate-stderr "$p" --nonsense
        assert_failure 2
        assert_stdout ''
        assert_stderr "$p: unknown option '--nonsense' (try '$p --help')"
    done
}

@test "cli: an unknown letter is a usage error that names it" {
    for p in $PROGRAMS; do
        run --separate-stderr "$p" -Z
        assert_failure 2
        assert_stderr "$p: unknown option '-Z' (try '$p --help')"
    done
}

# Of every option that takes a number or a time, by its page: "program option expected".
numbers() {
    local count='a whole number from 0 to 10\^15' some='a whole number from 1 to 10\^15'
    local limit='a time above 0, such as 90, 55m or 1h30m, at most 36525d'
    cat <<END
kv-run --jobs a number from 1 to 100000, or auto
kv-run --rpm a number above 0
kv-run --tpm a number above 0
kv-run --max-tasks $count
kv-run --max-tokens $count
kv-run --max-cost a number from 0
kv-run --max-failures $some
kv-run --give-up $some
kv-run --among $some
kv-run --wait a time, such as 90, 55m or 1h30m, at most 36525d
kv-run --grace a time, such as 90, 55m or 1h30m, at most 36525d
kv-run --time-limit $limit
kv-run --first-token $limit
kv-run --idle $limit
kv-run --total $limit
kv-run --cmd-timeout $limit
kv-rejudge --jobs $some
END
}

@test "cli: a number that is none, or out of range, is named with its option and what is allowed" {
    local program option expected value bad
    while read -r program option expected; do
        bad=(x -1 5x ' 1' 1e 99999999999999999999d)
        [[ $expected == *auto ]] || bad+=('')
        [[ $expected != *above* && $expected != *'from 1'* ]] || bad+=(0)
        [[ $expected == *time* || $expected == 'a number '[fa]* ]] || bad+=(1.5 99999999999999999999)
        for value in "${bad[@]}"; do
            run --separate-stderr "$program" "$option=$value" x.state </dev/null
            assert_failure 2
            assert_stdout ''
            assert_regex "$stderr" "^$program: $option: expected $expected, not '$value' \(try '$program --help'\)\$"
        done
    done < <(numbers)
}

@test "cli: an empty argument, as of a variable that is not set, is named with its option" {
    local program option
    while read -r program option; do
        run --separate-stderr "$program" "$option" '' x.state </dev/null
        assert_failure 2
        assert_stderr "$program: $option: expected an argument, not '' (try '$program --help')"
    done <<'END'
kv-manifest --benchmark
kv-manifest --output
kv-manifest --set
kv-manifest --share
kv-run --exec
kv-run --endpoint
kv-append --rejects
kv-check-compat --config
kv-rejudge --benchmark
kv-report --labels
END
}

@test "cli: a missing operand is a usage error" {
    for p in kv-run kv-append kv-status kv-check-compat kv-finalize kv-manifest; do
        run --separate-stderr "$p" </dev/null
        assert_failure 2
        assert_stdout ''
        assert [ -n "$stderr" ]
    done
}

@test "cli: a state that does not exist is 3, and named" {
    for p in kv-run kv-append kv-status kv-finalize; do
        run --separate-stderr "$p" absent.json.state </dev/null
        assert_failure 3
        assert_stdout ''
        assert_equal "${#stderr_lines[@]}" 1
        assert_regex "$stderr" "^$p: .*absent\.json"
    done
}

@test "cli: a state that is no JSON is 3, with the place" {
    printf '{"format_version": "1.0", oops' >bad.json.state
    printf '{}' >bad.json.tmp
    for p in kv-run kv-append kv-status kv-finalize; do
        run --separate-stderr "$p" bad.json.state </dev/null
        assert_failure 3
        assert_stdout ''
        assert_regex "$stderr" "^$p: .*bad\.json\.state.*1:27"
    done
}

@test "cli: -- ends the options" {
    run --separate-stderr kv-status -- --json
    assert_failure 3
    assert_regex "$stderr" "^kv-status: .*--json"
}

@test "cli: a closed standard output is told, with status 4" {
    for p in $PROGRAMS; do
        run --separate-stderr bash -c "$p --help >/dev/full"
        assert_failure 4
        assert_stderr "$p: stdout: no space left on device"
    done
}
