#!/bin/sh
# Checks what deploy/ holds: the Kubernetes file against the schemas of several versions, the unit against systemd.
# Exit code 0 = no fault. What checks is put under .tools/, which git does not see.
set -eu

cd "$(dirname "$0")/.."
tools=.tools/deploy
faults=0

if [ ! -x "$tools/bin/kubernetes-validate" ]; then
  python3 -m venv "$tools"
  "$tools/bin/pip" install --quiet --disable-pip-version-check "kubernetes-validate==1.37.0"
fi

# 1.30: the first that knows preStop.sleep without a feature gate.
for version in 1.30 1.34 1.37; do
  "$tools/bin/kubernetes-validate" --strict --quiet --no-warn -k "$version" deploy/kubernetes.yaml || faults=1
done

# The binary is not installed here: any program stands in for it.
if command -v systemd-analyze > /dev/null; then
  unit="$tools/keypairs.service"
  sed 's|^ExecStart=/usr/local/bin/keypairs .*|ExecStart=/bin/true|' deploy/systemd/keypairs.service > "$unit"
  said=$(systemd-analyze verify --man=no --recursive-errors=no "$unit" 2>&1) || faults=1
  # Words about other units of this machine are not ours.
  if echo "$said" | grep -F keypairs.service; then faults=1; fi
else
  echo "systemd-analyze is not here: the unit was not checked" >&2
fi

[ "$faults" = 0 ] && echo "deploy/: no fault" || { echo "deploy/: faults" >&2; exit 1; }
