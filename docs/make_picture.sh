#!/usr/bin/env bash
# Makes the pictures of the README as a browser shows them: docs/console.png, the console during `almenara serve --drill`, and
# docs/report.png, the top of the report of the exercise that `make demo` plays.
#   docs/make_picture.sh            both, playing the exercise anew
#   docs/make_picture.sh console    the console alone
#   docs/make_picture.sh demo       the report alone, of the results in the folder demo
# Needs Chromium (CHROMIUM=… names another one); nothing is installed for it.
set -euo pipefail
cd "$(dirname "$0")/.."
chromium=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ "${1-console}" = console ]; then
  .venv/bin/python -m tests.console.picture docs/console.png
  [ $# -eq 0 ] || exit 0
fi
if [ $# -gt 0 ]; then
  mkdir "$work/results"
  for part in summary.json hazards.geojson incidents.json timeline.parquet exposures.parquet exposures.csv warnings; do
    cp -r "$1/$part" "$work/results/"
  done
else
  .venv/bin/almenara drill --scenario ecuador --seed 7 --out "$work/results" --quiet
fi
.venv/bin/almenara report "$work/results" --lang en

"$chromium" --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
  --disable-component-update --disable-sync --hide-scrollbars --user-data-dir="$work/profile" \
  --force-device-scale-factor=0.75 --window-size=1200,1960 --screenshot="$work/report.png" "file://$work/results/report.html" 2>/dev/null
mv "$work/report.png" docs/report.png
echo "docs/report.png  $(wc -c < docs/report.png) bytes"
