#!/bin/sh
# Draws the passwords of compose.yaml into ./secrets, once: what is there stays. Run it as who runs
# compose; the files are for that user, and for the containers that are given them.
set -eu
umask 077
cd "$(dirname "$0")"
mkdir -p secrets
draw() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
once() { if [ ! -e "secrets/$1" ]; then cat >"secrets/$1"; chmod 644 "secrets/$1"; fi; }

draw | once postgres-password
draw | once rabbitmq-password
draw | once grafana-password
printf 'postgresql+psycopg://cxr:%s@postgres/cxr\n' "$(cat secrets/postgres-password)" | once ledger-url
printf 'amqp://cxr:%s@rabbitmq//\n' "$(cat secrets/rabbitmq-password)" | once broker-url
printf 'default_user = cxr\ndefault_pass = %s\n' "$(cat secrets/rabbitmq-password)" | once rabbitmq.conf
# The folder keeps others out. Compose hands the files on as they are, so each is for the user of its
# container: the node's, where root may give it to that one; for the others whoever that is.
chmod 700 secrets
if [ "$(id -u)" = 0 ]; then chgrp 10001 secrets/*-url && chmod 640 secrets/*-url; fi
echo "secrets: $(ls secrets | tr '\n' ' ')"
