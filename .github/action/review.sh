#!/usr/bin/env bash
# Runs kubeteus review, which writes the reports, the annotations, the step's
# summary, its outputs and the comment, and fails last. What is added here is
# where the reports are, and what to type where the overlay is out of date.
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=lib.sh
. "$here/lib.sh"

# name is the artifact's: every project and target of a run has its own, and no
# character that file systems or the artifact's service refuse.
name() {
  local slug
  slug=$(printf '%s/%s/%s' "${WORKING_DIRECTORY:-.}" "${INTENTS:-.}" "${TARGET:-auto}" |
    tr '[:upper:]' '[:lower:]' | tr -c 'a-z0-9\n' '-' | tr -s '-' | tr -d '\n' | cut -c 1-80)
  slug=${slug#-} slug=${slug%-}
  printf 'kubeteus-%s' "$slug"
}

# command_line is what a person types to mend an overlay, from the top of the
# repository, quoted for a shell.
command_line() {
  local words line=
  words=(kubeteus compile ${flags[@]+"${flags[@]}"} -- "${INTENTS:-.}")
  case ${WORKING_DIRECTORY:-.} in
  . | ./) ;;
  *) line=$(printf 'cd %q && ' "$WORKING_DIRECTORY") ;;
  esac
  line+=$(printf '%q ' "${words[@]}")
  printf '%s' "${line% }"
}

# review runs kubeteus. What it says to people quotes the repository, and a line
# that begins with :: is a command to the runner, so that each gets a prefix; the
# annotations on its stdout are such commands.
review() {
  { GITHUB_TOKEN=$TOKEN "$KUBETEUS" review "$@" 2>&1 >&3 | sed -e 's/^/| /'; } 3>&1
}

# again renders the reports of another run, which come in an artifact and were
# written by whoever wrote that run's code: one report.json, or a folder with
# folders that hold one each. kubeteus decodes them strictly, and takes the pull
# request from the event, never from them. A stranger says how many there are, and
# shall not cover the pull request with comments.
again() {
  local file found=0 most=16 code=0
  cd -- "$GITHUB_WORKSPACE"
  for file in "$REPORT" "$REPORT"/report.json "$REPORT"/*/report.json; do
    if [ -f "$file" ] && [ ! -L "$file" ]; then
      found=$((found + 1))
      [ "$found" -gt "$most" ] || review --report="$file" --comment=always || code=$?
    fi
  done
  [ "$found" -gt 0 ] || fail "report: there is no report.json in $REPORT"
  [ "$found" -le "$most" ] || notice "report: $found reports in $REPORT, and $most at most are posted: the last $((found - most)) are not"
  exit "$code"
}

if [ -n "${REPORT:-}" ]; then
  again
fi

truth comment "$COMMENT"
truth annotations "$ANNOTATIONS"
truth locked "$LOCKED"
enter
flags
reports=$(mktemp -d "$RUNNER_TEMP/kubeteus-reports.XXXXXX")
args=("--reports=$reports" "--fail-on=$FAIL_ON")
if [ -n "${BASE:-}" ]; then args+=("--base=$BASE"); fi
if [ -n "${TRUSTED:-}" ]; then args+=("--trusted=$TRUSTED"); fi
if [ "$COMMENT" = true ]; then args+=(--comment=auto); else args+=(--comment=never); fi
if [ "$ANNOTATIONS" = true ]; then args+=(--annotations); fi
if [ "$LOCKED" = true ]; then args+=(--locked); fi

code=0
review "${args[@]}" ${flags[@]+"${flags[@]}"} -- "${INTENTS:-.}" || code=$?

output artifact "$(name)"
for pair in html=report.html json=report.json sarif=kubeteus.sarif; do
  if [ -f "$reports/${pair#*=}" ]; then output "${pair%%=*}" "$reports/${pair#*=}"; fi
done
if grep -qx verdict=stale "$GITHUB_OUTPUT"; then
  printf 'kubeteus: to mend it, run and commit:  %s\n' "$(command_line)"
  if [ -f "$reports/kubeteus.patch" ]; then
    printf 'kubeteus: or apply kubeteus.patch of the artifact %s at the top of the repository:  git apply kubeteus.patch\n' "$(name)"
  fi
fi
exit "$code"
