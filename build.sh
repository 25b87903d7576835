#!/usr/bin/env bash
# Build what is uploaded: build/low-inventory-job.zip, with the connector jar (lib/pyflink-dependencies.jar) in it, and
# build/kinesis-to-dynamo.zip and build/alerts-to-sns.zip, with the packages that Lambda's Python 3.11 does not have.
# --if-possible: go on without the connector where Maven is missing or cannot get it; tests that need it are skipped.
set -euo pipefail
cd "$(dirname "$0")"

fail() { echo "build.sh: $1" >&2; exit 2; }

if_possible=false
case "${1-}" in
  "") ;;
  --if-possible) if_possible=true ;;
  *) fail "unknown argument $1; expected nothing or --if-possible" ;;
esac

command -v sha256sum >/dev/null || fail "sha256sum is missing; install GNU coreutils"
python=.venv/bin/python
[ -x "$python" ] || python=$(command -v python3.11 || command -v python3) || fail "python3 is missing; install Python 3.11"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

jar=lib/pyflink-dependencies.jar
made_from=lib/pom.sha256

build_connector() {
  command -v mvn >/dev/null || { echo "build.sh: mvn is missing; install Maven 3.8 or newer" >&2; return 2; }
  echo "building $jar with Maven" >&2
  # What an earlier build left behind would be shaded once more, in another order.
  rm -rf connectors/target
  mvn -B -q -ntp -Dstyle.color=never -f connectors/pom.xml package >&2 || { echo "build.sh: Maven could not build the connector" >&2; return 2; }
  mkdir -p lib
  cp connectors/target/pyflink-dependencies.jar "$jar"
  sha256sum connectors/pom.xml >"$made_from"
}

# What a package is made from, file by file.
sums() { find build.sh "$@" -name __pycache__ -prune -o -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum; }

# unchanged NAME INPUT…: whether build/NAME.zip was made from these inputs as they are now; if so, say so.
unchanged() {
  [ -f "build/$1.zip" ] && [ "$(sums "${@:2}")" = "$(cat "build/$1.inputs" 2>/dev/null)" ] && tell "$1" "  (unchanged)"
}

# tell NAME [REMARK]
tell() { echo "build/$1.zip  $(($(wc -c <"build/$1.zip"))) bytes  sha256 $(sha256sum "build/$1.zip" | cut -d ' ' -f 1)${2-}"; }

# pack NAME ROOT PATH…: make build/NAME.zip of what is at ROOT/PATH. The same files give the same bytes.
pack() {
  "$python" - "$@" <<'PYTHON'
import sys
import zipfile
from pathlib import Path

target, root = Path("build", f"{sys.argv[1]}.zip"), Path(sys.argv[2])
files = []
for place in (root / path for path in sys.argv[3:]):
    found = [place] if place.is_file() else sorted(file for file in place.rglob("*") if file.is_file())
    files += [file for file in found if "__pycache__" not in file.parts]
target.parent.mkdir(exist_ok=True)
partial = target.with_suffix(".partial")
with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as package:
    for file in files:
        entry = zipfile.ZipInfo(file.relative_to(root).as_posix(), date_time=(2026, 1, 1, 0, 0, 0))
        entry.external_attr = 0o100644 << 16
        # A jar is packed already.
        entry.compress_type = zipfile.ZIP_STORED if file.suffix == ".jar" else zipfile.ZIP_DEFLATED
        package.writestr(entry, file.read_bytes())
partial.replace(target)
PYTHON
}

# build_lambda NAME FOLDER
build_lambda() {
  local name=$1 folder=$2 inputs
  unchanged "$name" "$folder" lambdas/common && return
  inputs=$(sums "$folder" lambdas/common)
  "$python" -m pip --version >/dev/null 2>&1 || fail "pip is missing for $python; install it, or make .venv with make"
  echo "building build/$name.zip with pip" >&2
  # The requirements name every package, so none is looked up; what the runtime has is not among them.
  "$python" -m pip install --quiet --disable-pip-version-check --no-input --root-user-action=ignore \
    --require-hashes --no-deps --no-compile --target "$work/$name" -r "$folder/requirements.txt" \
    --only-binary=:all: --platform manylinux2014_x86_64 --implementation cp --python-version 3.11 >&2 ||
    fail "pip could not get the packages of $folder/requirements.txt"
  # What depends on the pip that installed, and not on what was.
  rm -rf "$work/$name/bin" "$work/$name"/*.dist-info/{INSTALLER,RECORD,REQUESTED}
  cp "$folder"/*.py "$work/$name"
  mkdir -p "$work/$name/lambdas/common"
  cp lambdas/common/*.py "$work/$name/lambdas/common"
  pack "$name" "$work/$name" .
  echo "$inputs" >"build/$name.inputs"
  tell "$name"
}

build_job() {
  local name=low-inventory-job inputs
  if ! { [ -f "$jar" ] && sha256sum --check --status "$made_from" 2>/dev/null; } && ! build_connector; then
    "$if_possible" && { echo "build.sh: going on without the connector" >&2; return; }
    exit 2
  fi
  unchanged "$name" jobs "$jar" && return
  inputs=$(sums jobs "$jar")
  pack "$name" . jobs "$jar"
  echo "$inputs" >"build/$name.inputs"
  tell "$name"
}

build_lambda kinesis-to-dynamo lambdas/kinesis_to_dynamo
build_lambda alerts-to-sns lambdas/alerts_to_sns
build_job
