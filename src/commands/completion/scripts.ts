/**
 * The shells' halves of completion. All that they know is how their shell is told what Aurelay answers to `__complete`
 * (complete.ts): commands and options are asked of the Aurelay that is installed, so a script never gets stale.
 */
export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/** bash(1), "Programmable Completion"; bash 3.2 too, which macOS has. `=` and `:` break words there: they are joined again. */
const bash = `# Completion of aurelay for bash: source <(aurelay completion bash)
_aurelay() {
  local IFS=$'\\n' raw="\${COMP_WORDS[COMP_CWORD]}" word glue='' last=-1 line before
  local words=() answer=()
  case $raw in [=:]*) raw='' ;; esac
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD}"; do
    case $word in
      [=:]*) if [ $last -ge 0 ]; then words[last]="\${words[last]}$word"; glue=1; continue; fi ;;
    esac
    if [ -n "$glue" ]; then words[last]="\${words[last]}$word"; glue=''
    else last=$((last + 1)); words[last]=$word; fi
  done
  COMPREPLY=()
  answer=($("\${COMP_WORDS[0]/#\\~/$HOME}" __complete -- "\${words[@]}" 2>/dev/null))
  [ \${#answer[@]} -gt 0 ] || return 0
  case \${answer[\${#answer[@]} - 1]} in
    :files) compopt -o default 2>/dev/null || COMPREPLY=($(compgen -f -- "$raw")) ;;
    :folders) compopt -o dirnames 2>/dev/null || COMPREPLY=($(compgen -d -- "$raw")) ;;
    :these)
      before="\${words[last]%"$raw"}"
      for line in "\${answer[@]}"; do
        case $line in
          :*) ;;
          *) line=\${line%%$'\\t'*}; COMPREPLY[\${#COMPREPLY[@]}]="\${line#"$before"}" ;;
        esac
      done ;;
  esac
}
complete -F _aurelay aurelay
`;

/** zshcompsys(1). Works both as a file in fpath and when it is sourced. */
const zsh = `#compdef aurelay
# Completion of aurelay for zsh: aurelay completion zsh > a file _aurelay in a folder of $fpath
_aurelay() {
  local -a answer candidates
  local line kind
  answer=("\${(@f)$("\${(Q)words[1]/#\\~/$HOME}" __complete -- "\${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
  kind=$answer[-1]
  case $kind in
    :files|:folders)
      [[ $PREFIX == --*=* ]] && compset -P '*='
      if [[ $kind == :folders ]]; then _files -/; else _files; fi ;;
    :these)
      for line in "\${(@)answer[1,-2]}"; do
        candidates+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
      done
      _describe aurelay candidates ;;
  esac
}
if [[ \${zsh_eval_context[-1]} == loadautofunc ]]; then _aurelay "$@"; else compdef _aurelay aurelay; fi
`;

/** fish's "complete". */
const fish = `# Completion of aurelay for fish: aurelay completion fish > ~/.config/fish/completions/aurelay.fish
function __aurelay_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program (string replace -r '^~' $HOME -- $words[1])
    set -l answer ($program __complete -- $words[2..-1] "$current" 2>/dev/null)
    test (count $answer) -gt 0; or return
    set -l kind $answer[-1]
    set -e answer[-1]
    set -l option (string match -r -- '^--[a-z-]+=' "$current")
    set -l path (string replace -r -- '^--[a-z-]+=' '' "$current")
    switch $kind
        case :files
            printf "$option%s\\n" (__fish_complete_path "$path")
        case :folders
            printf "$option%s\\n" (__fish_complete_directories "$path")
        case :these
            printf '%s\\n' $answer
    end
end
complete -c aurelay -e
complete -c aurelay -f -a '(__aurelay_complete)'
`;

export const completionScripts: Readonly<Record<Shell, string>> = { bash, zsh, fish };
