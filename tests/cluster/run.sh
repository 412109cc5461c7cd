#!/usr/bin/env bash
# The product's promise on a real API server: record scenarios in a permissive cluster, generate, then run them again on a fresh
# server under our roles only, and ask that server what else they allow. Ends with 1 when anything is not as it should be.
# Usage: run.sh [DIR], where DIR keeps the logs and policies; needs install.sh's programs, openssl and python3.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
export TIGHTFIT_KUBERNETES=${TIGHTFIT_KUBERNETES:-${XDG_CACHE_HOME:-$HOME/.cache}/tightfit/kubernetes-1.36.2}
tightfit=${TIGHTFIT:-$here/../../target/debug/tightfit}
if [ $# -gt 0 ]; then mkdir -p "$1" && dir=$(cd "$1" && pwd); else dir=$(mktemp -d); fi
staging=$dir/staging production=$dir/production beside=$dir/beside policies=$dir/policies
trap 'code=$?; for one in "$staging" "$production" "$beside"; do "$here/down.sh" "$one"; done; exit $code' EXIT
say() { printf -- '-- %s (%s s)\n' "$1" "$SECONDS"; }
wrong=0

# Every scenario in DIR; the words of one that fails are shown.
scenarios() {
  local failed=0
  for script in "$here"/scenarios/*.sh; do
    local name said
    name=$(basename "$script" .sh)
    if ! said=$("$here/scenario.sh" "$1" "$script" 2>&1); then
      failed=1
      printf 'scenario %s failed:\n%s\n' "$name" "$(tail -n 5 <<<"$said" | cut -c1-600)"
    fi
  done
  return $failed
}
say "a permissive cluster"
rm -rf "$staging" "$production" "$beside" "$policies"
"$here/up.sh" "$staging"
"$here/setup.sh" "$staging" permissive
scenarios "$staging"
"$here/down.sh" "$staging"

say "policies from $(wc -l <"$staging/audit.log") events"
code=0
"$tightfit" generate "$staging/audit.log" --config "$here/tightfit.toml" --cluster 'staging=*' --out "$policies" --quiet || code=$?
case $code in 0 | 4 | 5) ;; *) echo "generate ended with $code"; "$tightfit" verify "$staging/audit.log" --config "$here/tightfit.toml" --cluster 'staging=*' --policies "$policies" || true; exit 1 ;; esac

say "a fresh server"
"$here/up.sh" "$production"
"$here/setup.sh" "$production"
kubectl=("$TIGHTFIT_KUBERNETES/bin/kubectl" --kubeconfig "$production/admin.kubeconfig")
# What the samples promise is offered too: their namespaces are made first.
for folder in "$here"/../../samples/*/expected/kubernetes/*/*/; do
  namespace=$(basename "$folder")
  [ "$namespace" = user ] || "${kubectl[@]}" get namespace "$namespace" >/dev/null 2>&1 || "${kubectl[@]}" create namespace "$namespace" >/dev/null
done
"$here/accepted.sh" "$production" "$policies" || wrong=1
for sample in "$here"/../../samples/*/expected/kubernetes; do "$here/accepted.sh" "$production" "$sample" || wrong=1; done
fixtures=$here/../../../shared/data/policies/pod-security-admission/testdata
if [ -d "$fixtures" ]; then python3 "$here/podsec.py" "$production" "$fixtures" || wrong=1; else echo "skipped: $fixtures is absent"; fi
roles=()
while IFS= read -r -d '' file; do roles+=(-f "$file"); done < <(find "$policies" -name rbac.yaml -print0 | sort -z)
"${kubectl[@]}" apply --server-side "${roles[@]}" >"$production/said/apply"
say "the scenarios again, under our roles only"
scenarios "$production" || wrong=1
cp "$production/audit.log" "$dir/production.log"

say "what the server allows"
pairs=()
for script in "$here"/scenarios/*.sh; do
  pairs+=("$(sed -n 's/^# runs as: \([^,]*\).*$/\1/p' "$script")=$(basename "$script" .sh)")
done
python3 "$here/judge.py" --cluster "$production" --policies "$policies" --staging "$staging/audit.log" --production "$dir/production.log" \
  "${pairs[@]}" jane='(impersonated)' || wrong=1

say "production's own log, judged by the same policies"
code=0
"$tightfit" verify "$dir/production.log" --config "$here/tightfit.toml" --cluster 'staging=*' --policies "$policies" --quiet || code=$?
case $code in 0 | 4 | 5) ;; *) echo "verify ended with $code"; wrong=1 ;; esac

"$here/down.sh" "$production"

if [ -d "$fixtures" ]; then
  say "admission proposals beside the server's own Pod Security admission"
  "$here/up.sh" "$beside"
  "$here/admission.sh" "$beside" "$fixtures" || wrong=1
  "$here/down.sh" "$beside"
fi
say "done"
[ $wrong = 0 ] || { echo "what happened stands in $dir" >&2; exit 1; }
[ $# -gt 0 ] || rm -rf "$dir"
