/**
 * The shells' side of completion: each asks the program itself, `PROGRAM __complete WORDS…`, which prints `word<TAB>summary`
 * lines, or `:file` / `:directory` where the shell knows better. So all three stay true to the command tree.
 */
export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

const scripts: Readonly<Record<Shell, string>> = {
  bash: `# bash completion of PROGRAM. Load it: source <(PROGRAM completions bash)
_PROGRAM_complete() {
  local current=\${COMP_WORDS[COMP_CWORD]} line
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :file) compopt -o default; COMPREPLY=(); return ;;
      :directory) compopt -o dirnames; COMPREPLY=(); return ;;
      *) line=\${line%%$'\\t'*}; [[ $line == "$current"* ]] && COMPREPLY+=("$line") ;;
    esac
  done < <("\${COMP_WORDS[0]}" __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _PROGRAM_complete PROGRAM
`,
  zsh: `#compdef PROGRAM
# zsh completion of PROGRAM. Put it in a directory of $fpath as _PROGRAM, or: source <(PROGRAM completions zsh)
_PROGRAM() {
  local -a suggestions
  local line
  while IFS= read -r line; do
    case $line in
      :file) _files; return ;;
      :directory) _files -/; return ;;
      *) suggestions+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}") ;;
    esac
  done < <($words[1] __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  _describe PROGRAM suggestions
}
if [ "$funcstack[1]" = _PROGRAM ]; then _PROGRAM "$@"; else compdef _PROGRAM PROGRAM; fi
`,
  fish: `# fish completion of PROGRAM. Load it: PROGRAM completions fish | source
function __PROGRAM_complete
  set -l words (commandline -opc) (commandline -ct)
  for line in ($words[1] __complete -- $words[2..-1] 2>/dev/null)
    switch $line
      case ':file'; __fish_complete_path (commandline -ct)
      case ':directory'; __fish_complete_directories (commandline -ct)
      case '*'; echo $line
    end
  end
end
complete -c PROGRAM -f -a '(__PROGRAM_complete)'
`,
};

export function completionScript(shell: Shell, program: string): string {
  return scripts[shell].replaceAll("PROGRAM", program);
}
