# agree.bash - walks recorded cases beside what a driver answered to them: `load agree`.

# agree FILTER CASES ANSWERS [NAME] - FILTER is jq, true of {"want":case,"got":answer} where they
# agree. Names every case that does not, by the jq expression NAME of the case (its index from 0
# otherwise), then prints agreed/total, which is told in the output of the suite too.
agree() {
    local said
    # Numbers are named by value: jq 1.7 keeps how one was spelled (1.0), 1.6 does not.
    said=$(jq -nr --slurpfile want "$2" --slurpfile got "$3" '
        def value: walk(if type == "number" then . * 1 else . end); # keeps -0
        def agrees: try ('"$1"') catch false;
        [range($want | length) as $i | {i: $i, want: $want[$i], got: $got[$i]}]
        | (map(select(agrees | not))) as $bad
        | ($bad[] | "disagrees: " + (if "'"${4:-}"'" == "" then "\(.i)" else (.want | '"${4:-.}"' | value | tostring) end)),
          "\(length - ($bad | length))/\(length)"') || return
    agreement "${2##*/}" "${said##*$'\n'}"
    printf '%s\n' "$said"
}
