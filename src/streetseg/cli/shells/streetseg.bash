# Completion of streetseg for bash 4 and newer: eval "$(streetseg completion bash)"

_streetseg() {
    local kind value help
    COMPREPLY=()
    while IFS=$'\t' read -r kind value help; do
        case $kind in
            part) compopt -o nospace ;;
            path) compopt -o filenames; value=${value%/} ;; # readline quotes spaces and puts / behind a folder
        esac
        COMPREPLY+=("$value")
    done < <(
        _STREETSEG_COMPLETE=bash _STREETSEG_LINE="${COMP_LINE:0:COMP_POINT}" _STREETSEG_BREAKS="$COMP_WORDBREAKS" \
            "$1" 2>/dev/null
    )
}

complete -F _streetseg streetseg
