# The room python against Python itself: str, repr, float, int, literals, re and strptime.
load ../helper

setup() {
    kv_setup
    # strptime and re change between versions; these are the ones that were compared.
    python3 -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' ||
        skip 'needs a python3 of version 3.11 or 3.12'
}

# differential TOOL COUNT SEED - asks `kvtest TOOL` what Python was asked
differential() {
    python3 "$ROOT/tests/library/python_cases.py" "$2" "$3" >cases
    python3 "$ROOT/tests/library/python_cases.py" --questions "$1" cases | kvtest "$1" >answers
    run python3 "$ROOT/tests/library/python_cases.py" --compare "$1" cases <answers
    assert_success
    agreement "python, $1" "${lines[-1]}"
}

@test "python: values, numerals, white space and literals are read and spelled as Python does" {
    differential python 7000 11
}

@test "python: patterns match and dates are read as Python's re and strptime do" {
    differential facts 14000 12
}
