# kv.bash - completion for kv and its programs. The options are what --help says at that moment.

_kv_options() {
    "$@" --help 2>/dev/null | command sed -nE 's/^ +(-.)?,? *(--[a-z-]+).*/\1 \2/p'
}

_kv_commands='init import check manifest run append status check-compat finalize batch rejudge report export
    verify verify-status help'

_kv() {
    local program=${COMP_WORDS[0]##*/} current=${COMP_WORDS[COMP_CWORD]} options
    local IFS=$' \t\n'
    COMPREPLY=()
    if [ "$program" = kv ]; then
        if [ "$COMP_CWORD" -eq 1 ]; then
            mapfile -t COMPREPLY < <(compgen -W "$_kv_commands" -- "$current")
            return
        fi
        case ${COMP_WORDS[1]} in
        check) options=$(_kv_options "${COMP_WORDS[0]}" manifest) ;;
        verify-status) options='--json --show-tasks --show-questions' ;;
        help) mapfile -t COMPREPLY < <(compgen -W "$_kv_commands" -- "$current") && return ;;
        *) options=$(_kv_options "${COMP_WORDS[0]}" "${COMP_WORDS[1]}") ;;
        esac
    else
        options=$(_kv_options "${COMP_WORDS[0]}")
    fi
    if [ "${COMP_WORDS[COMP_CWORD - 1]}" = --to ]; then
        mapfile -t COMPREPLY < <(compgen -W 'csv inspect junit lm-eval md promptfoo' -- "$current")
    elif [[ $current == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
    else
        # Operands are states first of all; readline's own file names follow if there is none.
        case "$program ${COMP_WORDS[1]}" in
        *run* | *append* | *status* | *finalize*)
            mapfile -t COMPREPLY < <(compgen -f -X '!*.state' -- "$current")
            ;;
        esac
    fi
}

complete -o default -F _kv kv kv-init kv-import kv-manifest kv-run kv-append kv-status \
    kv-check-compat kv-finalize kv-batch kv-rejudge kv-report kv-export
