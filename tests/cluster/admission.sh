#!/usr/bin/env bash
# Admission proposals judged by an API server: every policy is accepted and type-checks, answers what Pod Security admission of the
# same server answers, and lets each exceptional account through at what it uses and no further. Prints figures, fails on the first
# kind of difference.
# Usage: admission.sh DIR FIXTURES; DIR is a cluster of up.sh, FIXTURES the testdata folder of k8s.io/pod-security-admission.
# TIGHTFIT names the program; by default the one that cargo built.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir=${1:?usage: admission.sh DIR FIXTURES}
fixtures=${2:?usage: admission.sh DIR FIXTURES}
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
python3 "$here/admission.py" "$dir" "${TIGHTFIT:-$here/../../target/debug/tightfit}" "$fixtures"
