# Completion of streetseg for fish: streetseg completion fish | source

function __streetseg_candidates
    set -l words (commandline --tokenize --cut-at-cursor --current-process)
    set -l word (commandline --current-token --cut-at-cursor)
    set -lx _STREETSEG_COMPLETE fish
    set -lx _STREETSEG_WORDS (string join \n -- $words[2..] | string collect)
    set -lx _STREETSEG_WORD (string unescape -- "$word"; or echo $word)
    $words[1] 2>/dev/null | string replace --regex '^\w+\t' ''
end

complete --command streetseg --no-files --arguments '(__streetseg_candidates)'
