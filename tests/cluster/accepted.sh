#!/usr/bin/env bash
# Offers every YAML file of output folders to a real API server, strictly and without keeping any: unknown or doubled fields, unknown
# kinds, wrong values and CEL that does not compile are refused. Usage: accepted.sh DIR POLICIES...
set -euo pipefail
dir=${1:?usage: accepted.sh DIR POLICIES...}
shift
kubectl=("${TIGHTFIT_KUBERNETES:-${XDG_CACHE_HOME:-$HOME/.cache}/tightfit/kubernetes-1.36.2}/bin/kubectl" --kubeconfig "$dir/admin.kubeconfig")
failed=0 patches=0 untaken=0 expressions=0 foreign=0 whole=()
while IFS= read -r -d '' file; do
  case $file in
    *.patch.yaml)
      # A patch names its object: .../NAMESPACE/pod-security/KIND-NAME.patch.yaml; it can be offered where the object stands.
      name=$(basename "$file" .patch.yaml)
      object=("-n" "$(basename "$(dirname "$(dirname "$file")")")")
      if "${kubectl[@]}" "${object[@]}" get "${name%%-*}" "${name#*-}" >/dev/null 2>&1; then
        said=$("${kubectl[@]}" "${object[@]}" patch "${name%%-*}" "${name#*-}" --patch-file "$file" --dry-run=server 2>&1) || { failed=1; echo "$file: $said"; }
        patches=$((patches + 1))
      else
        untaken=$((untaken + 1))
      fi
      ;;
    # Kinds that a network plugin defines, not Kubernetes.
    *.cilium.yaml | *.calico-staged.yaml) foreign=$((foreign + 1)) ;;
    *) whole+=(-f "$file") ;;
  esac
  # An audit policy is a file for the API server, no object: up.sh starts one with it.
done < <(find "$@" -name '*.yaml' ! -name audit-policy.yaml -print0 | sort -z)
"${kubectl[@]}" apply --server-side --force-conflicts --validate=strict --dry-run=server "${whole[@]}" >"$dir/said/accepted" 2>"$dir/said/not-accepted" \
  || { failed=1; cat "$dir/said/not-accepted"; }
# CEL is compiled on admission, but its types are checked by the controller-manager, on a policy that really stands there.
for file in $(find "$@" -name '*.yaml' -exec grep -l '^kind: ValidatingAdmissionPolicy$' {} +); do
  for policy in $("${kubectl[@]}" apply --server-side --force-conflicts -f "$file" -o name | grep '^validatingadmissionpolicy\.'); do
    "${kubectl[@]}" wait "$policy" --for='jsonpath={.status.typeChecking}' --timeout=30s >/dev/null || failed=1
    said=$("${kubectl[@]}" get "$policy" -o 'jsonpath={.status.typeChecking.expressionWarnings}')
    [ -z "$said" ] || { failed=1; echo "$file: $said"; }
    expressions=$((expressions + 1))
  done
  "${kubectl[@]}" delete --ignore-not-found -f "$file" >/dev/null
done
printf 'accepted strictly: %s objects, %s patches (%s more whose object does not stand there); admission policies type-checked: %s; files of a plugin'"'"'s own kinds, not offered: %s\n' \
  "$(grep -c 'serverside-applied' "$dir/said/accepted")" "$patches" "$untaken" "$expressions" "$foreign"
exit $failed
