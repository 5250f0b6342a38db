# shellcheck shell=bash
# What the action's scripts share. They run with bash 3.2 (macOS) or newer, get
# everything that they are told through the environment, and put nothing that
# somebody else wrote into a command line, a file name or a workflow command
# without quoting it.
set -euo pipefail
unset CDPATH

# escaped is its argument as the data of a workflow command: one line, in which
# nothing starts another command.
escaped() {
  local s=$1
  s=${s//'%'/%25}
  s=${s//$'\r'/%0D}
  printf '%s' "${s//$'\n'/%0A}"
}

notice() { printf '::notice title=kubeteus::%s\n' "$(escaped "$1")"; }

# fail ends the step with kubeteus's own exit code for "could not run".
fail() {
  printf '::error title=kubeteus::%s\n' "$(escaped "$1")"
  exit "${2:-1}"
}

output() { printf '%s=%s\n' "$1" "$2" >>"$GITHUB_OUTPUT"; }

# sha256 is the command that prints checksums: Linux and Windows have the first.
# shellcheck disable=SC2034 # for the script that calls it
if command -v sha256sum >/dev/null; then sha256=(sha256sum); else sha256=(shasum -a 256); fi

# enter goes to the folder that the action was told to work in. That folder and
# the one of the intents have to be there under the names that the workflow gives:
# a pull request that put a symbolic link in place of one of them would choose
# a folder that its base does not have, and with it no guardrails but its own.
enter() {
  cd -P -- "$GITHUB_WORKSPACE" || fail "there is no workspace: check the repository out first"
  cd -- "$(inside "${WORKING_DIRECTORY:-.}")" 2>/dev/null || fail "working-directory: there is no folder ${WORKING_DIRECTORY}" 2
  [ "$PWD" = "$(pwd -P)" ] ||
    fail "working-directory: $WORKING_DIRECTORY is reached through a symbolic link, which a pull request can point elsewhere: name the folder itself" 2
  git rev-parse --git-dir >/dev/null 2>&1 || fail "$PWD is in no git repository: check it out with actions/checkout first"
  local at file=''
  at=$(inside "${INTENTS:-.}")
  if [ -f "$at" ]; then file=$at at=$(dirname -- "$at"); fi
  if [ -d "$at" ] && { [ -L "$file" ] || ! (cd -- "$at" && [ "$PWD" = "$(pwd -P)" ]); }; then
    fail "intents: $INTENTS is reached through a symbolic link, which a pull request can point elsewhere: name the folder itself" 2
  fi
}

# inside is a path of an input, from the workspace on where it is given in full:
# a link above the workspace is the machine's own.
inside() {
  case $1 in
  "$GITHUB_WORKSPACE" | "$GITHUB_WORKSPACE"/*) printf '%s' "$(cd -P -- "$GITHUB_WORKSPACE" && pwd)${1#"$GITHUB_WORKSPACE"}" ;;
  *) printf '%s' "$1" ;;
  esac
}

# git_settings holds for every git that the scripts start. Hooks are off, since a
# step before may have pointed core.hooksPath at files of the pull request, and
# git runs here with a token that may push. The token is sent to this server
# alone, never stands in a command line, and stays behind what actions/checkout
# kept, unless the caller chose another one than the workflow's own.
git_settings() {
  export GIT_TERMINAL_PROMPT=0
  set_git core.hooksPath /dev/null
  set_git safe.directory "$GITHUB_WORKSPACE"
  local scope="http.$GITHUB_SERVER_URL/.extraheader" kept
  kept=$(git config --get-urlmatch http.extraheader "$GITHUB_SERVER_URL/" || true)
  if [ -n "${TOKEN:-}" ] && { [ -z "$kept" ] || [ "$TOKEN" != "${WORKFLOW_TOKEN:-}" ]; }; then
    set_git "$scope" ''
    set_git "$scope" "AUTHORIZATION: basic $(printf 'x-access-token:%s' "$TOKEN" | base64 | tr -d '\n')"
  fi
}

set_git() {
  local n=${GIT_CONFIG_COUNT:-0}
  export "GIT_CONFIG_KEY_$n=$1" "GIT_CONFIG_VALUE_$n=$2" GIT_CONFIG_COUNT=$((n + 1))
}

# is_commit says whether its argument is a commit's full name, and not zeros,
# which events use for "there was none".
is_commit() {
  [[ $1 =~ ^([0-9a-f]{40}|[0-9a-f]{64})$ && ! $1 =~ ^0+$ ]]
}

# parents_of_head are those that the commit itself names: a shallow clone's
# history says that there are none.
parents_of_head() {
  git cat-file commit HEAD | sed -n -e '/^$/q' -e 's/^parent //p'
}

# is_pull_merge says whether the checkout is the merge that GitHub makes of
# a pull request and its base: the commit that the event runs for, whose second
# parent is the pull request's head. Anybody can push a commit with that parent,
# and any other parent before it, but GITHUB_SHA is the server's word. Where the
# history is there, the first parent also has the base that the event names.
is_pull_merge() {
  local parents first code=0
  is_commit "${PULL_HEAD:-}" && [ "$(git rev-parse HEAD)" = "${GITHUB_SHA:-}" ] || return 1
  parents=$(parents_of_head)
  first=${parents%%$'\n'*}
  [ "$parents" = "$first"$'\n'"$PULL_HEAD" ] || return 1
  if is_commit "${EVENT_BASE:-}" && [ "$(git rev-parse --is-shallow-repository)" = false ]; then
    # 1 is no; more than that, as where the event's base is gone, is no answer.
    git merge-base --is-ancestor "$EVENT_BASE" "$first" 2>/dev/null || code=$?
  fi
  [ "$code" -ne 1 ]
}

# project finds the project as kubeteus does (openProject in cmd/kubeteus): project_dir is its folder,
# project_intents that of its intents, relative to it.
# shellcheck disable=SC2034 # for the script that calls it
project() {
  local at=${INTENTS:-.}
  [ -e "$at" ] || fail "intents: $at does not exist" 2
  if [ ! -d "$at" ]; then at=$(dirname -- "$at"); fi
  at=$(cd -- "$at" && pwd)
  if [ -d "$at/intents" ]; then
    project_dir=$at project_intents=intents
  else
    project_dir=$(dirname -- "$at") project_intents=$(basename -- "$at")
  fi
}

# flags collects what compile and review have in common. Lists are a path a line.
flags() {
  local line
  flags=()
  while IFS= read -r line; do
    if [ -n "$line" ]; then flags+=("--manifests=$line"); fi
  done <<<"${MANIFESTS:-}"
  while IFS= read -r line; do
    if [ -n "$line" ]; then flags+=("--inventory=$line"); fi
  done <<<"${INVENTORY:-}"
  if [ -n "${TARGET:-}" ]; then flags+=("--target=$TARGET"); fi
  if [ -n "${MODEL:-}" ]; then flags+=("--model=$MODEL"); fi
  if [ -n "${BASE_URL:-}" ]; then flags+=("--base-url=$BASE_URL"); fi
}

# truth refuses what is neither true nor false: "ture" must not mean false.
truth() {
  case $2 in
  true | false) ;;
  *) fail "$1: true or false, not ${2:-nothing}" 2 ;;
  esac
}
