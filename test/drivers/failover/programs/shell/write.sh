#!/bin/bash
# `write.sh FILE`: a numbered row, and another one 20 ms after it, through insert_order of the file, until it is killed.
# Prints `driver VERSION`, `ack NUMBER` and `error CODE MESSAGE`, a line each.
source "$1"
read -r _ _ version _ < <(psql --version)
echo "driver $version"
# A pipe that says nothing: `read -t` waits without a process of its own, as `sleep` is.
exec {silent}<> <(:)
for ((number = 1; ; number++)); do
  if message=$(insert_order "$CLIENT" "$number"); then
    echo "ack $number"
  else
    echo "error exit-$? ${message//$'\n'/ }"
  fi
  read -r -t 0.02 -u "$silent"
done
