#!/usr/bin/env bash
# Train several infection networks side by side, for a machine that is lent for minutes.
#
#   cxr-node pack --data COVID-QU-Ex --more RADIOGRAPHS --out packed      # beforehand, at home
#   deploy/candidates.sh packed OUT MINUTES [ENCODERS]                    # on the machine
#
# ENCODERS is a folder with tf_efficientnet_lite0.safetensors and ..._lite2.safetensors; without it
# the networks start from scratch. OUT receives NAME/weights.safetensors (half precision, at most
# 13 MB), NAME/card.json, and all.log. The same command goes on after a kill. CANDIDATES, one a
# line, each a name, a network and options of `cxr-node train`, replaces the list below. PYTHON is
# the interpreter that has torch (default: python3), which must find dicom_node.
set -euo pipefail

packed=$1 out=$2 minutes=$3 encoders=${4:-}
work=${WORK:-$out.work}
candidates=${CANDIDATES:-"
lite0 fpn-efficientnetlite0 --recipe strangers --set batch=32 --set learning_rate=1e-3 --set average=0.998
lite2 fpn-efficientnetlite2 --recipe strangers --set batch=32 --set learning_rate=1e-3 --set average=0.998
lite2-plain fpn-efficientnetlite2 --recipe imagenet --set batch=32
"}
mkdir -p "$out" "$work"
: > "$out/all.log"

train() { # NAME NETWORK OPTIONS...
    local name=$1 network=$2; shift 2
    local encoder="$encoders/tf_efficientnet_lite${network##*lite}.safetensors" init=() more=()
    [[ -n $encoders && -f $encoder ]] && init=(--init "$encoder")
    [[ -d $packed/more ]] && more=(--more "$packed/more")
    "${PYTHON:-python3}" -m dicom_node train infection --network "$network" --data "$packed" "${more[@]}" "${init[@]}" \
        --minutes "$minutes" --out "$work/$name" "$@"
    mkdir -p "$out/$name"
    cp "$work/$name/infection-$network/"{weights.safetensors,card.json} "$out/$name/"
}

# One that fails must not take the others' weights with it.
failed=0
running=()
while read -r name network options; do
    [[ -z $name ]] && continue
    # shellcheck disable=SC2086 -- options are words
    (train "$name" "$network" $options 2>&1 | sed "s/^/$name: /" >> "$out/all.log") &
    running+=($!)
done <<< "$candidates"
for pid in "${running[@]}"; do wait "$pid" || failed=1; done
tail -n 20 "$out/all.log"
exit $failed
